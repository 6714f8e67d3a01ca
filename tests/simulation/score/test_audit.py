from dataclasses import replace

import pytest

from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.simulation.score.audit import StateRun, count_unsafe_changes, read_runs
from tests.intersections import four_legs, with_limits

JUNCTION = four_legs()
TIMING = derive_timing(JUNCTION)
STAGES = [stage.state for stage in JUNCTION.stages]


def way(i, j):
    """The clearance from stage i to stage j, as (state, seconds)."""
    program = build_program(JUNCTION, TIMING)
    phase, states = program.entries[i][j], []
    while program.phases[phase].is_clearance:
        states.append((program.phases[phase].state, program.phases[phase].duration_s))
        phase = program.phases[phase].next
    return states


def count(*states, program="leed"):
    runs, now_s = [], 0.0
    for state, seconds in states:
        runs.append(StateRun(state=state, program=program, begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    return count_unsafe_changes({JUNCTION.id: runs}, Network(intersections=(JUNCTION,)), [TIMING])


def test_the_stage_programs_own_ways_are_safe():
    tour = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (2, 1), (1, 3), (3, 2), (2, 0), (0, 3), (3, 1), (1, 0)]
    shown = [part for i, j in tour for part in [(STAGES[i], 20.0), *way(i, j)]]
    assert count(*shown) == 0


def test_green_to_red_without_yellow_is_unsafe_whoever_runs_it():
    for program in ("leed", "0"):
        assert count((STAGES[0], 20.0), ("r" * 12, 5.0), (STAGES[2], 20.0), program=program) == 1


@pytest.mark.parametrize(("seconds", "unsafe"), [(-1.0, 1), (0.0, 0), (1.0, 0)])
def test_a_yellow_shorter_than_the_sites_is_unsafe(seconds, unsafe):
    walk_out, (yellow, yellow_s), (red, red_s) = way(0, 2)
    shown = [(STAGES[0], 20.0), walk_out, (yellow, yellow_s + seconds), (red, red_s + 1.0), (STAGES[2], 20.0)]
    assert count(*shown) == unsafe


def test_an_all_red_that_is_too_short_is_unsafe():
    walk_out, yellow, (red, red_s) = way(0, 2)
    assert count((STAGES[0], 20.0), walk_out, yellow, (red, red_s - 1.0), (STAGES[2], 20.0)) == 1


@pytest.mark.parametrize(("seconds", "unsafe"), [(6.0, 1), (7.0, 0), (8.0, 0)])
def test_a_stage_below_its_minimum_green_is_unsafe(seconds, unsafe):
    assert TIMING.min_green_s[0] == 7.0
    shown = [(STAGES[2], 20.0), *way(2, 0), (STAGES[0], seconds), *way(0, 2), (STAGES[2], 20.0)]
    assert count(*shown) == unsafe


def test_the_first_and_the_last_stage_of_a_record_may_be_cut():
    assert count((STAGES[0], 2.0), *way(0, 2), (STAGES[2], 2.0)) == 0


def test_the_nets_own_program_is_not_held_to_the_sites_intervals():
    short = [(state, 3.0) for state, _ in way(0, 2)[1:]]
    shown = [(STAGES[0], 2.0), way(0, 2)[0], *short, (STAGES[2], 2.0), way(2, 0)[0]]
    assert count(*shown, program="0") == 0
    assert count(*shown, program="leed") == 2


def test_no_lead_is_owed_to_walkers_who_stay_green():
    padded = with_limits(
        TIMING, pedestrian_clearance_s=tuple(tuple(9.0 if a != b else 0.0 for b in range(4)) for a in range(4))
    )
    stages = [replace(stage, state=stage.state[:8] + "GrGr") for stage in JUNCTION.stages]
    junction = replace(JUNCTION, stages=tuple(stages), foes=())
    yellow, red = "yyrryyrrGrGr", "rrrrrrrrGrGr"
    shown = [
        (stages[0].state, 20.0),
        (yellow, TIMING.clearances.yellow_s[0][2]),
        (red, TIMING.clearances.all_red_s[0][2]),
        (stages[2].state, 20.0),
    ]
    runs, now_s = [], 0.0
    for state, seconds in shown:
        runs.append(StateRun(state=state, program="leed", begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    assert count_unsafe_changes({JUNCTION.id: runs}, Network(intersections=(junction,)), [padded]) == 0


def test_a_stages_letters_in_passing_are_no_stage():
    only = "".join(a if a == b else "r" for a, b in zip(STAGES[0], STAGES[0], strict=True))
    between = replace(JUNCTION.stages[1], state=only[:8] + "rrrr")
    junction = replace(JUNCTION, stages=(*JUNCTION.stages, between))
    timing = derive_timing(junction)
    states = [(STAGES[2], 20.0), *way(2, 0), (STAGES[0], 10.0), (between.state, 2.0), (STAGES[0], 10.0)]
    runs, now_s = [], 0.0
    for state, seconds in states:
        runs.append(StateRun(state=state, program="leed", begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    assert count_unsafe_changes({JUNCTION.id: runs}, Network(intersections=(junction,)), [timing]) == 0


def test_a_record_is_read_run_by_run(tmp_path):
    rows = [
        (0, "a", "Gr"),
        (0, "b&amp;c", "GG"),
        (1, "a", "Gr"),
        (1, "b&amp;c", "GG"),
        (2, "a", "yr"),
        (2, "b&amp;c", "GG"),
    ]
    path = tmp_path / "states.xml"
    path.write_text(
        "\n".join(f'<tlsState time="{t}.00" id="{n}" programID="leed" phase="0" state="{s}"/>' for t, n, s in rows)
    )
    assert read_runs(path) == {
        "a": [
            StateRun(state="Gr", program="leed", begin_s=0.0, end_s=2.0),
            StateRun(state="yr", program="leed", begin_s=2.0, end_s=2.0),
        ],
        "b&c": [StateRun(state="GG", program="leed", begin_s=0.0, end_s=2.0)],
    }


@pytest.mark.parametrize(("own_s", "unsafe"), [(16.0, 0), (1.0, 1)])
def test_a_green_goes_on_when_its_signal_is_handed_back_at_the_same_display(own_s, unsafe):
    start = [(STAGES[2], 20.0), *way(2, 0)]
    runs, now_s = [], 0.0
    for state, seconds, program in [
        *((s, d, "leed") for s, d in start),
        (STAGES[0], 1.0, "leed"),
        (STAGES[0], own_s, "0"),
    ]:
        runs.append(StateRun(state=state, program=program, begin_s=now_s, end_s=now_s + seconds))
        now_s += seconds
    runs.append(StateRun(state=way(0, 2)[0][0], program="0", begin_s=now_s, end_s=now_s + 5.0))
    assert count_unsafe_changes({JUNCTION.id: runs}, Network(intersections=(JUNCTION,)), [TIMING]) == unsafe
