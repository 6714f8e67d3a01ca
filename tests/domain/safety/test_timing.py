from dataclasses import replace

import pytest

from leed_traffic.domain.network import OwnPhase
from leed_traffic.domain.safety.timing import (
    Clearances,
    all_red_time,
    assemble_timing,
    derive_timing,
    pedestrian_clearance_time,
    timing_as_net,
    yellow_time,
)
from tests.intersections import (
    crossing,
    early_release,
    flat_timing,
    four_legs,
    intersection,
    shared_link,
    star,
    t_junction,
    vehicle,
    with_limits,
)


# Y = 1 + v / 6.1 s; field handbook: 25 mph 3.0 s, 35 mph 3.57 s, 45 mph 4.31 s
@pytest.mark.parametrize(
    ("speed_mps", "seconds"),
    [(5.0, 3.0), (12.2, 3.0), (12.3, 3.5), (13.89, 3.5), (15.65, 4.0), (20.12, 4.5), (30.5, 6.0), (40.0, 6.0)],
)
def test_yellow_follows_the_approach_speed_within_3_and_6_s(speed_mps, seconds):
    assert yellow_time(speed_mps) == seconds


# R = (W + 6.1) / v
@pytest.mark.parametrize(
    ("length_m", "speed_mps", "seconds"),
    [(3.9, 10.0, 1.0), (8.9, 10.0, 1.5), (9.0, 10.0, 2.0), (13.9, 10.0, 2.0), (14.0, 10.0, 2.5), (80.0, 5.0, 6.0)],
)  # fmt: skip
def test_all_red_lets_the_last_vehicle_out_within_1_and_6_s(length_m, speed_mps, seconds):
    assert all_red_time(vehicle(0, length_m=length_m, speed_mps=speed_mps)) == seconds


@pytest.mark.parametrize(("length_m", "seconds"), [(10.69, 10.0), (10.7, 10.0), (10.71, 11.0)])
def test_a_crossing_is_cleared_at_1_07_m_per_s(length_m, seconds):
    assert pedestrian_clearance_time(crossing(0, length_m=length_m)) == seconds


def test_a_crossing_with_pedestrians_gets_walk_time_and_lefts_a_shorter_green():
    timing = derive_timing(four_legs())
    assert timing.min_green_s == (7.0, 5.0, 7.0, 5.0)
    assert timing.max_green_s == (60.0, 30.0, 60.0, 30.0)
    assert timing.fallback_green_s == (20.0, 20.0, 20.0, 20.0)
    assert timing.fallback_order == (0, 1, 2, 3)


def test_pedestrian_lead_is_what_yellow_and_all_red_do_not_cover():
    timing = derive_timing(four_legs())
    assert timing.clearance_s(2, 0) == 12.0  # 12.8 m
    assert (
        timing.clearances.yellow_s[2][0],
        timing.clearances.all_red_s[2][0],
        timing.clearances.pedestrian_clearance_s[2][0],
    ) == (3.5, 3.5, 5.0)
    assert timing.clearances.pedestrian_clearance_s[1][2] == 0.0
    assert timing.clearance_s(2, 2) == 0.0


def test_a_kept_link_needs_no_clearance_of_its_own():
    timing = derive_timing(t_junction())
    assert timing.clearances.yellow_s[0][1] == 3.5  # link 2 ends; the left keeps its green
    assert timing.clearances.yellow_s[1][0] == 3.0  # only the slow right turn ends


def test_a_stage_that_only_adds_movements_is_still_set_apart():
    timing = derive_timing(early_release())
    assert (timing.clearances.yellow_s[0][1], timing.clearances.all_red_s[0][1]) == (0.0, 1.0)


def test_a_link_that_no_movement_describes_still_gets_a_yellow():
    junction = star(3)
    bare = replace(junction, movements=tuple(m for m in junction.movements if m.link != 0))
    assert derive_timing(bare).clearances.yellow_s[0] == (0.0, 3.0, 3.0)


def test_the_maximum_red_leaves_room_for_a_round_and_for_the_fallback_cycle():
    timing = derive_timing(star(8))
    # 8 (7 + 5 + 4 + 2) = 144 s a round, 8 (20 + 4 + 2) = 208 s a cycle
    assert (timing.round_s, timing.max_red_s) == (144.0, 208.0)
    assert derive_timing(star(2)).max_red_s == 180.0


