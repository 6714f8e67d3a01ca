import gzip

import pytest

from tests.simulation.scenario.towns import CROSSING, TOWN, bring_in


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return bring_in(TOWN, tmp_path_factory.mktemp("import") / "town")


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
