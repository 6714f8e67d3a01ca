"""Extracts on whose crossings SUMO 1.28's netconvert dies."""

import gzip

import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.scenario import osm_net
from leed_traffic.simulation.scenario.osm_crossings import street_kinds
from leed_traffic.simulation.scenario.osm_net import OsmOptions, build_net_from_osm
from leed_traffic.simulation.sumo.tools import ToolKilledError

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


def test_the_kinds_of_streets_are_those_of_the_typemaps(tmp_path):
    (tmp_path / "a.typ.xml").write_text(
        '<types><type id="highway.primary"/><type id="highway.raceway" discard="true"/><type id="railway.rail"/></types>'
    )
    assert street_kinds([tmp_path / "a.typ.xml"]) == {"primary"}


@pytest.mark.sumo
@pytest.mark.parametrize(
    ("tag", "kind"), [("barrier", "wall"), ("highway", "proposed"), ("public_transport", "platform")]
)
def test_an_extract_on_which_netconvert_crashes_becomes_a_net_and_says_how(tmp_path, tag, kind):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    said = build_net_from_osm(extract(tmp_path, tag, kind), tmp_path / "net.xml", OsmOptions())
    assert said[0].startswith(
        "crossings left out that lie on no street, for netconvert crashes on them: 1 (node 7)"
    )
    assert "<crossing" not in said
    again = build_net_from_osm(
        extract(tmp_path, tag, kind, "a,b.osm.xml.gz"), tmp_path / "again.xml", OsmOptions()
    )
    assert again == said
    assert (tmp_path / "again.xml").read_bytes() == (tmp_path / "net.xml").read_bytes()


@pytest.mark.sumo
def test_an_extract_without_such_crossings_is_converted_as_it_is(tmp_path):
    pytest.importorskip("sumo", reason="SUMO is not installed")
    said = build_net_from_osm(extract(tmp_path, "highway", "footway"), tmp_path / "net.xml", OsmOptions())
    assert not any("crashes" in line for line in said)


def test_a_map_whose_crossings_netconvert_cannot_bear_at_all_is_converted_without_them(tmp_path, monkeypatch):
    tried = []

    def convert(name, options, folder):
        tried.append(options)
        if "--osm.crossings" in options:
            raise ToolKilledError("netconvert was killed by SIGSEGV")
        (folder / "net.xml").write_text("<net/>")
        return "Warning: something else\n"

    monkeypatch.setattr(osm_net, "run_tool", convert)
    monkeypatch.setattr(osm_net, "sumo_home", lambda: tmp_path)
    (tmp_path / "data" / "typemap").mkdir(parents=True)
    for name in osm_net.TYPEMAPS:
        (tmp_path / "data" / "typemap" / name).write_text('<types><type id="highway.secondary"/></types>')
    said = build_net_from_osm(extract(tmp_path, "barrier", "wall"), tmp_path / "net.xml", OsmOptions())
    assert said[0].startswith(
        "the map's crossings are left out, for netconvert crashes on them; --walkers guesses"
    )
    assert said[1:] == ("something else",)
    assert ["--osm.crossings" in options for options in tried] == [True, True, False]


def test_a_crash_that_crossings_do_not_explain_is_told(tmp_path, monkeypatch):
    def crash(name, options, folder):
        raise ToolKilledError("netconvert was killed by SIGSEGV")

    monkeypatch.setattr(osm_net, "run_tool", crash)
    monkeypatch.setattr(osm_net, "sumo_home", lambda: tmp_path)
    with pytest.raises(
        ScenarioError, match="no net can be made of this extract: netconvert was killed by SIGSEGV"
    ):
        build_net_from_osm(
            extract(tmp_path, "barrier", "wall"), tmp_path / "net.xml", OsmOptions(guesses_walkers=True)
        )