def test_a_round_takes_each_part_of_a_clearance_up_to_the_next_whole_second():
    assert flat_timing(3, yellow_s=3.5, all_red_s=1.1).round_at(5.0) == 3 * (7 + 5 + 4 + 2)
    assert flat_timing(3).round_at(1.0) == 3 * (7 + 1 + 3 + 1)


def test_a_very_short_maximum_is_raised_to_leave_room_for_decisions():
    matrix = ((0.0, 3.0), (3.0, 0.0))
    timing = assemble_timing(
        star(2), min_green_s=[5.0] * 2, max_green_s=[20.0] * 2, fallback_green_s=[5.0] * 2,
        clearances=Clearances(pedestrian_clearance_s=matrix, yellow_s=matrix, all_red_s=matrix), max_red_s=0.0,
    )  # fmt: skip
    assert timing.max_red_s == 2 * (5 + 5 + 9)
    assert timing.next_in_fallback(1) == 0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"max_green_s": (30.0,)}, "max_green_s needs 2 entries as min_green_s has, got 1"),
        (
            {"min_green_s": (0.0, 7.0)},
            "need 0 < min_green_s <= fallback_green_s <= max_green_s, got 0.0, 7.0, 30.0",
        ),
        ({"fallback_green_s": (6.9, 7.0)}, "got 7.0, 6.9, 30.0"),
        ({"max_green_s": (6.9, 30.0)}, "got 7.0, 7.0, 6.9"),
        ({"max_green_s": (float("inf"), 30.0)}, "got 7.0, 7.0, inf"),
        ({"yellow_s": ((0.0, 60.0), (3.0, 0.0))}, "a row of yellow_s needs 2 values in"),
        ({"all_red_s": ((0.0, 1.0, 1.0), (1.0, 0.0))}, "a row of all_red_s needs 2 values in"),
        ({"fallback_order": (0, 0)}, "fallback_order needs each of 2 stages once"),
        ({"max_red_s": 31.9}, "need max_red_s >= one round of minimum greens and clearances"),
        ({"max_red_s": float("nan")}, "need max_red_s"),
        ({"max_red_s": float("inf")}, "need max_red_s"),
    ],
)
def test_impossible_limits_are_refused(changes, complaint):
    with pytest.raises(ValueError, match=f"^S.*{complaint}"):
        with_limits(flat_timing(2), **changes)


def test_any_green_over_zero_is_possible():
    assert replace(flat_timing(2), min_green_s=(0.5, 7.0)).min_green_s[0] == 0.5


def test_the_least_maximum_red_is_one_round():
    assert replace(flat_timing(2), max_red_s=32.0).round_s == 32.0


def own(junction, *phases):
    """The junction with another program of its own; stages keep their place by state."""
    program = tuple(OwnPhase(state=state, duration_s=seconds) for state, seconds in phases)
    states = [phase.state for phase in program]
    stages = tuple(replace(st, own_phase=states.index(st.state)) for st in junction.stages)
    return replace(junction, own_program=program, stages=stages)


def test_as_net_takes_yellow_and_all_red_that_follow_each_stage():
    timing = timing_as_net(own(star(2), ("Gr", 20.0), ("yr", 5.0), ("rr", 2.0), ("rG", 4.0), ("ry", 3.0)))
    assert timing.clearances.yellow_s == ((0.0, 5.0), (3.0, 0.0))
    assert timing.clearances.all_red_s == ((0.0, 2.0), (0.0, 0.0))
    assert timing.fallback_green_s == (20.0, 20.0)
    assert (timing.min_green_s, timing.max_green_s, timing.max_red_s) == ((5.0, 5.0), (180.0, 180.0), 300.0)


def test_as_net_counts_green_without_the_crossing_as_pedestrian_clearance():
    junction = early_release()
    program = (
        ("Ggrr", 9.0),
        ("Ggrr", 9.0),
        ("GGrG", 9.0),
        ("GGrr", 6.0),
        ("yyrr", 3.0),
        ("rrrr", 1.0),
        ("rrGr", 9.0),
        ("rryr", 4.0),
    )
    timing = timing_as_net(own(junction, *program))
    assert timing.clearances.pedestrian_clearance_s[1][2] == 6.0
    assert (timing.clearances.yellow_s[1][2], timing.clearances.all_red_s[1][2]) == (3.0, 1.0)


