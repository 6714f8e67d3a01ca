import pickle

import pytest

from leed_traffic.artifacts.scenario import list_scenarios, load_scenario, signal_ids
from leed_traffic.errors import ScenarioError

RECIPE = """
title = "One signal"
[net]
signals = { C = [0, 0] }
rim = { N = [0, 300], E = [300, 0], S = [0, -300], W = [-300, 0] }
streets = [{ nodes = ["W", "C", "E"] }, { nodes = ["N", "C", "S"] }]
[demand]
flows = [{ origin = "W", destination = "E", per_hour = [100, 200, 300] }]
"""


def one_line(fault: pytest.ExceptionInfo[ScenarioError]) -> str:
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_the_shipped_scenarios_load_by_name_folder_and_recipe():
    named = {scenario.name: scenario for scenario in list_scenarios()}
    assert {"crossing", "arterial5", "grid4x4"} <= named.keys()
    crossing = load_scenario("crossing")
    assert crossing == named["crossing"]
    assert crossing == load_scenario(str(crossing.net_file.parent))
    assert crossing == load_scenario(str(crossing.net_file.parent / "scenario.toml"))
    assert pickle.loads(pickle.dumps(crossing)) == crossing
    assert {name: len(signal_ids(s)) for name, s in named.items()}.items() >= {
        ("crossing", 1),
        ("arterial5", 5),
        ("grid4x4", 16),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[demand]", "[demand]\nvolume = 3", "volume"),
        ("[net]", "[net", "not TOML"),
        ("[100, 200, 300]", "[100, 200]", "need 3 figures, one per period, got 2"),
        ('origin = "W"', 'origin = "C"', "both ends must be rim nodes"),
        ('"W", "C", "E"', '"W", "X", "E"', "unknown nodes X"),
        ('title = "One signal"', 'title = "One signal"\nend_s = 0.0', "need begin_s < end_s, got 0.0 and 0.0"),
    ],
)
def test_a_broken_recipe_is_refused_in_one_line(tmp_path, old, new, said):
    (tmp_path / "scenario.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises(ScenarioError) as fault:
        load_scenario(str(tmp_path))
    assert said in one_line(fault)
