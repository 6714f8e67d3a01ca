import pytest

from leed_traffic.simulation.road_graph import RoadGraph, RoadLane, RoadLink


def graph(lanes, links):
    return RoadGraph(
        [RoadLane(id=f"{edge}_{k}", edge=edge, length_m=length, speed_mps=10.0) for edge, k, length in lanes],
        [RoadLink(from_lane=a, to_lane=b, signal=signal) for a, b, signal in links],
    )


def spans(road, lane, reach_m):
    return [(s.lane, s.from_m, s.to_m, s.distance_m, round(s.share, 3)) for s in road.spans(lane, reach_m)]


def test_a_long_lane_is_seen_from_its_end_upstream():
    road = graph([("a", 0, 300.0), ("b", 0, 50.0)], [("b_0", "a_0", None)])
    assert spans(road, "a_0", 100.0) == [("a_0", 200.0, 300.0, 0.0, 1.0)]


def test_a_short_lane_goes_on_into_what_feeds_it_split_by_the_branches():
    road = graph([("bay", 0, 40.0), ("bay", 1, 40.0), ("up", 0, 100.0)], [("up_0", "bay_0", None), ("up_0", "bay_1", None)])
    assert spans(road, "bay_1", 100.0) == [("bay_1", 0.0, 40.0, 0.0, 1.0), ("up_0", 40.0, 100.0, 40.0, 0.5)]


def test_a_signal_ends_the_view():
    road = graph([("a", 0, 40.0), ("b", 0, 100.0)], [("b_0", "a_0", "J1")])
    assert spans(road, "a_0", 100.0) == [("a_0", 0.0, 40.0, 0.0, 1.0)]


def test_a_ring_is_walked_once():
    road = graph([("a", 0, 20.0), ("b", 0, 20.0)], [("a_0", "b_0", None), ("b_0", "a_0", None)])
    assert [name for name, *_ in spans(road, "a_0", 100.0)] == ["a_0", "b_0"]


def test_shares_of_two_ways_of_the_same_length_add_up():
    lanes = [("a", 0, 20.0), ("x", 0, 30.0), ("y", 0, 30.0), ("p", 0, 100.0)]
    road = graph(lanes, [("x_0", "a_0", None), ("y_0", "a_0", None), ("p_0", "x_0", None), ("p_0", "y_0", None)])
    assert spans(road, "a_0", 100.0)[-1] == ("p_0", 50.0, 100.0, 50.0, 1.0)


def test_a_neighbour_is_the_next_signal_upstream_at_its_shortest_distance():
    lanes = [("a", 0, 100.0), ("b", 0, 200.0), ("c", 0, 50.0), ("far", 0, 500.0)]
    links = [("b_0", "a_0", None), ("c_0", "a_0", None), ("far_0", "b_0", "J1"), ("far_0", "c_0", "J1")]
    (neighbour,) = graph(lanes, links).feeders("J2", "a")
    assert (neighbour.id, neighbour.to_approach, neighbour.distance_m) == ("J1", "a", 150.0)
    assert neighbour.travel_time_s == pytest.approx(15.0)


def test_a_signal_is_no_neighbour_of_itself():
    assert graph([("a", 0, 100.0), ("b", 0, 100.0)], [("b_0", "a_0", "J1")]).feeders("J1", "a") == ()
