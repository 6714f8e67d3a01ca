import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.street_map import MapStreet, read_street_map

NET = """<net>
  <edge id=":J_0" function="internal"><lane id=":J_0_0" length="5" shape="0,0 1,1"/></edge>
  <edge id="path"><lane id="path_0" allow="pedestrian" length="9" shape="0,0 9,0"/></edge>
  <edge id="in">
    <lane id="in_0" allow="pedestrian" length="50" shape="0,3 50,3"/><lane id="in_1" length="50" shape="0,0,7 50,0,7"/>
  </edge>
  <edge id="lane"><lane id="lane_0" length="20" shape="55,0 75,0"/></edge>
  <edge id="road"><lane id="road_0" length="20" shape="55,1 75,1"/><lane id="road_1" length="20" shape="55,4 75,4"/></edge>
  <connection from="in" to="lane" dir="s"/><connection from="in" to="road" dir="s"/><connection from="in" to="path" dir="s"/>
  <connection from="road" to="in" dir="l"/><connection from=":J_0" to="road" dir="s"/>
</net>"""


def test_streets_are_the_edges_for_vehicles_and_straight_on_is_the_widest(tmp_path):
    (tmp_path / "a.net.xml").write_text(NET)
    found = read_street_map(tmp_path / "a.net.xml")
    assert sorted(found.streets) == ["in", "lane", "road"]
    assert found.streets["in"] == MapStreet(shape=((0.0, 0.0), (50.0, 0.0)), length_m=50.0, n_lanes=1)
    assert found.ahead == {"in": "road"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(NET[:300], "not readable as XML"), (NET.replace('"0,0,7 50,0,7"', '"0 50"'), "make no sense")],
)
def test_a_net_that_cannot_be_read_is_one_line(tmp_path, content, message):
    (tmp_path / "a.net.xml").write_text(content)
    with pytest.raises(ScenarioError, match=message):
        read_street_map(tmp_path / "a.net.xml")


def test_the_shipped_scenarios_have_streets():
    assert len(read_street_map(load_scenario("grid4x4").net_file).streets) >= 64
