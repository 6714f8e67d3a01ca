"""Constructed displays of a junction of four legs: N through 0, left 1; E 2, 3; S 4, 5; W 6, 7; crossings 8 to 11."""

from dataclasses import replace

import pytest

from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.simulation.score.audit import StateRun
from leed_traffic.simulation.score.limit_breaks import judge_limits
from tests.intersections import four_legs

JUNCTION = four_legs()
TIMING = derive_timing(JUNCTION)
STAGES = [stage.state for stage in JUNCTION.stages]


def way(i, j):
    """The site's clearance from stage i to stage j, as (state, seconds)."""
    program = build_program(JUNCTION, TIMING, step_s=0.5)  # to the half second, as the site's limits are
    phase, states = program.entries[i][j], []
    while program.phases[phase].is_clearance:
        states.append((program.phases[phase].state, program.phases[phase].duration_s))
        phase = program.phases[phase].next
    return states


def judge(*states, judges_waits=True, junction=JUNCTION, timing=TIMING):
    """(limit, times, worst) of each break of a display of (state, seconds)."""
    runs, now_s = [], 0.0
    for state, seconds in states:
        runs.append(StateRun(state=state, program="0", begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    found = judge_limits(
        {junction.id: runs}, Network(intersections=(junction,)), [timing], judges_waits=judges_waits
    )
    return [(one.limit, one.times, one.worst_s) for one in found]


def test_the_stage_programs_own_ways_break_nothing():
    tour = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (2, 1), (1, 3), (3, 2), (2, 0), (0, 3), (3, 1), (1, 0)]
    assert judge(*[part for i, j in tour for part in [(STAGES[i], 20.0), *way(i, j)]]) == []


def test_a_green_that_goes_red_lacks_its_whole_yellow_and_its_all_red():
    found = judge((STAGES[0], 20.0), ("r" * 12, 60.0), (STAGES[2], 20.0))
    assert found == [("no yellow", 1, TIMING.clearances.yellow_s[0][2])]


@pytest.mark.parametrize(("seconds", "breaks"), [(-1.0, [("short yellow", 1, 1.0)]), (0.0, []), (1.0, [])])
def test_a_yellow_is_short_by_what_the_site_asks_for(seconds, breaks):
    walk_out, (yellow, yellow_s), (red, red_s) = way(0, 2)
    assert (
        judge((STAGES[0], 20.0), walk_out, (yellow, yellow_s + seconds), (red, red_s + 1.0), (STAGES[2], 20.0))
        == breaks
    )


def test_an_all_red_is_short_by_what_is_missing_before_a_conflicting_green():
    (walk_out, walk_out_s), yellow, (red, red_s) = way(0, 2)
    found = judge((STAGES[0], 20.0), (walk_out, walk_out_s + 1.0), yellow, (red, red_s - 1.0), (STAGES[2], 20.0))
    needed_s = TIMING.clearances.all_red_s[0][2]
    assert found == [("short all-red", 1, pytest.approx(needed_s - red_s + 1.0))]


def test_a_crossing_needs_its_whole_clearance_before_a_conflicting_green():
    (walk_out, walk_out_s), yellow, red = way(0, 2)
    found = judge((STAGES[0], 20.0), (walk_out, walk_out_s - 1.0), yellow, red, (STAGES[2], 20.0))
    whole_s = TIMING.clearance_s(0, 2)
    shown_s = walk_out_s - 1.0 + yellow[1] + red[1]
    assert shown_s < whole_s
    assert found == [("short walk-out", 1, pytest.approx(whole_s - shown_s))]


@pytest.mark.parametrize(("seconds", "breaks"), [(6.0, [("short green", 1, 1.0)]), (7.0, []), (8.0, [])])
def test_a_green_is_short_below_its_minimum(seconds, breaks):
    assert TIMING.min_green_s[0] == 7.0
    assert judge((STAGES[2], 20.0), *way(2, 0), (STAGES[0], seconds), *way(0, 2), (STAGES[2], 20.0)) == breaks


def test_greens_that_the_record_cuts_are_not_called_short():
    assert judge((STAGES[0], 2.0), *way(0, 2), (STAGES[2], 2.0)) == []


def test_a_stage_of_which_nothing_ends_is_not_short_however_briefly_it_stands():
    """Letters that are part of the stage before and of the one behind: no green of a link is short by them."""
    part = "GgrrGgrrrrrr"  # stage 0 without its crossings
    junction = replace(JUNCTION, stages=(*JUNCTION.stages, replace(JUNCTION.stages[0], state=part, own_phase=99)))
    timing = derive_timing(junction)
    shown = [
        (STAGES[2], 20.0),
        *way(2, 0),
        (STAGES[0], 20.0),
        (part, 1.0),
        (STAGES[0], 20.0),
        *way(0, 2),
        (STAGES[2], 20.0),
    ]
    assert "short green" not in [limit for limit, _, _ in judge(*shown, junction=junction, timing=timing)]


def test_a_stage_beyond_its_maximum_and_a_red_beyond_the_maximum_red_are_long_where_waits_are_judged():
    shown = [(STAGES[0], 200.0), *way(0, 2), (STAGES[2], 20.0)]
    assert [limit for limit, _, _ in judge(*shown)] == ["long green", "long red"]
    assert judge(*shown, judges_waits=False) == []
    (green, red) = judge(*shown)
    assert green[2] == 200.0 - TIMING.max_green_s[0]
    assert red[2] == pytest.approx(200.0 + sum(s for _, s in way(0, 2)) - TIMING.max_red_s)


def test_conflicting_greens_count_by_how_long_they_stood():
    clash = "GrGrrrrrrrrr"
    found = judge((clash, 20.0))
    assert found[0] == ("conflicting greens", 1, 20.0)


def test_what_many_links_do_at_one_moment_is_one_break_and_every_moment_counts():
    (walk_out, walk_out_s), (yellow, yellow_s), (red, red_s) = way(0, 2)
    change = [(STAGES[0], 20.0), (walk_out, walk_out_s + 0.5), (yellow, yellow_s - 0.5), (red, red_s)]
    back = [(STAGES[2], 20.0), *way(2, 0)]
    assert judge(*change, *back, *change, (STAGES[2], 20.0)) == [("short yellow", 2, 0.5)]


def test_a_signal_that_is_switched_off_breaks_nothing():
    assert judge(("o" * 12, 500.0)) == []
