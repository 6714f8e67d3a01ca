from dataclasses import replace

import pytest

from leed_traffic.domain.safety.program import build_program, whole_steps
from leed_traffic.domain.safety.timing import derive_timing
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
)  # fmt: skip


def way(program, i, j):
    """(state, seconds) of the phases from stage i to stage j."""
    phases, k = [], program.entries[i][j]
    while k != j:
        phases.append((program.phases[k].state, program.phases[k].duration_s))
        assert program.stage_of(k) == (j, True)
        k = program.phases[k].next
    return phases


def test_stages_come_first_and_lead_on_in_the_fallback_order():
    junction = star(3)
    program = build_program(junction, replace(flat_timing(3), fallback_order=(0, 2, 1)))
    assert [program.stage_of(k) for k in range(3)] == [(0, False), (1, False), (2, False)]
    assert [phase.state for phase in program.phases[:3]] == ["Grr", "rGr", "rrG"]
    assert [phase.duration_s for phase in program.phases[:3]] == [7.0, 7.0, 7.0]
    assert [phase.next for phase in program.phases[:3]] == [
        program.entries[0][2],
        program.entries[1][0],
        program.entries[2][1],
    ]


@pytest.mark.parametrize("n_stages", [2, 3, 8])
def test_every_ordered_pair_has_a_way_of_yellow_then_red(n_stages):
    program = build_program(star(n_stages), flat_timing(n_stages, max_red_s=300.0))
    assert program.n_stages == n_stages
    assert len(program.phases) == n_stages + 2 * n_stages * (n_stages - 1)
    for i in range(n_stages):
        for j in range(n_stages):
            yellow = "".join("y" if k == i else "r" for k in range(n_stages))
            assert way(program, i, j) == ([] if i == j else [(yellow, 3.0), ("r" * n_stages, 1.0)])


def test_crossings_turn_red_first_while_vehicles_keep_their_green():
    junction = four_legs()
    program = build_program(junction, derive_timing(junction))
    # 12.8 m at 1.07 m/s is 12 s: 3.5 s of yellow and 3.5 s of all-red count, 5 s are left; each rounds up to whole
    # steps
    assert way(program, 2, 0) == [("rrGgrrGgrrrr", 5.0), ("rryyrryyrrrr", 4.0), ("rrrrrrrrrrrr", 4.0)]


def test_a_yielding_left_that_becomes_protected_keeps_yielding_during_the_clearance():
    junction = four_legs()
    program = build_program(junction, derive_timing(junction))
    assert [state for state, _ in way(program, 0, 1)] == ["GgrrGgrrrrrr", "ygrrygrrrrrr", "rgrrrgrrrrrr"]


def test_a_protected_left_that_becomes_permissive_yields_from_the_start_of_the_clearance():
    junction = four_legs()
    program = build_program(junction, derive_timing(junction))
    assert [state for state, _ in way(program, 1, 0)] == ["rgrrrgrrrrrr"]


def test_a_link_green_in_both_stages_stays_green_all_the_way():
    junction = t_junction()
    program = build_program(junction, derive_timing(junction))
    assert [state for state, _ in way(program, 0, 1)] == ["Ggyrr", "Ggrrr"]
    assert [state for state, _ in way(program, 1, 2)] == ["yyrrG", "rrrrG"]


def test_a_stage_that_only_adds_movements_gets_a_seam_and_no_yellow():
    junction = early_release()
    program = build_program(junction, derive_timing(junction))
    assert way(program, 0, 1) == [("Ggrr", 1.0)]


def test_without_any_clearance_a_way_is_the_stage_itself():
    timing = flat_timing(2, yellow_s=0.0, all_red_s=0.0)
    program = build_program(star(2), timing)
    assert program.entries == ((0, 1), (0, 1))
    assert len(program.phases) == 2


def test_a_turn_on_red_rests_only_between_stages_that_both_allow_it():
    junction = star(2)
    stages = (replace(junction.stages[0], state="Grs"), replace(junction.stages[1], state="rGs"))
    program = build_program(replace(junction, stages=stages), flat_timing(2))
    assert [state for state, _ in way(program, 0, 1)] == ["yrs", "rrs"]
    stages = (stages[0], replace(junction.stages[1], state="rGr"))
    program = build_program(replace(junction, stages=stages), flat_timing(2))
    assert [state for state, _ in way(program, 0, 1)] == ["yrr", "rrr"]


@pytest.mark.parametrize(
    ("seconds", "step_s", "whole"),
    [(3.5, 1.0, 4.0), (3.0, 1.0, 3.0), (3.5, 0.5, 3.5), (3.1, 0.25, 3.25), (3.0, 0.1, 3.0), (0.01, 1.0, 1.0)],
)
def test_durations_round_up_to_whole_steps(seconds, step_s, whole):
    assert whole_steps(seconds, step_s) == pytest.approx(whole)


def test_timing_for_another_number_of_stages_is_refused():
    with pytest.raises(ValueError, match="3 stages, but its timing has 2"):
        build_program(star(3), flat_timing(2))


def test_a_way_is_extended_in_its_own_all_red():
    program = build_program(star(3), flat_timing(3))
    yellow = program.entries[0][2]
    all_red = program.phases[yellow].next
    assert program.phases[yellow].extension is None, "a yellow that an all-red follows is never extended"
    assert program.phases[all_red].extension == all_red
    assert len(program.phases) == 3 + 2 * 6


