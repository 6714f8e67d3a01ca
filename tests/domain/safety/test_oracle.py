"""The judge itself, on displays made by hand: links 0 and 1 of a star, and the crossing 3 of an early release."""

import pytest

from leed_traffic.domain.safety.oracle import Oracle, OracleMemory, _short
from leed_traffic.domain.safety.timing import derive_timing, timing_as_net
from tests.intersections import early_release, flat_timing, four_legs, shared_link, star


def judge(parts, *, junction=None, timing=None, step_s=1.0, is_reviewed=True, origin=0):
    """Faults of (display, stage or None, steps) one after the other, from a stage that has stood for long."""
    junction, timing = junction or star(2), timing or flat_timing(2, yellow_s=3.5, all_red_s=2.0)
    oracle = Oracle(junction, timing, step_s=step_s, is_reviewed=is_reviewed)
    memory, found = oracle.first(origin, junction.stages[origin].state), []
    for display, stage, steps in parts:
        for _ in range(steps):
            memory, wrong = oracle.see(memory, display, stage)
            found += wrong
    return found


def test_a_sound_change_has_nothing_wrong():
    assert (
        judge([("yr", None, 4), ("rr", None, 2), ("rG", 1, 9), ("ry", None, 4), ("rr", None, 2), ("Gr", 0, 1)])
        == []
    )


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ([("yr", None, 3), ("rr", None, 2), ("rG", 1, 1)], "stage 0 to 1: link 0 has 3 s of yellow, needs 3.5"),
        ([("yr", None, 4), ("rr", None, 1), ("rG", 1, 1)], "stage 0 to 1: link 0 has 1 s of all-red, needs 2"),
        ([("yr", None, 4), ("rG", 1, 1)], "stage 0 to 1: link 0 has 0 s of all-red, needs 2"),
        ([("rr", None, 2), ("rG", 1, 1)], "link 0 turns from green to red without yellow"),
        ([("sr", None, 2), ("rG", 1, 1)], "link 0 turns from green to red without yellow"),
        ([("yr", None, 2), ("Gr", 0, 1)], "link 0 turns from yellow to green"),
        ([("yr", None, 2), ("gr", 0, 1)], "link 0 turns from yellow to green"),
        ([("yG", None, 1)], "link 1 turns G during a clearance"),
        ([("yg", None, 1)], "link 1 turns g during a clearance"),
        ([("GG", None, 1)], "links 0 and 1 are foes and both G"),
        ([("xr", None, 1)], "unknown letters in xr"),
    ],
)
def test_what_is_wrong_is_said_once(parts, wrong):
    found = judge(parts)
    assert found.count(wrong) == 1


def test_foes_of_which_one_yields_are_no_conflict():
    assert not any("foes" in wrong for wrong in judge([("Gg", 1, 1)]))


def test_a_letter_that_nobody_knows_is_no_red():
    assert judge([("Xr", None, 1)]) == ["unknown letters in Xr"]


def test_letters_that_are_too_many_are_an_error():
    oracle = Oracle(star(2), flat_timing(2), step_s=1.0, is_reviewed=True)
    with pytest.raises(ValueError, match="zip"):
        oracle.see(oracle.first(0, "Gr"), "yrr", None)


def test_every_link_that_lost_its_green_is_told_of():
    junction = four_legs()
    found = judge([(junction.stages[2].state, 2, 1)], junction=junction, timing=derive_timing(junction))
    short = [wrong.removeprefix("stage 0 to 2: link ").split(" has ") for wrong in found if " needs " in wrong]
    vehicles = [
        [str(k), what] for k in (0, 1, 4, 5) for what in ("0 s of yellow, needs 3.5", "0 s of all-red, needs 3.5")
    ]
    walkers = [["0 s of pedestrian clearance, needs 9", "0 s of time to cross, needs 8.97196"]]
    assert [pair for pair in short if int(pair[0]) < 8] == vehicles
    assert [[what for k, what in short if k == link] for link in ("9", "11")] == walkers * 2


def test_to_the_millionth_of_a_second_is_enough():
    assert _short(0, "yellow", 3.5 - 1e-6, 3.5, 0, 1) == []
    assert _short(0, "yellow", 3.49, 3.5, 0, 1) == ["stage 0 to 1: link 0 has 3.49 s of yellow, needs 3.5"]


def test_half_seconds_count_half():
    timing = flat_timing(2, yellow_s=3.5, all_red_s=2.0)
    assert judge([("yr", None, 7), ("rr", None, 4), ("rG", 1, 1)], timing=timing, step_s=0.5) == []
    less = judge([("yr", None, 6), ("rr", None, 3), ("rG", 1, 1)], timing=timing, step_s=0.5)
    assert less == [
        "stage 0 to 1: link 0 has 3 s of yellow, needs 3.5",
        "stage 0 to 1: link 0 has 1.5 s of all-red, needs 2",
    ]


@pytest.mark.parametrize(
    ("is_reviewed", "found"), [(True, ["stage 0 to 1: link 0 has 2 s of yellow, needs 3"]), (False, [])]
)
def test_three_seconds_of_yellow_are_the_floor_of_a_reviewed_site_alone(is_reviewed, found):
    timing = flat_timing(2, yellow_s=2.0, all_red_s=0.0)
    assert judge([("yr", None, 2), ("rG", 1, 1)], timing=timing, is_reviewed=is_reviewed) == found


