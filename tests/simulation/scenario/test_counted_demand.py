import gzip
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.importing import import_scenario

pytestmark = pytest.mark.sumo

TOWN = Path(__file__).parents[2] / "networks" / "town.osm.xml"


CROSSING = load_scenario("crossing").net_file


def bring_in(source, out, **options):
    return import_scenario(ImportConfig(source=source, out=out, **options))


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return bring_in(TOWN, tmp_path_factory.mktemp("import") / "town")


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


@pytest.fixture
def foreign(tmp_path):
    """A configuration as people keep them: files in subfolders, packed, including others, writing outputs, from 07:00 on."""
    folder = tmp_path / "foreign"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "net.net.xml.gz").write_bytes(gzip.compress(CROSSING.read_bytes()))
    (folder / "in" / "types.xml").write_text(
        '<routes><vTypeDistribution id="mix"><vType id="a" probability="0.7"/><vType id="b" vClass="bus" probability="0.3"/>'
        "</vTypeDistribution></routes>"
    )
    flow = '<flow id="f" type="mix" begin="7:00:00" end="25800" period="10" from="N_C" to="C_S"/>'
    (folder / "in" / "a.rou.xml").write_text(f'<routes><include href="types.xml"/>{flow}</routes>')
    (folder / "in" / "b.rou.xml").write_text('<routes><trip id="t" depart="25210" from="W_C" to="C_E"/></routes>')
    (folder / "in" / "sensors.add.xml").write_text(
        '<additional><inductionLoop id="d" lane="C_S_1" pos="10" period="60" file="loops.out.xml"/>'
        '<busStop id="stop" lane="C_S_1" startPos="30" endPos="50"/></additional>'
    )
    (folder / "city.sumocfg").write_text(
        '<sumoConfiguration><input><net-file value="in/net.net.xml.gz"/><route-files value="in/a.rou.xml, in/b.rou.xml"/>'
        '<additional-files value="in/sensors.add.xml"/></input><time><begin value="25200"/><end value="25500"/>'
        '<step-length value="0.5"/></time><processing><time-to-teleport value="120"/><lateral-resolution value="0.8"/>'
        '</processing><output><tripinfo-output value="trips.out.xml"/><fcd-output value="fcd.out.xml"/></output>'
        "</sumoConfiguration>"
    )
    return folder / "city.sumocfg"


def test_counts_decide_the_hour_whatever_the_configuration_says(foreign, tmp_path):
    counts = counts_file(tmp_path, ["600,1500,N_C.bay,C_S,40"])
    scenario = load_scenario(str(bring_in(foreign, tmp_path / "out", counts=counts, begin_s=900.0).folder))
    assert (scenario.begin_s, scenario.end_s) == (900.0, 1500.0)
