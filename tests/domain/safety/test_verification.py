from dataclasses import replace

import pytest

from leed_traffic.domain.network import MovementKind
from leed_traffic.domain.safety import envelope
from leed_traffic.domain.safety.envelope import Ruling
from leed_traffic.domain.safety.oracle import Oracle
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import derive_timing, timing_as_net
from leed_traffic.domain.safety.verification import _NONSENSE, Subject, question, verify_timing
from tests.intersections import (
    early_release,
    flat_timing,
    four_legs,
    shared_link,
    star,
    t_junction,
    three_stages,
    tight_timing,
    with_limits,
)

JUNCTIONS = [four_legs(), t_junction(), three_stages(), star(2), early_release(), shared_link()]


@pytest.mark.parametrize("interval_s", [1.0, 5.0])
@pytest.mark.parametrize("junction", JUNCTIONS, ids=lambda j: j.id)
def test_no_reachable_state_breaks_a_limit(junction, interval_s):
    found = verify_timing(junction, tight_timing(junction), decision_interval_s=interval_s)
    assert found.violations == ()
    assert found.states > 50
    assert found.intersection == junction.id


def test_the_derived_limits_of_a_crossing_with_pedestrians_hold():
    found = verify_timing(four_legs(), derive_timing(four_legs()))
    assert (found.violations, found.states > 10_000) == ((), True)


def test_eight_stages_hold():
    junction = star(8)
    timing = tight_timing(junction, max_green_s=10.0)
    assert verify_timing(junction, timing).violations == ()


@pytest.mark.parametrize("step_s", [0.5, 0.25])
def test_finer_steps_hold(step_s):
    assert verify_timing(star(2), tight_timing(star(2)), step_s=step_s).violations == ()


def test_a_long_lease_holds():
    assert (
        verify_timing(
            three_stages(), tight_timing(three_stages()), decision_interval_s=1.0, lease_s=10.0
        ).violations
        == ()
    )


def test_the_net_s_own_clearances_hold_to_themselves_but_not_to_the_floors_of_a_reviewed_site():
    junction = four_legs()
    timing = replace(timing_as_net(junction), max_green_s=(20.0,) * 4)
    assert verify_timing(junction, timing, is_reviewed=False).violations == ()
    found = verify_timing(junction, timing).violations
    assert found
    assert all("time to cross" in violation for violation in found)


def with_matrix(timing, name, i, j, value):
    rows = [list(row) for row in timing.limits()[name]]
    rows[i][j] = value
    return with_limits(timing, **{name: tuple(tuple(row) for row in rows)})


def test_a_yellow_under_3_s_is_found():
    timing = with_matrix(tight_timing(star(2)), "yellow_s", 0, 1, 2.0)
    assert verify_timing(star(2), timing).violations == ("stage 0 to 1: link 0 has 2 s of yellow, needs 3",)


def test_a_missing_yellow_is_found():
    timing = with_matrix(tight_timing(star(2)), "yellow_s", 0, 1, 0.0)
    assert "link 0 turns from green to red without yellow" in verify_timing(star(2), timing).violations


def test_a_short_pedestrian_clearance_is_found():
    timing = with_matrix(tight_timing(four_legs()), "pedestrian_clearance_s", 2, 0, 2.0)
    assert any(
        "stage 2 to 0: link 8 has 10 s of time to cross" in v
        for v in verify_timing(four_legs(), timing).violations
    )


class Changed:
    """A program with some phases changed after it was built."""

    def __init__(self, changes):
        self.changes = changes

    def __call__(self, intersection, timing, *, step_s):
        program = build_program(intersection, timing, step_s=step_s)
        phases = [replace(phase, **self.changes.get(k, {})) for k, phase in enumerate(program.phases)]
        return replace(program, phases=tuple(phases))