def test_as_net_never_ends_a_vehicle_green_without_yellow():
    timing = timing_as_net(own(star(2), ("Gr", 20.0), ("yr", 5.0), ("rG", 20.0)))
    assert timing.clearances.yellow_s[1][0] == 3.5  # what the speed needs, for the net has none after this stage
    timing = timing_as_net(own(star(2), ("Gr", 20.0), ("rG", 20.0)))
    assert timing.clearances.yellow_s == ((0.0, 3.5), (3.5, 0.0))


def test_as_net_ends_a_stage_where_a_phase_that_is_no_stage_of_ours_begins():
    timing = timing_as_net(
        own(star(3), ("Grr", 20.0), ("yrr", 3.0), ("rgg", 9.0), ("rGr", 20.0), ("ryr", 4.0), ("rrG", 20.0))
    )
    assert timing.clearances.yellow_s[0][1] == 3.0
    assert timing.clearances.all_red_s[0][1] == 0.0


def test_as_net_adds_up_what_the_net_spreads_over_several_phases():
    """Walkers clear in two phases, vehicles in two yellows (one in capitals), two all-reds; red-amber too."""
    walks_out = [("GGrs", 2.0), ("GGrr", 4.0)]
    ends = [("YYrr", 2.0), ("yyrr", 1.5), ("rrrr", 1.0), ("rrsr", 2.0), ("rrur", 0.5)]
    program = [("Ggrr", 9.0), ("yyrr", 3.0), ("GGrG", 9.0), *walks_out, *ends, ("rrGr", 9.0), ("rryr", 4.0)]
    timing = timing_as_net(own(early_release(), *program))
    assert (
        timing.clearances.pedestrian_clearance_s[1][2],
        timing.clearances.yellow_s[1][2],
        timing.clearances.all_red_s[1][2],
    ) == (6.0, 4.0, 3.0)


def test_as_net_takes_red_after_green_without_yellow_for_all_red():
    timing = timing_as_net(own(star(2), ("Gr", 20.0), ("rr", 2.0), ("rG", 20.0), ("ry", 3.0)))
    assert (timing.clearances.pedestrian_clearance_s[0][1], timing.clearances.all_red_s[0][1]) == (0.0, 2.0)


def test_as_net_counts_a_phase_with_the_same_greens_and_another_priority_towards_the_stage_before_it():
    timing = timing_as_net(
        own(early_release(), ("Ggrr", 9.0), ("GGrG", 9.0), ("GgrG", 5.0), ("yyrr", 3.0), ("rrGr", 9.0))
    )
    assert (timing.clearances.pedestrian_clearance_s[1][2], timing.clearances.yellow_s[1][2]) == (5.0, 3.0)


