import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.streets import read_streets

NET = """<net>
  <location convBoundary="0.00,0.00,300.00,120.00"/>
  <edge id=":J_0" function="internal"><lane id=":J_0_0" length="5"/></edge>
  <edge id=":J_c0" function="crossing"><lane id=":J_c0_0" length="5"/></edge>
  <edge id="a" from="A" to="J">
    <lane id="a_0" allow="pedestrian" length="100" speed="1.4"/><lane id="a_1" disallow="bus" length="100" speed="10"/>
  </edge>
  <edge id="b" from="J" to="B"><lane id="b_0" allow="bus" length="50" speed="5"/></edge>
  <edge id="c" from="J" to="B"><lane id="c_0" length="200" speed="20" shape="0,0 200,0"/></edge>
  <edge id="d" from="B" to="D"><lane id="d_0" length="10" speed="10"/></edge>
  <edge id="back" from="J" to="A"><lane id="back_0" length="100" speed="10"/></edge>
  <connection from="a" to="b" fromLane="1" toLane="0" dir="r"/>
  <connection from="a" to="c" fromLane="1" toLane="0" dir="s"/>
  <connection from="a" to="back" fromLane="1" toLane="0" dir="t"/>
  <connection from="b" to="d" fromLane="0" toLane="0" dir="s"/>
  <connection from="c" to="d" fromLane="0" toLane="0" dir="s"/>
  <connection from=":J_0" to="c" fromLane="0" toLane="0" dir="s"/>
</net>"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "a.net.xml").write_text(NET)
    return read_streets(tmp_path / "a.net.xml")


def test_streets_are_the_edges_between_junctions(net):
    assert list(net.by_id) == ["a", "b", "c", "d", "back"]
    assert net.extent_m == 300.0
    assert net.by_id["c"].lanes[0].shape == ((0.0, 0.0), (200.0, 0.0))
    assert [len(net.by_id[edge].road_lanes) for edge in ("a", "c")] == [1, 1]


@pytest.mark.parametrize(
    ("edge", "vehicle", "may"), [("a", "passenger", True), ("a", "bus", False), ("b", "bus", True)]
)
def test_lanes_say_who_may_drive_there(net, edge, vehicle, may):
    assert net.by_id[edge].permits(vehicle) is may


def test_two_streets_join_for_a_class_that_both_lanes_permit(net):
    assert net.joins("a", "c", "passenger")
    assert not net.joins("a", "b", "passenger"), "a bus lane behind"
    assert not net.joins("a", "b", "bus"), "no buses before"
    assert not net.joins("b", "c", "bus"), "nothing leads there"


def test_the_rim_is_entered_by_nothing_but_a_turn_back(net):
    assert net.rim() == ["a", "back"]


def test_the_fastest_way_counts_time_and_not_length(net):
    assert net.travel_time_s("a") == 10.0
    assert (net.travel_time_s("b"), net.travel_time_s("c"), net.travel_time_s("nowhere")) == (10.0, 10.0, 0.0)
    assert net.fastest_way("a", "d") == ("a", "b", "d"), "the first of two that take as long"
    assert net.fastest_way("d", "a") == ()


def test_a_length_that_is_no_number_is_one_line(tmp_path):
    (tmp_path / "a.net.xml").write_text(NET.replace('length="50"', 'length="long"'))
    with pytest.raises(ScenarioError, match="its streets make no sense"):
        read_streets(tmp_path / "a.net.xml")
