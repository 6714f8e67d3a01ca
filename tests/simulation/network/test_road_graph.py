import pytest

from leed_traffic.simulation.network.road_graph import LEAST_SHARE, RoadGraph, RoadLane, RoadLink


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
    road = graph(
        [("bay", 0, 40.0), ("bay", 1, 40.0), ("up", 0, 100.0)], [("up_0", "bay_0", None), ("up_0", "bay_1", None)]
    )
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


def mesh(n, length_m):
    """n x n unsignalised junctions with edges both ways between them, and a stop line `s` behind the one in the corner."""
    nodes = [(x, y) for x in range(n) for y in range(n)]
    edges = [(a, b) for a in nodes for b in nodes if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1]

    def name(edge):
        return "".join(map(str, (*edge[0], *edge[1])))

    links = [(f"{name(e)}_0", f"{name(f)}_0", None) for e in edges for f in edges if e[1] == f[0] and e[0] != f[1]]
    links += [(f"{name(e)}_0", "s_0", None) for e in edges if e[1] == (0, 0)]
    return graph([("s", 0, length_m), *((name(e), 0, length_m) for e in edges)], links)


def test_of_a_small_mesh_every_way_counts():
    shares = [share for *_, share in spans(mesh(4, 30.0), "s_0", 200.0)]
    assert min(shares) < LEAST_SHARE


def test_of_a_large_mesh_only_ways_that_somebody_takes_count():
    found = mesh(9, 10.0).spans("s_0")
    assert found[0].lane == "s_0"
    assert [(s.lane, s.distance_m, s.share) for s in found[1:3]] == [("0100_0", 10.0, 0.5), ("1000_0", 10.0, 0.5)]
    assert max(s.distance_m for s in found) > 30.0
    assert all(LEAST_SHARE <= s.share <= 1.0 for s in found)
    assert len(found) < 200


def test_a_neighbour_is_the_next_signal_upstream_at_its_shortest_distance():
    lanes = [("a", 0, 100.0), ("b", 0, 200.0), ("c", 0, 50.0), ("far", 0, 500.0)]
    links = [("b_0", "a_0", None), ("c_0", "a_0", None), ("far_0", "b_0", "J1"), ("far_0", "c_0", "J1")]
    (neighbour,) = graph(lanes, links).feeders("J2", "a")
    assert (neighbour.id, neighbour.to_approach, neighbour.distance_m) == ("J1", "a", 150.0)
    assert neighbour.travel_time_s == pytest.approx(15.0)


def test_a_signal_is_no_neighbour_of_itself():
    assert graph([("a", 0, 100.0), ("b", 0, 100.0)], [("b_0", "a_0", "J1")]).feeders("J1", "a") == ()
