import gzip
import re
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import list_scenarios
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo.foreign_file import (
    DROPPED,
    ONLY_SEEN,
    OUTPUTS,
    as_bytes,
    freestanding,
    is_harmless_param,
    may_stay,
)

PLAIN = '<additional><vType id="c"><param key="has.rerouting.device" value="true"/></vType><busStop id="b" lane="a"/></additional>'
EDGES = '<additional><edgeData id="e" freq="10" file="owned.xml"/></additional>'
ELEMENTS = [
    '<inductionLoop id="i" lane="a_0" pos="1" file="owned.xml"/>', '<instantInductionLoop id="i" lane="a_0" pos="1" file="x"/>',
    '<laneAreaDetector id="l" lane="a_0" file="x"/>', '<entryExitDetector id="x" file="x"/>', '<laneData id="x" file="x"/>',
    '<routeProbe id="p" edge="a" file="x"/>', '<vTypeProbe id="p" freq="1" file="x"/>', '<calibrator id="c" output="x"/>',
    '<timedEvent type="SaveTLSStates" dest="x"/>', '<newerThanWeKnow file="x"/>', "<deep><er><edgeData file='x'/></er></deep>",
    '<tlLogic id="C" type="actuated"><param key="file" value="x"/></tlLogic>',
    '<vType id="v"><param key="has.ssm.device" value="true"/></vType>',
    '<vehicle id="v" depart="0"><param value="true" key="has.ssm.device"/></vehicle>',
    "<vType id='v'><param key='device.toc.file' value='x'/></vType>",
    '<vType id="v"><param key="has.&#115;sm.device" value="true"/></vType>',
    '<vType id="v"><param key=" has.ssm.device" value="true"/></vType>',
    '<?a <!-- ?><edgeData id="e" file="x"/><?a --> ?>', '<![CDATA[<!--]]><edgeData id="e" file="x"/><![CDATA[-->]]>',
    '<x:y xmlns:x="w"/><vType xmlns="u" id="v"><param key=\'has.ssm.device\' value="true"/></vType>',
]  # fmt: skip


def written_by(root):
    """What in an element tree would make SUMO write: attributes and parameters."""
    named = [
        (item.tag, name)
        for item in root.iter()
        for name in OUTPUTS & item.attrib.keys()
        if item.get(name) != "NUL"
    ]
    return named + [item.get("key") for item in root.iter("param") if not is_harmless_param(item.get("key", ""))]


def test_a_plain_file_without_outputs_may_be_read_as_it_lies(tmp_path):
    (tmp_path / "a.xml").write_text(PLAIN)
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(PLAIN.encode()))
    (tmp_path / "c.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<!-- Köln --><net><param key="origId" value="ü"/></net>'
    )
    assert all(may_stay(tmp_path / name) for name in ("a.xml", "b.xml.gz", "c.xml"))


@pytest.mark.parametrize("element", ELEMENTS)
def test_whatever_writes_is_found_and_taken_away(tmp_path, element):
    (tmp_path / "a.xml").write_text(f"<additional>{element}</additional>")
    assert not may_stay(tmp_path / "a.xml")
    root = freestanding(tmp_path / "a.xml")
    assert written_by(root) == []
    (tmp_path / "copy.xml").write_bytes(as_bytes(root))
    assert b"ssm" not in as_bytes(root)
    assert written_by(freestanding(tmp_path / "copy.xml")) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "iso8859-15"])
def test_no_encoding_hides_an_output(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding.upper().replace("-LE", "").replace("-BE", "")}"?>{EDGES}'
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    for name, content in (
        ("a.xml", mark + text.encode(encoding)),
        ("b.xml", gzip.compress(mark + text.encode(encoding))),
    ):
        (tmp_path / name).write_bytes(content)
        assert not may_stay(tmp_path / name)
        assert written_by(freestanding(tmp_path / name)) == []