def test_walkers_are_judged_by_the_clearance_and_by_the_length_of_their_crossing():
    junction = early_release()  # stage 1 GGrG to 2 rrGr: the crossing of 12.8 m needs 12 s
    timing = derive_timing(junction)
    way = [("GGrr", None, 5), ("yyrr", None, 4), ("rrrr", None, 2)]
    assert judge([*way, ("rrGr", 2, 1)], junction=junction, timing=timing, origin=1) == [
        "stage 1 to 2: link 3 has 11 s of pedestrian clearance, needs 12",
        "stage 1 to 2: link 3 has 11 s of time to cross, needs 11.9626",
    ]
    assert judge([("GGrr", None, 6), *way[1:], ("rrGr", 2, 1)], junction=junction, timing=timing, origin=1) == []
    bare = timing_as_net(junction)
    found = judge([("yyrr", None, 4), ("rrrr", None, 1), ("rrGr", 2, 1)], junction=junction, timing=bare, origin=1,
                  is_reviewed=False)  # fmt: skip
    assert found == []


def test_a_net_that_gives_walkers_no_time_is_held_to_none():
    junction = early_release()
    parts = [("rrGr", 2, 1)]  # at once
    found = judge(parts, junction=junction, timing=timing_as_net(junction), origin=1, is_reviewed=False)
    assert not any("time to cross" in wrong for wrong in found)
    found = judge(parts, junction=junction, timing=derive_timing(junction), origin=1)
    assert "stage 1 to 2: link 3 has 0 s of time to cross, needs 11.9626" in found


def test_a_walker_may_turn_red_without_yellow():
    assert (
        judge([("GGrr", None, 1)], junction=early_release(), timing=derive_timing(early_release()), origin=1) == []
    )


def test_what_is_remembered_is_capped_where_longer_means_no_more():
    junction, timing = star(2), flat_timing(2, yellow_s=3.0, all_red_s=2.0)
    oracle = Oracle(junction, timing, step_s=1.0, is_reviewed=True)
    assert oracle.first(0, "Gr") == OracleMemory(0, "Gr", (7, 7), (0, 0))  # 3 + 2 s and two steps
    walking = Oracle(early_release(), derive_timing(early_release()), step_s=0.5, is_reviewed=True)
    assert walking.first(1, "GGrG").age == (26,) * 4  # 12 s are 24 steps, and two
    memory, _ = oracle.see(oracle.first(0, "Gr"), "yr", None)
    assert memory == OracleMemory(0, "yr", (1, 7), (0, 0))
    for _ in range(3):
        memory, _ = oracle.see(memory, "yr", None)
    assert memory.age == (4, 7)
    memory, _ = oracle.see(memory, "rr", None)
    assert memory == OracleMemory(0, "rr", (1, 7), (4, 0))
    memory, _ = oracle.see(memory, "rG", 1)
    assert memory == OracleMemory(1, "rG", (2, 1), (4, 0))


@pytest.mark.parametrize(
    ("green_s", "wrong"),
    [(6.9, ("stage 0 ends after 6.9 s, min_green_s is 7",)), (7.0, ()), (7.1, ()), (7.0 - 1e-6, ())],
)
def test_a_stage_has_its_minimum_green(green_s, wrong):
    assert Oracle(star(2), flat_timing(2), step_s=1.0, is_reviewed=True).ended(0, green_s) == wrong


@pytest.mark.parametrize(
    ("green_s", "until_s", "is_wrong"),
    [(25.0, 5.0, False), (30.0 + 1e-6, 0.0, False), (25.5, 5.0, True), (31.0, 0.0, True)],
)
def test_a_stage_is_not_kept_beyond_its_maximum_green(green_s, until_s, is_wrong):
    oracle = Oracle(star(2), flat_timing(2), step_s=1.0, is_reviewed=True)
    assert bool(oracle.kept(1, green_s, until_s)) is is_wrong
    expected = "stage 1 is kept at 25.5 s for 5 s while others wait, max_green_s is 30"
    assert oracle.kept(1, 25.5, 5.0) == (expected,)


# link 0 serves cars and a crossing of 12.8 m, link 2 a crossing of 9.6 m; its derived limits: 3.5 s of yellow, 12
# s of red
def test_cars_that_share_a_link_with_walkers_need_their_yellow():
    junction = shared_link()
    found = judge([("rrr", None, 16), ("rGr", 1, 1)], junction=junction, timing=derive_timing(junction))
    assert found == [
        "link 0 turns from green to red without yellow",
        "stage 0 to 1: link 0 has 0 s of yellow, needs 3.5",
    ]


@pytest.mark.parametrize(("red_s", "is_short"), [(12, False), (11, True)])
def test_walkers_that_share_a_link_with_cars_cross_in_the_red_after_its_yellow(red_s, is_short):
    junction = shared_link()
    parts = [("yrr", None, 4), ("rrr", None, red_s), ("rGr", 1, 1)]
    found = judge(parts, junction=junction, timing=derive_timing(junction))
    assert ("stage 0 to 1: link 0 has 11 s of time to cross, needs 11.9626" in found) == is_short
    assert ("stage 0 to 1: link 0 has 11 s of all-red, needs 12" in found) == is_short
    assert bool(found) == is_short


def test_a_long_yellow_is_no_time_to_cross():
    junction = shared_link()
    found = judge([("yrr", None, 16), ("rGr", 1, 1)], junction=junction, timing=flat_timing(2, all_red_s=0.0))
    assert "stage 0 to 1: link 0 has 0 s of time to cross, needs 11.9626" in found
    assert not any("pedestrian clearance" in wrong and "link 0" in wrong for wrong in found)
