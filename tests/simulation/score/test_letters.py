"""The audit on records made by hand: what is safe in some reading is safe, what is wrong in every reading is found."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import PARTS, derive_timing
from leed_traffic.simulation.score.audit import StateRun, count_unsafe_changes, find_unsafe_changes
from tests.intersections import (
    crossing,
    early_release,
    flat_timing,
    four_legs,
    intersection,
    shared_link,
    star,
    t_junction,
    tight_timing,
    vehicle,
    with_limits,
)


def record(*parts, program="leed"):
    """Runs of (state, seconds), the same letters one after the other joined as SUMO's record shows them."""
    runs, now_s = [], 0.0
    for state, seconds in parts:
        if runs and runs[-1].state == state:
            runs[-1] = replace(runs[-1], end_s=now_s + seconds)
        else:
            runs.append(StateRun(state=state, program=program, begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    return runs


def count(junction, timing, *parts, program="leed"):
    return count_unsafe_changes(
        {junction.id: record(*parts, program=program)}, Network(intersections=(junction,)), [timing]
    )


def tour(junction, timing, stages, greens, extended_s=0.0):
    """What the stage program shows on a way through these stages."""
    program, parts = build_program(junction, timing), []
    for (i, j), green_s in zip(pairwise(stages), greens, strict=False):
        parts.append((program.phases[i].state, green_s))
        phase = program.entries[i][j]
        while program.phases[phase].is_clearance:
            now = program.phases[phase]
            is_last = now.next < program.n_stages
            parts.append(
                (
                    now.state,
                    now.duration_s + (extended_s if is_last and timing.clearances.all_red_s[i][j] else 0.0),
                )
            )
            phase = now.next
    return [*parts, (program.phases[stages[-1]].state, 30.0)]


def subset():
    """Stage 1 is a part of stage 0, stage 2 a part of stage 1; stage 3 serves the rest."""
    movements = [vehicle(0), vehicle(1), vehicle(2), vehicle(3)]
    return intersection(["GGGr", "GGrr", "Grrr", "rrrG"], movements, {(0, 3), (1, 3), (2, 3)}, name="U")


def walks():
    """Stage 1 is stage 0 without its crossing, stage 3 what stages 0 and 2 have in common."""
    movements = [vehicle(0), vehicle(1), vehicle(2), crossing(3)]
    return intersection(["GGrG", "GGrr", "GrGr", "Grrr"], movements, {(1, 2), (2, 3)}, name="W")


JUNCTIONS = [four_legs(), t_junction(), star(3), early_release(), shared_link(), subset(), walks()]


@pytest.mark.parametrize("junction", JUNCTIONS, ids=lambda j: j.id)
@pytest.mark.parametrize("extended_s", [0.0, 1.0, 12.0])
def test_whatever_the_stage_program_shows_is_safe(junction, extended_s):
    rng = np.random.default_rng(1)
    for timing in (derive_timing(junction), tight_timing(junction)):
        stages = [0]
        while len(stages) < 200:
            stages.append(int(rng.choice([s for s in range(junction.n_stages) if s != stages[-1]])))
        greens = [timing.min_green_s[s] + float(rng.integers(0, 3)) * 4.0 for s in stages]
        assert count(junction, timing, *tour(junction, timing, stages, greens, extended_s)) == 0


def in_whole_seconds(timing):
    """The limits with clearances of whole seconds: the program then has none to spare."""
    return with_limits(
        timing, **{part: tuple(tuple(map(math.ceil, row)) for row in timing.limits()[part]) for part in PARTS}
    )


# not `walks`: its stage 1 looks like the lead of stage 0's ways, which may be as long as it likes
@pytest.mark.parametrize("junction", JUNCTIONS[:-1], ids=lambda j: j.id)
def test_whatever_is_a_second_too_short_is_found(junction):
    """Every part of every way between two minimum greens, and these, cut by a second: no reading has a second to spare."""
    timing = in_whole_seconds(tight_timing(junction))
    s = range(junction.n_stages)
    for i, j in [(i, j) for i in s for j in s if i != j]:
        before, after = (max(k for k in s if k != i), max(k for k in s if k != j))
        parts = tour(junction, timing, [before, i, j, after], [30.0, timing.min_green_s[i], timing.min_green_s[j]])
        first = len(tour(junction, timing, [before, i], [30.0])) - 1
        last = len(tour(junction, timing, [before, i, j], [30.0, 30.0]))
        assert count(junction, timing, *parts) == 0
        for k in range(first, last):
            cut = [(state, seconds - (n == k)) for n, (state, seconds) in enumerate(parts)]
            assert count(junction, timing, *cut) >= 1, (i, j, parts[k], cut)


@pytest.mark.parametrize(("run_s", "unsafe"), [(8.0, 1), (9.0, 0), (30.0, 0)])
def test_a_stage_that_is_a_part_of_the_one_before_stands_for_its_clearance_and_its_green(run_s, unsafe):
    timing = flat_timing(4, name="U", min_green_s=7.0, yellow_s=3.0, all_red_s=2.0)
    way = [("GGGr", 20.0), ("GGyr", 3.0), ("GGrr", run_s)]
    assert count(subset(), timing, *way, ("yyrr", 3.0), ("rrrr", 2.0), ("rrrG", 20.0)) == unsafe
    assert (
        count(subset(), timing, *way, ("Gyrr", 3.0), ("Grrr", 9.0), ("yrrr", 3.0), ("rrrr", 2.0), ("rrrG", 9.0))
        == unsafe
    )


@pytest.mark.parametrize(("run_s", "unsafe"), [(7.0, 1), (8.0, 0)])
def test_a_stage_that_only_adds_to_the_one_before_leaves_its_seam_there(run_s, unsafe):
    timing = derive_timing(early_release())
    start = [("rrGr", 20.0), ("rryr", 4.0), ("rrrr", 2.0)]
    assert count(early_release(), timing, *start, ("Ggrr", run_s), ("GGrG", 20.0)) == unsafe


def test_a_green_that_begins_with_the_all_red_is_no_all_red():
    timing = flat_timing(4, name="U", all_red_s=2.0)
    assert (
        count(
            subset(),
            timing,
            ("GGGr", 20.0),
            ("yyyr", 3.0),
            ("rrrG", 30.0),
            ("rrry", 3.0),
            ("rrrr", 2.0),
            ("GGGr", 9.0),
        )
        == 1
    )


def test_a_way_may_pass_the_letters_of_a_third_stage_for_as_long_as_it_is_extended():
    """From stage 0 to 2 of `walks`: the crossing ends (stage 1's letters), then link 1, and the rest is stage 3's letters."""
    junction = walks()
    timing = tight_timing(junction)
    lead_s, yellow_s, red_s = (
        m[0][2]
        for m in (
            timing.clearances.pedestrian_clearance_s,
            timing.clearances.yellow_s,
            timing.clearances.all_red_s,
        )
    )
    for more_s in (0.0, 3.0, 30.0):
        parts = [
            ("GGrG", 20.0),
            ("GGrr", lead_s),
            ("Gyrr", 4.0),
            ("Grrr", red_s + more_s),
            ("GrGr", 20.0),
            ("GyGr", 1.0),
        ]
        assert (yellow_s, count(junction, timing, *parts[:5])) == (3.5, 0)
        short = [*parts[:3], ("Grrr", red_s - 1.0), *parts[4:5]]
        assert count(junction, timing, *short) == 1


def test_a_stage_cut_short_is_found_even_if_it_serves_only_what_the_stages_beside_it_do():
    """Link 2 ends before links 0 and 1: no way to stage 3 does that, so stage 1 was shown, and too shortly."""
    timing = flat_timing(4, name="U", all_red_s=2.0)
    parts = [("GGGr", 20.0), ("GGyr", 3.0), ("GGrr", 5.0), ("yyrr", 3.0), ("rrrr", 2.0), ("rrrG", 20.0)]
    found = find_unsafe_changes({"U": record(*parts)}, Network(intersections=(subset(),)), [timing])
    assert [(f.intersection, f.time_s, f.what) for f in found] == [
        ("U", 23.0, "stage 1 is green for 3 s, needs 7")
    ]


def test_a_crossing_that_stays_green_while_the_way_lasts_long_enough_is_found():
    junction = four_legs()
    timing = derive_timing(junction)
    lead_s, yellow_s, red_s = (
        m[2][0]
        for m in (
            timing.clearances.pedestrian_clearance_s,
            timing.clearances.yellow_s,
            timing.clearances.all_red_s,
        )
    )
    stages = [stage.state for stage in junction.stages]
    yellow, red = "rryyrryyGrGr", "r" * 12  # the walkers are green beside the yellow
    assert (lead_s, yellow_s, red_s) == (5.0, 3.5, 3.5)
    assert count(junction, timing, (stages[2], 20.0), (yellow, 4.0), (red, 9.0), (stages[0], 20.0)) == 1
    assert count(junction, timing, (stages[2], 20.0), (yellow, 4.0), (red, 12.0), (stages[0], 20.0)) == 0


@pytest.mark.parametrize(
    "parts",
    [
        [("Gr", 20.0), ("GG", 1.0), ("yr", 3.0), ("rr", 2.0), ("rG", 20.0)],  # foes
        [("Gr", 20.0), ("yr", 3.0), ("Gr", 20.0)],  # yellow to green
        [("Gr", 20.0), ("yr", 3.0), ("rX", 2.0), ("rG", 20.0)],
        [("Gr", 20.0), ("yr", 3.0), ("rr", 2.0), ("gr", 1.0), ("rr", 1.0), ("rG", 20.0)],
        [("Gr", 20.0), ("yr", 1.0), ("rr", 1.0), ("yr", 2.0), ("rr", 2.0), ("rG", 20.0)],
        [("Gr", 20.0), ("yr", 3.0), ("rg", 2.0), ("rG", 20.0)],  # before the all-red is over
        [("Gr", 20.0), ("rr", 9.0), ("rG", 20.0)],
    ],
)
def test_other_displays_that_no_program_of_ours_shows_are_found(parts):
    timing = flat_timing(2, yellow_s=3.0, all_red_s=2.0)
    assert count(star(2), timing, *parts) >= 1
    assert count(star(2), timing, ("Gr", 20.0), ("yr", 3.0), ("rr", 2.0), ("rG", 20.0)) == 0


def test_cars_that_share_a_link_with_walkers_are_held_to_both():
    junction, timing = shared_link(), derive_timing(shared_link())
    proper = [("GrG", 20.0), ("yrr", 4.0), ("rrr", 12.0), ("rGr", 20.0)]
    assert count(junction, timing, *proper) == 0
    assert count(junction, timing, proper[0], ("rrr", 16.0), proper[3]) == 1
    assert count(junction, timing, *proper[:2], ("rrr", 11.0), proper[3]) == 1


def test_a_signal_under_the_net_s_own_program_is_judged_by_missing_yellows_alone():
    timing = flat_timing(2)
    assert (
        count(star(2), timing, ("Gr", 1.0), ("GG", 1.0), ("yy", 1.0), ("Gr", 1.0), ("rG", 1.0), program="0") == 1
    )


def test_a_record_that_begins_or_ends_on_the_way_is_judged_by_what_it_shows():
    timing = flat_timing(4, name="U", all_red_s=2.0)
    way = [("GGyr", 3.0), ("GGrr", 20.0), ("yyrr", 3.0), ("rrrr", 2.0), ("rrrG", 20.0), ("rrry", 1.0)]
    for begin in range(len(way)):
        for end in range(begin, len(way)):
            assert count(subset(), timing, *way[begin : end + 1]) == 0
    assert count(subset(), timing) == 0