def test_as_net_clears_no_crossing_that_stays_green():
    movements = [vehicle(0), vehicle(1), vehicle(2), crossing(3)]
    junction = intersection(["GrrG", "rGrG", "rrGr"], movements, {(0, 1), (0, 2), (1, 2), (2, 3)})
    program = (
        ("GrrG", 9.0),
        ("Grrr", 6.0),
        ("yrrr", 3.0),
        ("rGrG", 9.0),
        ("ryrr", 3.0),
        ("rrGr", 9.0),
        ("rryr", 3.0),
    )
    timing = timing_as_net(own(junction, *program))
    assert timing.clearances.pedestrian_clearance_s == ((0.0, 0.0, 6.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_as_net_keeps_the_order_of_the_own_program_and_stages_up_to_three_minutes():
    timing = timing_as_net(own(star(2), ("rG", 20.0), ("ry", 3.0), ("Gr", 20.0), ("yr", 3.0)))
    assert timing.fallback_order == (1, 0)
    long = replace(
        star(2),
        stages=tuple(
            replace(stage, own_green_s=seconds)
            for stage, seconds in zip(star(2).stages, (300.0, 2.0), strict=True)
        ),
    )
    assert timing_as_net(long).fallback_green_s == (180.0, 5.0)


def greens_of(junction, *seconds):
    """The junction whose own program shows each stage for so long."""
    stages = tuple(
        replace(stage, own_green_s=green_s) for stage, green_s in zip(junction.stages, seconds, strict=True)
    )
    return replace(junction, stages=stages)


def test_the_fallback_green_is_the_own_one_within_the_limits():
    timing = derive_timing(greens_of(four_legs(), 3.0, 3.0, 100.0, 100.0))
    assert timing.fallback_green_s == (7.0, 5.0, 60.0, 30.0)
    assert timing.intersection == "X"


def test_the_fallback_order_is_that_of_the_own_program():
    junction = star(3)
    stages = tuple(
        replace(stage, own_phase=place) for stage, place in zip(junction.stages, (6, 0, 3), strict=True)
    )
    assert derive_timing(replace(junction, stages=stages)).fallback_order == (1, 2, 0)


def test_where_only_walkers_lose_their_green_they_alone_are_cleared():
    timing = derive_timing(
        early_release()
    )  # from stage 1 to 0 the crossing ends, 12.8 m, and every vehicle goes on
    assert (
        timing.clearances.yellow_s[1][0],
        timing.clearances.all_red_s[1][0],
        timing.clearances.pedestrian_clearance_s[1][0],
    ) == (0.0, 0.0, 12.0)


def test_a_stage_is_not_cleared_towards_itself():
    timing = derive_timing(four_legs())
    for matrix in (
        timing.clearances.yellow_s,
        timing.clearances.all_red_s,
        timing.clearances.pedestrian_clearance_s,
    ):
        assert [matrix[i][i] for i in range(4)] == [0.0] * 4


def test_walkers_beside_a_left_turn_get_their_whole_walk():
    junction = four_legs()
    stages = (junction.stages[0], replace(junction.stages[1], state="rGrrrGrrrgrr"), *junction.stages[2:])
    assert derive_timing(replace(junction, stages=stages)).min_green_s == (7.0, 7.0, 7.0, 5.0)


@pytest.mark.parametrize(
    ("direction", "min_green_s"), [("l", 5.0), ("L", 5.0), ("t", 5.0), ("s", 7.0), ("r", 7.0)]
)
def test_partial_lefts_and_turn_arounds_count_as_lefts(direction, min_green_s):
    junction = star(2)
    movements = tuple(replace(m, direction=direction) for m in junction.movements)
    assert derive_timing(replace(junction, movements=movements)).min_green_s == (min_green_s, min_green_s)


def test_where_cars_share_a_link_with_walkers_the_red_after_its_yellow_lets_both_out():
    """Link 0: cars out in 2 s, 12.8 m of crossing in 12 s. Link 2, a crossing of 9.6 m, needs no lead then."""
    timing = derive_timing(shared_link())
    assert (
        timing.clearances.yellow_s[0][1],
        timing.clearances.all_red_s[0][1],
        timing.clearances.pedestrian_clearance_s[0][1],
    ) == (3.5, 12.0, 0.0)
    assert (
        timing.clearances.yellow_s[1][0],
        timing.clearances.all_red_s[1][0],
        timing.clearances.pedestrian_clearance_s[1][0],
    ) == (3.5, 2.0, 0.0)
    assert timing.min_green_s == (7.0, 7.0)


def test_a_crossing_alone_that_is_longer_still_gets_its_lead_beside_a_shared_link():
    junction = intersection(
        ["GrG", "rGr"], [vehicle(0), crossing(0), vehicle(1), crossing(2, length_m=21.4)], {(0, 1), (1, 2)}
    )
    timing = derive_timing(junction)
    assert (
        timing.clearances.pedestrian_clearance_s[0][1],
        timing.clearances.yellow_s[0][1],
        timing.clearances.all_red_s[0][1],
    ) == (4.5, 3.5, 12.0)


def test_an_own_lead_is_for_crossings_alone():
    """6 s without yellow follow stage 0; where link 0 ends they are no lead: its cars have green until then."""
    for states, lead_s in ((["GrG", "rGG"], 0.0), (["GrG", "GGr"], 6.0)):
        junction = intersection(states, [vehicle(0), crossing(0), vehicle(1), crossing(2)], set())
        program = (*(OwnPhase(state=state, duration_s=6.0) for state in (states[0], "Grr", states[1])),)
        stages = (junction.stages[0], replace(junction.stages[1], own_phase=2))
        net = timing_as_net(replace(junction, own_program=program, stages=stages))
        assert net.clearances.pedestrian_clearance_s[0][1] == lead_s
