import xml.etree.ElementTree as ET

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from tests.simulation.scenario.towns import bring_in

pytestmark = pytest.mark.sumo


def counts_file(folder, rows, head="begin_s,end_s,from_edge,to_edge,vehicles"):
    path = folder / "counts.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_counts_become_traffic_that_makes_the_counted_turns(town, tmp_path):
    rows = [
        f"{600 + k},{1500 + k},{a},{b},{n}"
        for k in (0, 900)
        for a, b, n in (("104", "102#0", 40), ("-103", "-102#1", 90))
    ]
    report = bring_in(town.folder / "net.net.xml", tmp_path / "out", counts=counts_file(tmp_path, rows))
    assert (report.counted.counts, report.counted.counts_met) == (4, 4)
    scenario = load_scenario(str(report.folder))
    assert (scenario.begin_s, scenario.end_s) == (600.0, 2400.0)
    routes = [v.find("route").get("edges") for v in ET.parse(scenario.route_files[0]).getroot().iter("vehicle")]
    assert sum("104 102#0" in edges for edges in routes) == pytest.approx(80, abs=8)


@pytest.mark.parametrize(
    ("head", "row", "message"),
    [
        ("begin,end_s,from_edge,to_edge,vehicles", "0,900,104,105,3", r"no column begin_s; need begin_s,end_s"),
        (None, "0,900,104,105,many", r"line 2: vehicles is 'many', expected a number"),
        (None, "900,0,104,105,3", r"line 2: need 0 <= begin_s < end_s"),
        (None, "0,900,104,nowhere,3", r"line 2: the net has no edge 'nowhere'"),
        (None, "0,900,104,107,3", r"line 2: the net leads from 104 not to 107 but to -101, 102#0, 105"),
        (None, "0,900,104,105,0", r"counts no vehicle"),
        (None, "0,900,104,105", r"line 2: vehicles is None, expected a number"),
    ],
)
def test_counts_that_do_not_fit_are_one_line_and_leave_nothing_behind(town, tmp_path, head, row, message):
    counts = counts_file(tmp_path, [row], *([head] if head else []))
    with pytest.raises(ScenarioError, match=message) as caught:
        bring_in(town.folder / "net.net.xml", tmp_path / "out", counts=counts)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["counts.csv"]


def test_counts_decide_the_hour_whatever_the_configuration_says(foreign, tmp_path):
    counts = counts_file(tmp_path, ["600,1500,N_C.bay,C_S,40"])
    scenario = load_scenario(str(bring_in(foreign, tmp_path / "out", counts=counts, begin_s=900.0).folder))
    assert (scenario.begin_s, scenario.end_s) == (900.0, 1500.0)
