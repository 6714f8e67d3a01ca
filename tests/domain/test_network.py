from dataclasses import replace

import pytest

from leed_traffic.domain.network import Network, Span, conflict_in
from tests.intersections import four_legs, shared_link, star, t_junction


def changed(junction, **changes):
    return replace(junction, **changes)


def with_state(junction, stage, state):
    stages = list(junction.stages)
    stages[stage] = replace(stages[stage], state=state)
    return replace(junction, stages=tuple(stages))


def test_a_link_that_vehicles_share_is_a_crossing_and_yet_not_for_walkers_only():
    junction = shared_link()
    assert (junction.pedestrian_links, junction.walk_only_links) == ({0, 2}, {2})
    assert four_legs().walk_only_links == four_legs().pedestrian_links


def test_counts_are_those_of_the_geometry():
    junction = four_legs()
    assert (junction.n_stages, junction.n_lanes, junction.n_links) == (4, 8, 12)
    assert junction.pedestrian_links == {8, 9, 10, 11}
    assert [m.link for m in junction.vehicle_movements] == list(range(8))
    assert junction.stages[0].green == {0, 1, 4, 5, 9, 11}


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: changed(star(2), stages=star(2).stages[:1]), "need at least 2 stages, got 1"),
        (lambda: with_state(star(2), 1, "rGr"), "stage 1: need 2 letters of 'Ggsr', got 'rGr'"),
        (lambda: with_state(star(2), 1, "ry"), "got 'ry'"),
        (lambda: with_state(star(2), 1, "GG"), "links 0 and 1 are foes and both G"),
        (lambda: with_state(star(2), 1, "Gr"), "two stages show the same state"),
        (lambda: changed(star(2), lanes=star(2).lanes[:1] * 2), "an incoming lane is listed twice"),
        (lambda: changed(star(2), movements=star(3).movements), "name links up to 2, the signal has 2"),
    ],
)
def test_an_impossible_intersection_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize(
    ("from_m", "to_m", "share"), [(-0.1, 10.0, 1.0), (5.0, 4.9, 1.0), (0.0, 10.0, 0.0), (0.0, 10.0, 1.1)]
)
def test_an_impossible_span_is_refused(from_m, to_m, share):
    with pytest.raises(ValueError, match="need 0 <= from_m <= to_m and 0 < share <= 1"):
        Span(lane="a", from_m=from_m, to_m=to_m, distance_m=0.0, share=share)


def test_only_two_priority_greens_conflict():
    assert conflict_in("GG", ((0, 1),)) == (0, 1)
    assert conflict_in("Gg", ((0, 1),)) is None
    assert conflict_in("GG", ()) is None


def test_a_lane_is_served_as_far_as_its_links_are_green():
    junction = four_legs()
    shares = junction.lane_shares(0, permissive=0.5)
    assert shares == (1.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0)
    shared = tuple(replace(m, from_lane="in0_0") if m.link == 1 else m for m in junction.movements)
    assert replace(junction, movements=shared).lane_shares(0, permissive=0.5)[:2] == (0.75, 0.0)


def test_a_digest_changes_with_anything_that_the_intersection_holds():
    junction = four_legs()
    assert junction.digest() == four_legs().digest()
    assert junction.digest() != four_legs("Z").digest()
    assert junction.digest() != replace(junction, foes=junction.foes[1:]).digest()


def test_a_network_finds_its_intersections_and_its_digest_ignores_their_order():
    a, b = four_legs("A"), t_junction("B")
    network = Network(intersections=(a, b))
    assert network.by_id == {"A": a, "B": b}
    assert network.digest() == Network(intersections=(b, a)).digest()
    assert network.digest() != Network(intersections=(a,)).digest()