# star(2): phases 0, 1 stages; 2, 3 yellow and red from 0 to 1; 4, 5 from 1 to 0
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({3: {"duration_s": 0.0}}, "phase 3 never ends"),
        ({3: {"duration_s": float("inf")}}, "phase 3 never ends"),
        ({3: {"next": 9}}, "phase 3 never ends"),
        ({3: {"next": 0}}, "silence from stage 0 on serves only stages"),
        ({1: {"next": 2}}, "silence from stage 0 on serves only stages"),
        ({0: {"duration_s": 200.0}}, "silence: stage 1 is red for longer than max_red_s"),
        ({0: {"duration_s": 3.0}}, "stage 0 ends after 3 s, min_green_s is 7"),
        ({2: {"duration_s": 2.0}}, "link 0 has 2 s of yellow, needs 3.5"),
        ({3: {"duration_s": 1.0}}, "link 0 has 1 s of all-red, needs 2"),
        ({2: {"state": "yG"}}, "link 1 turns G during a clearance"),
        ({3: {"state": "Gr"}}, "link 0 turns from yellow to green"),
        ({2: {"state": "GG"}}, "links 0 and 1 are foes and both G"),
        ({2: {"state": "rr"}}, "link 0 turns from green to red without yellow"),
        ({3: {"state": "ru"}}, "unknown letters in ru"),
    ],
)
def test_a_broken_program_is_found(changes, complaint):
    junction = star(2)
    timing = flat_timing(2, yellow_s=3.5, all_red_s=2.0)
    found = verify_timing(junction, timing, subject=Subject(build_program=Changed(changes))).violations
    assert any(complaint in violation for violation in found), found


def always(**changes):
    def rule(requested, state, timing, **settings):
        ruling = envelope.rule(requested, state, timing, **settings)
        return Ruling(
            stage=changes.get("stage", ruling.stage),
            reason=ruling.reason,
            renews=changes.get("renews", ruling.renews),
        )

    return rule


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (always(stage=7), "is ruled to stage 7, which does not exist"),
        (always(stage=0), "stage 0 is kept at"),
        (always(renews=True), "the clearance towards stage 1 is held"),
    ],
)
def test_a_broken_envelope_is_found(rule, complaint):
    found = verify_timing(star(2), flat_timing(2), subject=Subject(rule=rule)).violations
    assert any(complaint in violation for violation in found), found


def test_obeying_a_stale_request_is_found():
    def rule(requested, state, timing, *, horizon_s, request_age_s, lease_s):
        return envelope.rule(requested, state, timing, horizon_s=horizon_s)

    found = verify_timing(star(2), flat_timing(2), subject=Subject(rule=rule)).violations
    assert "a stale request for stage 1 is obeyed" in found


def test_a_renewal_beyond_max_green_is_found():
    def forever(state, timing, *, lease_s, shortest_s):
        return 100.0

    found = verify_timing(star(2), flat_timing(2), subject=Subject(hold_s=forever)).violations
    assert any("for 99 s while others wait" in violation for violation in found)


def test_a_jump_into_the_middle_of_another_clearance_is_found():
    def confused(intersection, timing, *, step_s):
        program = build_program(intersection, timing, step_s=step_s)
        entries = [list(row) for row in program.entries]
        entries[0][1] += 1  # leaves the yellow out
        return replace(program, entries=tuple(tuple(row) for row in entries))

    found = verify_timing(star(2), flat_timing(2), subject=Subject(build_program=confused)).violations
    assert "link 0 turns from green to red without yellow" in found


def test_the_judge_sees_a_yielding_green_gain_priority_too_early():
    oracle = Oracle(early_release(), derive_timing(early_release()), step_s=1.0, is_reviewed=True)
    _, wrong = oracle.see(oracle.first(0, "Ggrr"), "GGrr", None)
    assert wrong == ("link 1 turns G during a clearance",)


def test_equal_intersections_ask_the_same_question_and_others_do_not():
    timing = derive_timing(four_legs("A"))
    asked = question(four_legs("A"), timing)
    assert asked == question(four_legs("B"), derive_timing(four_legs("B")))
    assert asked != question(four_legs("A"), replace(timing, max_red_s=200.0))


@pytest.mark.parametrize("all_red_s", [0.0, 1.0])
def test_extended_clearances_are_walked_through_and_found_safe(all_red_s):
    timing = flat_timing(2, all_red_s=all_red_s)
    walked = verify_timing(star(2), timing)
    without = verify_timing(star(2), timing, subject=Subject(build_program=without_extension))
    assert walked.violations == without.violations == ()
    assert walked.states > without.states


def test_an_extension_that_shows_the_next_green_too_early_is_found_out():
    def hasty(intersection, timing, *, step_s):
        program = build_program(intersection, timing, step_s=step_s)
        phases = [replace(p, state="Gr") if k >= 4 else p for k, p in enumerate(program.phases)]
        return replace(program, phases=tuple(phases))

    assert verify_timing(star(2), flat_timing(2, all_red_s=0.0), subject=Subject(build_program=hasty)).violations


