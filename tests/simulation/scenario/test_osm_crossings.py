import gzip
import xml.etree.ElementTree as ET

from leed_traffic.simulation.scenario.osm_crossings import without_stray_crossings

CROSS = """<osm version="0.6">
 <node id="1" lat="50.0000" lon="10.0000"/>
 <node id="2" lat="50.0000" lon="10.0040"><tag k="highway" v="traffic_signals"/></node>
 <node id="3" lat="50.0000" lon="10.0080"/><node id="4" lat="50.0020" lon="10.0040"/><node id="5" lat="49.9980" lon="10.0040"/>
 <node id="6" lat="50.0010" lon="10.0010"/><node id="7" lat="50.0010" lon="10.0020"><tag k="name" v="K&#246;ln &amp; Co"/>
 <tag k="highway" v="crossing"/></node><node id="8" lat="50.0010" lon="10.0030"/>
 <node id="9" lat="50.0000" lon="10.0060"><tag k="highway" v="crossing"/></node>
 <way id="11"><nd ref="1"/><nd ref="2"/><nd ref="9"/><nd ref="3"/><tag k="highway" v="secondary"/></way>
 <way id="12"><nd ref="4"/><nd ref="2"/><nd ref="5"/><tag k="highway" v="secondary"/></way>
 <way id="13"><nd ref="6"/><nd ref="7"/><nd ref="8"/><tag k="TAG" v="KIND"/></way>
</osm>"""


def extract(folder, tag, kind, name="town.osm.xml"):
    content = CROSS.replace("TAG", tag).replace("KIND", kind).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


def test_a_crossing_on_no_street_is_no_crossing_in_the_copy(tmp_path):
    source = extract(tmp_path, "barrier", "wall", "town.osm.xml.gz")
    assert without_stray_crossings(source, tmp_path / "copy.xml", frozenset({"secondary"})) == ("7",)
    nodes = {node.get("id"): node for node in ET.parse(tmp_path / "copy.xml").getroot().iter("node")}
    assert len(nodes) == 9
    assert [(tag.get("k"), tag.get("v")) for tag in nodes["7"]] == [("name", "Köln & Co")]
    assert [tag.get("v") for tag in nodes["9"]] == ["crossing"]


def test_a_map_without_stray_crossings_is_not_copied(tmp_path):
    source = extract(tmp_path, "highway", "footway")
    assert without_stray_crossings(source, tmp_path / "copy.xml", frozenset({"secondary", "footway"})) == ()
    assert not (tmp_path / "copy.xml").exists()