@pytest.mark.parametrize("encoding", ["utf-32", "utf-7", "cp037", "shift_jis"])
def test_an_encoding_that_we_cannot_read_is_refused(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>{EDGES}'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(ScenarioError, match=r"a\.xml: not readable as XML"):
        freestanding(tmp_path / "a.xml") if not may_stay(tmp_path / "a.xml") else None


def test_what_a_file_draws_in_is_made_harmless_and_put_in_its_place(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.xml").write_text(
        '<additional><include href="in/b.xml"/><variableSpeedSign id="r" lanes="a_0" file="in/r.xml"/>'
        '<calibrator id="c" file="in/c.xml"/></additional>'
    )
    (tmp_path / "in" / "b.xml").write_text(
        '<additional><include href="more.xml"/><edgeData id="e" file="x"/></additional>'
    )
    (tmp_path / "in" / "more.xml").write_text(
        '<additional><vType id="v"><param key="has.ssm.device" value="1"/></vType></additional>'
    )
    (tmp_path / "in" / "r.xml").write_text('<vss><step time="0" speed="9"/></vss>')
    (tmp_path / "in" / "c.xml").write_text(
        '<c><flow begin="0" end="9"><param key="has.ssm.device" value="1"/></flow></c>'
    )
    assert not may_stay(tmp_path / "a.xml")
    root = freestanding(tmp_path / "a.xml")
    assert [item.tag for item in root] == ["vType", "edgeData", "variableSpeedSign", "calibrator"]
    assert [item.tag for item in root[2].iter()] == ["variableSpeedSign", "step"]
    assert written_by(root) == []
    assert root[2].get("file") is None


def test_the_outermost_element_of_an_included_file_counts_where_it_is_one_that_counts(tmp_path):
    (tmp_path / "a.xml").write_text('<additional><include href="b.xml"/></additional>')
    (tmp_path / "b.xml").write_text('<edgeData id="e" file="owned.xml"/>')
    [item] = freestanding(tmp_path / "a.xml")
    assert (item.tag, item.get("file")) == ("edgeData", "NUL")
    assert not may_stay(tmp_path / "b.xml")


def test_what_a_file_draws_in_must_be_there_and_not_itself(tmp_path):
    (tmp_path / "a.xml").write_text('<additional><include href="lost.xml"/></additional>')
    with pytest.raises(ScenarioError, match=r"lost\.xml: not readable as XML"):
        freestanding(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_text('<additional><calibrator id="r" file="b.xml"/></additional>')
    with pytest.raises(ScenarioError, match=r"b\.xml: includes itself, directly or through others"):
        freestanding(tmp_path / "b.xml")


@pytest.mark.parametrize(
    ("key", "is_harmless"),
    [
        ("has.rerouting.device", True), ("device.rerouting.period", True), ("has.toc.device", True),
        ("device.toc.manualType", True),
        ("device.toc.file", False), ("has.ssm.device", False), ("device.ssm.measures", False), ("has.example.device", False),
        ("has.fcd.device", False), ("has.tripinfo.device", False), ("has.newer.device", False), ("file", False),
        ("any.output", False), ("origId", True), ("max-gap", True), ("detector-gap", True), ("profile", True),
    ],
)  # fmt: skip
def test_of_devices_those_stay_that_change_how_a_vehicle_drives(key, is_harmless):
    assert is_harmless_param(key) is is_harmless


@pytest.mark.sumo
def test_every_attribute_of_sumos_schemas_that_names_a_file_is_known():
    sumo = pytest.importorskip("sumo", reason="SUMO is not installed")
    schemas = Path(sumo.SUMO_HOME) / "data" / "xsd"
    kinds = (
        "additional_file",
        "routes_file",
        "net_file",
        "tllogic_file",
        "taz_file",
        "genericparameter_file",
        "detectors_file",
    )
    text = "".join((schemas / f"{kind}.xsd").read_text(encoding="utf-8") for kind in kinds)
    named = set(re.findall(r'attribute name="([^"]*)"', text))
    assert {
        name for name in named if re.search("file|output|dest|href|path", name, re.IGNORECASE)
    } <= OUTPUTS | DROPPED | ONLY_SEEN


def test_a_net_keeps_what_belongs_into_a_net(tmp_path):
    inside = '<edge id="a"/><edgeData id="e" file="owned.xml"/><vehicle id="v" depart="0"/><tlLogic id="C"/>'
    (tmp_path / "n.net.xml").write_text(f"<net>{inside}</net>")
    assert not may_stay(tmp_path / "n.net.xml")
    assert [item.tag for item in freestanding(tmp_path / "n.net.xml")] == ["edge", "tlLogic"]


def test_the_nets_of_our_own_scenarios_and_of_netconvert_stay_as_they_lie():
    assert all(may_stay(scenario.net_file) for scenario in list_scenarios())


def test_an_element_with_a_prefix_stays_one_that_sumo_does_not_know(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<additional xmlns:s="u"><s:tlLogic id="C"/><include href="b.xml"/></additional>'
    )
    (tmp_path / "b.xml").write_text('<additional xmlns="v"><busStop id="b"/></additional>')
    text = as_bytes(freestanding(tmp_path / "a.xml"))
    assert b"<tlLogic" not in text
    assert b'<busStop id="b"' in text


def test_what_later_xml_takes_for_a_space_hides_no_output(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<?xml version="1.1"?><additional><edgeData id="e" file\u0085="x"/></additional>'
    )
    with pytest.raises(ScenarioError, match="not well-formed"):
        freestanding(tmp_path / "a.xml") if not may_stay(tmp_path / "a.xml") else None
