import gzip
from dataclasses import replace

from leed_traffic.simulation.scenario.places import read_places
from tests.intersections import four_legs

EDGES = (
    '<edge id="in0" name="Main  Street"/><edge id="in4" name="Main  Street"/><edge id="in2" name="Station Road [B1]"/>'
    '<edge id="out6" name=" "/><edge id="out1" name="Third"/><edge id="out3" name="Fourth"/>'
)


def test_a_place_is_named_by_its_streets_the_longest_one_first(tmp_path):
    (tmp_path / "x.net.xml").write_text(f"<net>{EDGES}</net>")
    junctions = [four_legs("X"), replace(four_legs("Y"), lanes=(), movements=())]
    assert read_places(tmp_path / "x.net.xml", junctions) == {"X": "Main Street / Station Road [B1] / Third"}


def test_a_net_without_names_names_nobody_and_may_be_packed(tmp_path):
    path = tmp_path / "x.net.xml.gz"
    path.write_bytes(gzip.compress(b'<net><edge id="in0"/></net>'))
    assert read_places(path, [four_legs()]) == {}