def test_a_way_without_all_red_is_extended_in_a_red_phase_that_nothing_leads_to():
    program = build_program(star(3), flat_timing(3, all_red_s=0.0))
    assert len(program.phases) == 3 + 6 + 6
    for i, j in ((0, 1), (1, 0), (2, 1)):
        yellow = program.phases[program.entries[i][j]]
        assert yellow.next == j
        beside = program.phases[yellow.extension]
        assert (beside.state, beside.duration_s, beside.next, beside.stage) == ("rrr", 1.0, j, j)
        assert beside.is_clearance
        assert beside.extension == yellow.extension
        assert all(phase.next != yellow.extension for phase in program.phases)


def test_a_link_that_both_stages_serve_stays_green_through_an_extension():
    junction = early_release()
    timing = with_limits(
        flat_timing(junction.n_stages, name=junction.id),
        all_red_s=((0.0,) * junction.n_stages,) * junction.n_stages,
    )
    program = build_program(junction, timing)
    kept = junction.stages[0].green & junction.stages[1].green
    extension = program.phases[program.entries[0][1]].extension
    assert kept
    assert {k for k, letter in enumerate(program.phases[extension].state) if letter in "Gg"} == kept


def test_a_program_knows_whose_it_is_and_its_step():
    program = build_program(star(2, "J"), flat_timing(2), step_s=0.5)
    assert (program.intersection, program.step_s) == ("J", 0.5)


def test_a_crossing_that_stays_green_walks_on_while_another_is_cleared():
    movements = [vehicle(0), vehicle(1), crossing(2), crossing(3)]
    junction = intersection(["GrGG", "rGrG"], movements, {(0, 1), (1, 2)})
    first, *_ = [state for state, _ in way(build_program(junction, derive_timing(junction)), 0, 1)]
    assert first == "GrrG"


def ends(all_red_s):
    """(program, phase in which the way from stage 0 to stage 1 ends, its seconds)."""
    program = build_program(star(2), flat_timing(2, all_red_s=all_red_s))
    phase = program.entries[0][1]
    while program.phases[phase].extension is None:
        phase = program.phases[phase].next
    return program, phase, program.phases[phase].duration_s


@pytest.mark.parametrize("all_red_s", [0.0, 2.0])
def test_an_extension_is_measured_from_the_end_of_the_way(all_red_s):
    program, phase, length_s = ends(all_red_s)
    assert program.rest_s(phase, length_s - 1.0) == 1.0
    assert program.rest_s(phase, length_s + 3.0) == 0.0
    assert program.extended_s(phase, length_s) == 0.0
    extension = program.phases[phase].extension
    spent_s = 4.0 + (length_s if extension == phase else 0.0)
    assert program.extended_s(extension, spent_s) == 4.0
    assert program.extended_s(0, 99.0) == 0.0


def test_a_way_that_is_all_red_alone_is_measured_from_its_end_too():
    limits = with_limits(flat_timing(2, all_red_s=3.0), yellow_s=((0.0, 0.0), (0.0, 0.0)))
    program = build_program(star(2), limits)
    phase = program.entries[0][1]
    assert [program.extended_s(phase, spent_s) for spent_s in (2.0, 3.0, 4.0)] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("all_red_s", "left_s", "hold_s", "allowed"),
    [
        (2.0, 0.0, 1.0, True),
        (2.0, 0.5, 1.0, True),
        (2.0, 1.0, 1.0, True),
        (2.0, 1.5, 1.0, False),  # it would end sooner than by itself
        (2.0, -3.0, 1.0, True),  # extended already
        (2.0, 0.0, 5.0, True),
        (2.0, 0.0, 5.1, False),
        (2.0, 0.0, 0.0, False),
        (2.0, 0.0, -1.0, False),
        (2.0, 0.0, float("nan"), False),
        (2.0, 0.0, float("inf"), False),
        (0.0, 0.0, 1.0, True),
        (0.0, 0.5, 1.0, False),  # a yellow stands its whole time
        (0.0, 1.0, 5.0, False),
    ],
)
def test_a_clearance_is_extended_at_its_end_only_and_never_shortened(all_red_s, left_s, hold_s, allowed):
    program, phase, length_s = ends(all_red_s)
    expected = program.phases[phase].extension if allowed else None
    assert program.extension_at(phase, length_s - left_s, hold_s) == expected


def test_neither_a_stage_nor_a_yellow_before_an_all_red_is_extended():
    program, *_ = ends(2.0)
    assert program.extension_at(0, 99.0, 1.0) is None
    assert program.extension_at(program.entries[0][1], 99.0, 1.0) is None


def test_a_link_of_cars_and_walkers_keeps_its_green_until_a_yellow_while_a_crossing_alone_is_red_before():
    junction = shared_link()
    lead = ((0.0, 5.0), (0.0, 0.0))
    program = build_program(junction, with_limits(flat_timing(2, all_red_s=12.0), pedestrian_clearance_s=lead))
    assert way(program, 0, 1) == [("Grr", 5.0), ("yrr", 3.0), ("rrr", 12.0)]
    assert way(program, 1, 0) == [("ryr", 3.0), ("rrr", 12.0)]
