import json

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.cli.scenario import app
from leed_traffic.errors import ScenarioError


def test_list_names_the_shipped_scenarios_and_their_size():
    shown = CliRunner().invoke(app, ["list", "--json"])
    assert shown.exit_code == 0
    signals = {entry["name"]: entry["n_signals"] for entry in json.loads(shown.stdout)}
    assert signals == {"arterial5": 5, "crossing": 1, "grid4x4": 16}


def test_list_prints_one_row_per_scenario():
    shown = CliRunner().invoke(app, ["list"])
    assert [name in shown.stdout for name in ("arterial5", "crossing", "grid4x4")] == [True] * 3


@pytest.mark.sumo
def test_build_writes_the_committed_net_elsewhere(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    shown = CliRunner().invoke(app, ["build", "crossing", "--out", str(tmp_path), "--json"])
    assert json.loads(shown.stdout)["name"] == "crossing"
    assert (tmp_path / "net.net.xml").read_bytes() == load_scenario("crossing").net_file.read_bytes()


def test_an_unknown_name_is_left_to_the_wrapper_as_a_scenario_error():
    with pytest.raises(ScenarioError, match="no such scenario"):
        CliRunner().invoke(app, ["build", "nope"], catch_exceptions=False)