def without_extension(intersection, timing, *, step_s):
    program = build_program(intersection, timing, step_s=step_s)
    return replace(program, phases=tuple(replace(p, extension=None) for p in program.phases))


# every moment that can be reached, counted: a walk that leaves something out, or goes astray, reaches another
# number
@pytest.mark.parametrize(
    ("junction", "timing", "settings", "states"),
    [
        (star(2), flat_timing(2), {}, 1696),
        (star(2), flat_timing(2), {"decision_interval_s": 1.0}, 300),
        (star(2), flat_timing(2, max_green_s=14.0, yellow_s=3.5), {"step_s": 0.5}, 5330),
        (star(2), flat_timing(2, max_green_s=14.0), {"decision_interval_s": 1.0, "lease_s": 6.0}, 388),
        (early_release(), tight_timing(early_release()), {}, 4778),
        (t_junction(), tight_timing(t_junction()), {}, 5338),
    ],
)
def test_every_moment_of_a_walk_is_visited(junction, timing, settings, states):
    found = verify_timing(junction, timing, **settings)
    assert (found.intersection, found.states, found.violations) == (junction.id, states, ())


class Recorder:
    """The envelope, and everything that it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, requested, state, timing, **settings):
        self.asked.append((requested, state, settings))
        return envelope.rule(requested, state, timing, **settings)


def test_everything_is_asked_for_while_anybody_waits():
    recorder = Recorder()
    timing = flat_timing(3)  # a round takes 48 s
    verify_timing(star(3), timing, subject=Subject(rule=recorder))
    waits = {state.wait_s for _, state, _ in recorder.asked if state.stage == 1}
    amounts = (1.0, 60.0, 120.0 - 48.0 / 3, 121.0)
    expected = (
        {(0.0, 0.0, 0.0)}
        | {(w, 0.0, w) for w in amounts}
        | {(w, 0.0, 0.0) for w in amounts}
        | {(0.0, 0.0, w) for w in amounts}
    )
    assert waits == expected
    requests = {str(requested) for requested, _, settings in recorder.asked if settings["request_age_s"] == 0.0}
    assert requests == {str(value) for value in (None, 0, 1, 2, 3.0, *_NONSENSE)}
    stale = {requested for requested, _, settings in recorder.asked if settings["request_age_s"] != 0.0}
    assert stale == {0.0, 1.0, 2.0}
    assert {settings["request_age_s"] for _, _, settings in recorder.asked} == {0.0, float("inf")}
    assert {state.green_s for _, state, _ in recorder.asked if state.is_clearing} == {0.0, float("inf")}
    standing = {state.green_s for _, state, _ in recorder.asked if not state.is_clearing}
    assert standing == {float(k) for k in range(37)}  # maximum green and interval; beyond them is one state


def test_a_program_that_is_broken_visits_nothing():
    found = verify_timing(
        star(2), flat_timing(2), subject=Subject(build_program=Changed({3: {"duration_s": 0.0}}))
    )
    assert (found.intersection, found.states) == ("S", 0)


# a cycle of the fallback takes 2 (7 + 4) = 22 s and 15 s of it a stage is not green
@pytest.mark.parametrize(("longer_s", "is_found"), [(17.0, False), (18.0, True)])
def test_silence_may_last_up_to_the_maximum_red(longer_s, is_found):
    junction, timing = star(2), replace(flat_timing(2), max_red_s=32.0)
    changed = Changed({0: {"duration_s": 7.0 + longer_s}})  # stage 1 is then red for 15 + 17 = 32 s
    found = verify_timing(junction, timing, subject=Subject(build_program=changed)).violations
    assert any("silence: stage 1 is red for longer" in violation for violation in found) == is_found


def test_a_stage_beyond_the_last_one_is_found():
    found = verify_timing(star(2), flat_timing(2), subject=Subject(rule=always(stage=2))).violations
    assert "request 0 is ruled to stage 2, which does not exist" in found


@pytest.mark.parametrize("next_phase", [len(build_program(star(2), flat_timing(2)).phases), -1])
def test_a_phase_that_leads_nowhere_is_found(next_phase):
    found = verify_timing(
        star(2), flat_timing(2), subject=Subject(build_program=Changed({3: {"next": next_phase}}))
    ).violations
    assert found == (f"phase 3 never ends: 1.0 s, then {next_phase}",)


def test_other_stages_crossings_or_foes_are_other_questions():
    junction, timing = four_legs(), derive_timing(four_legs())
    asked = question(junction, timing)
    longer = tuple(replace(m, length_m=13.0) if m.link == 8 else m for m in junction.movements)
    faster = tuple(replace(m, length_m=25.0) if m.link == 0 else m for m in junction.movements)
    assert asked != question(replace(junction, movements=longer), timing)
    assert asked == question(replace(junction, movements=faster), timing)  # what a vehicle needs is in the timing
    assert asked != question(replace(junction, foes=junction.foes[1:]), timing)
    stages = (replace(junction.stages[0], state="GgrrGgrrrrrG"), *junction.stages[1:])
    assert asked != question(replace(junction, stages=stages), timing)


def test_a_way_without_any_clearance_is_walked_too():
    """No site allows it; a command then jumps from stage to stage, to the first one as well."""
    timing = flat_timing(2, max_green_s=14.0, yellow_s=0.0, all_red_s=0.0)
    found = verify_timing(star(2), timing, is_reviewed=False)
    assert found.violations == tuple(f"link {k} turns from green to red without yellow" for k in range(2))
    assert found.states == 250


def test_a_jump_to_the_first_stage_that_comes_too_early_is_found():
    """Without a clearance between them the jump is to phase 0 itself."""

    def hasty(requested, state, timing, **settings):
        ruling = envelope.rule(requested, state, timing, **settings)
        return Ruling(stage=0, reason=ruling.reason, renews=True) if state.stage == 1 else ruling

    timing = flat_timing(2, max_green_s=14.0, yellow_s=0.0, all_red_s=0.0)
    found = verify_timing(star(2), timing, is_reviewed=False, subject=Subject(rule=hasty)).violations
    assert "stage 1 ends after 5 s, min_green_s is 7" in found


def test_a_short_green_is_found_in_steps_of_half_a_second():
    changed = Changed({0: {"duration_s": 4.0}})
    found = verify_timing(
        star(2), flat_timing(2, max_green_s=14.0), step_s=0.5, subject=Subject(build_program=changed)
    )
    assert "stage 0 ends after 4 s, min_green_s is 7" in found.violations


def test_whoever_has_waited_for_a_second_counts_at_the_maximum_green():
    def deaf(requested, state, timing, **settings):
        ruling = envelope.rule(requested, state, timing, **settings)
        is_held = max(state.wait_s) <= 1.0 and not state.is_clearing
        return Ruling(stage=state.stage, reason=ruling.reason, renews=True) if is_held else ruling

    found = verify_timing(star(2), flat_timing(2), subject=Subject(rule=deaf)).violations
    assert any("stage 0 is kept at" in violation for violation in found)


def test_a_clearance_that_is_held_is_told_of_and_the_walk_goes_on_as_without():
    found = verify_timing(star(2), flat_timing(2), subject=Subject(rule=always(renews=True)))
    assert found.violations
    assert found.states == verify_timing(star(2), flat_timing(2)).states


def for_walkers_alone(junction):
    """The junction as if no car used link 0."""
    return replace(
        junction, movements=tuple(m for m in junction.movements if (m.link, m.kind) != (0, MovementKind.VEHICLE))
    )


def test_a_program_that_takes_a_link_of_cars_and_walkers_for_walkers_alone_is_found_out():
    def old_way(intersection, timing, *, step_s):
        return build_program(for_walkers_alone(intersection), timing, step_s=step_s)

    junction = shared_link()
    for is_reviewed in (True, False):
        found = verify_timing(
            junction, tight_timing(junction), is_reviewed=is_reviewed, subject=Subject(build_program=old_way)
        ).violations
        assert "link 0 turns from green to red without yellow" in found


def test_limits_made_for_walkers_alone_are_found_out_on_a_link_that_cars_share():
    junction = shared_link()
    found = verify_timing(
        junction, replace(tight_timing(for_walkers_alone(junction)), intersection="H")
    ).violations
    assert "stage 0 to 1: link 0 has 0 s of yellow, needs 3" in found
    assert any("of time to cross" in violation for violation in found)


def test_a_link_that_cars_share_asks_another_question_than_a_crossing_alone():
    junction = shared_link()
    assert question(junction, derive_timing(junction)) != question(
        for_walkers_alone(junction), derive_timing(junction)
    )
