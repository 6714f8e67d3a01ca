import numpy as np
import pytest
from pydantic import ValidationError

from leed_traffic.domain.detectors.detection import LocalReadings
from leed_traffic.domain.plan import (
    Extension,
    Period,
    PlanInterpreter,
    SequencePlan,
    Step,
    UrgencyPlan,
    check_plan,
    max_pressure_plan,
    max_wave_plan,
    plan_adapter,
)
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.errors import PlanError
from tests.intersections import flat_timing, four_legs, t_junction, three_stages

Y = three_stages("Y")
TIMING = flat_timing(3, name="Y", min_green_s=7.0, max_green_s=40.0)


def seen(count=(0, 0, 0), *, queue=None, exits=(0, 0, 0), fill=(0, 0, 0)):
    return LocalReadings(
        queue_veh=np.array(count if queue is None else queue, dtype=float), count_veh=np.array(count, dtype=float),
        exit_count_veh=np.array(exits, dtype=float), exit_fill=np.array(fill, dtype=float),
    )  # fmt: skip


def at(stage, green_s=20.0, *, is_clearing=False, wait_s=(0.0, 0.0, 0.0)):
    return SignalState(stage=stage, is_clearing=is_clearing, green_s=green_s, wait_s=wait_s)


def ask(plan, readings, state, time_s=0.0, junction=Y):
    return PlanInterpreter(plan, junction).request(readings, state, time_s)


def sequence(*steps, **period):
    return SequencePlan(intersection="Y", periods=(Period(steps=steps, **period),))


def step(stage, low=10.0, high=30.0, **more):
    return Step(stage=stage, min_green_s=low, max_green_s=high, **more)


# --- priority ---------------------------------------------------------------------------------------------------------------


def test_max_wave_serves_the_stage_with_the_most_vehicles():
    assert ask(max_wave_plan("Y"), seen((3, 5, 4), queue=(3, 0, 4)), at(0)) == 1


def test_a_tie_keeps_the_stage():
    assert ask(max_wave_plan("Y"), seen((4, 4, 4)), at(1)) == 1


def test_max_pressure_takes_off_what_stands_behind_the_junction():
    assert ask(max_pressure_plan("Y"), seen((3, 5, 4), exits=(0, 4, 0)), at(0)) == 2


@pytest.mark.parametrize(("green_s", "stage"), [(4.9, 0), (5.0, 1), (5.1, 1)])
def test_a_priority_rule_stays_for_its_green(green_s, stage):
    assert ask(max_wave_plan("Y"), seen((0, 5, 0)), at(0, green_s)) == stage


def test_nothing_is_asked_for_during_a_clearance():
    assert ask(max_wave_plan("Y"), seen((0, 5, 0)), at(2, 0.0, is_clearing=True)) == 2


@pytest.mark.parametrize(("approaching", "stage"), [(0.0, 2), (0.5, 2), (0.75, 1)])
def test_approaching_vehicles_count_as_far_as_the_plan_says(approaching, stage):
    plan = UrgencyPlan(intersection="Y", approaching=approaching)
    assert ask(plan, seen((0, 6, 4), queue=(0, 0, 4)), at(0)) == stage


def test_a_blocked_exit_takes_its_share_of_the_urgency():
    plan = UrgencyPlan(intersection="Y", blocked_exit=1.0)
    assert ask(plan, seen((0, 10, 6), fill=(0, 0.5, 0)), at(0)) == 2


def test_waiting_makes_a_stage_urgent():
    plan = UrgencyPlan(intersection="Y", waiting=0.1)
    assert ask(plan, seen((3, 1, 0)), at(0, wait_s=(0.0, 30.0, 0.0))) == 1


@pytest.mark.parametrize(("other", "stage"), [(5.9, 0), (6.1, 1)])
def test_keep_is_a_bonus_for_the_stage_shown(other, stage):
    plan = UrgencyPlan(intersection="Y", keep=2.0)
    assert ask(plan, seen((4, other, 0)), at(0)) == stage


def test_keep_counts_only_as_far_as_anybody_is_served():
    assert ask(UrgencyPlan(intersection="Y", keep=5.0), seen((0, 1, 0)), at(0)) == 1


def test_a_lane_weighs_what_the_plan_says():
    plan = UrgencyPlan(intersection="Y", lane_weights={"in2_0": 3.0})
    assert ask(plan, seen((0, 5, 2)), at(0)) == 2


@pytest.mark.parametrize(("permissive", "stage"), [(0.0, 1), (1.0, 0)])
def test_permissive_greens_count_as_far_as_the_plan_says(permissive, stage):
    plan = UrgencyPlan(intersection="T", permissive=permissive)
    readings = LocalReadings(
        queue_veh=np.zeros(5),
        count_veh=np.array([0, 3, 2.5, 0, 0]),
        exit_count_veh=np.zeros(5),
        exit_fill=np.zeros(5),
    )
    assert ask(plan, readings, at(2), junction=t_junction("T")) == stage


def test_a_dead_detector_counts_as_nobody():
    assert ask(max_wave_plan("Y"), seen((np.nan, 1, 0)), at(0)) == 1


# --- sequence ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("green_s", "stage"), [(29.9, 0), (30.0, 1), (30.1, 1)])
def test_a_step_without_extension_stands_for_its_maximum(green_s, stage):
    assert ask(sequence(step(0), step(1), step(2)), seen(), at(0, green_s)) == stage


@pytest.mark.parametrize(
    ("green_s", "queue", "stage"),
    [(9.9, 0, 0), (10.0, 0, 1), (10.0, 2, 1), (10.0, 3, 0), (29.9, 3, 0), (30.0, 3, 1)],
)
def test_an_extended_step_stands_while_its_queue_lasts_between_minimum_and_maximum(green_s, queue, stage):
    plan = sequence(step(0, extend_while=Extension(queue_over=2.0)), step(1), step(2))
    assert ask(plan, seen((queue, 9, 9)), at(0, green_s)) == stage


def test_an_extension_looks_only_at_the_approaches_that_it_names():
    plan = SequencePlan(
        intersection="X",
        periods=(Period(steps=(step(0, extend_while=Extension(approaches=("in0",))), step(1), step(2), step(3))),),
    )
    state = SignalState(stage=0, is_clearing=False, green_s=15.0, wait_s=(0.0,) * 4)
    elsewhere, here = np.zeros(8), np.zeros(8)
    elsewhere[4], here[0] = 5.0, 1.0
    for count, stage in ((elsewhere, 1), (here, 0)):
        readings = LocalReadings(
            queue_veh=count, count_veh=count, exit_count_veh=np.zeros(8), exit_fill=np.zeros(8)
        )
        assert ask(plan, readings, state, junction=four_legs("X")) == stage


@pytest.mark.parametrize(("queue", "stage"), [(1, 2), (2, 2), (3, 1)])
def test_a_step_is_skipped_while_its_queue_is_short(queue, stage):
    plan = sequence(step(0), step(1, skip_if_queue_at_most=2.0), step(2))
    assert ask(plan, seen((0, queue, 0)), at(0, 30.0)) == stage


def test_a_stage_goes_on_if_all_others_are_skipped():
    plan = sequence(step(0), step(1, skip_if_queue_at_most=2.0), step(2, skip_if_queue_at_most=2.0))
    assert ask(plan, seen(), at(0, 100.0)) == 0


def test_a_sequence_goes_round_and_may_show_a_stage_twice():
    interpreter = PlanInterpreter(sequence(step(0), step(1), step(0), step(2)), Y)
    shown, asked = 0, []
    for _ in range(9):
        shown = interpreter.request(seen(), at(shown, 30.0), 0.0)
        asked.append(shown)
    assert asked == [1, 0, 2, 0, 1, 0, 2, 0, 1]
    interpreter.reset()
    assert interpreter.request(seen(), at(0, 30.0), 0.0) == 1


def test_after_an_override_a_sequence_goes_on_from_the_stage_that_is_shown():
    interpreter = PlanInterpreter(sequence(step(0), step(1), step(2)), Y)
    assert interpreter.request(seen(), at(0, 30.0), 0.0) == 1
    assert interpreter.request(seen(), at(2, 30.0), 0.0) == 0


def test_from_a_stage_that_is_in_no_step_a_sequence_asks_for_its_own():
    assert ask(sequence(step(0), step(1)), seen(), at(2, 5.0)) == 0


# cycle 60 s, offset 10 s: the first step's split of 30 s ends 40 s after the shared clock's zero, 100 s after it,
# ...
@pytest.mark.parametrize(
    ("begin_s", "time_s", "stage"),
    [
        (10.0, 39.9, 0),  # begun on time
        (10.0, 40.0, 1),
        (0.0, 39.9, 0),  # 10 s early: stands longer
        (0.0, 40.0, 1),
        (25.0, 39.9, 0),  # 15 s late: stands shorter
        (25.0, 40.0, 1),
        (25.0, 34.9, 0),
        (55.0, 99.9, 0),  # the most that it waits for the next cycle: (60 + 30) / 2 s
        (54.9, 64.9, 1),  # come back so early, it ends after its minimum
        (35.0, 44.9, 0),  # the minimum green outlasts the split
        (35.0, 45.0, 1),
    ],
)
def test_a_coordinated_step_ends_at_its_split(begin_s, time_s, stage):
    plan = sequence(step(0), step(1), step(2), cycle_s=60.0, offset_s=10.0)
    assert ask(plan, seen(), at(0, time_s - begin_s), time_s) == stage


@pytest.mark.parametrize(("time_s", "stage"), [(99.9, 1), (100.0, 2)])
def test_the_period_at_hand_gives_the_steps(time_s, stage):
    periods = (Period(steps=(step(0), step(1))), Period(from_s=100.0, steps=(step(0), step(2))))
    assert ask(SequencePlan(intersection="Y", periods=periods), seen(), at(0, 30.0), time_s) == stage


# --- schema and refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (max_wave_plan("Z"), "was written for intersection Z"),
        (UrgencyPlan(intersection="Y", lane_weights={"in9_0": 1.0}), "in9_0, which is no incoming lane"),
        (UrgencyPlan(intersection="Y", lane_weights={"in1_0": 0.0}), "over 0 and at most 10"),
        (UrgencyPlan(intersection="Y", lane_weights={"in1_0": 10.1}), "over 0 and at most 10"),
        (sequence(step(0), step(3)), "stage 3 does not exist, stages are 0 to 2"),
        (
            sequence(step(0, 6.9), step(1), step(2)),
            "asks for 6.9 to 30.0 s of green, the site allows 7.0 to 40.0 s",
        ),
        (sequence(step(0, 10.0, 40.1), step(1), step(2)), "asks for 10.0 to 40.1 s"),
        (
            sequence(step(0, extend_while=Extension(approaches=("in7",)))),
            "extend_while names in7, approaches are in0, in1, in2",
        ),
        (sequence(step(0), step(1)), "no step from 0.0 s on serves links"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(plan, complaint):
    with pytest.raises(PlanError, match="plan for Y") as caught:
        check_plan(plan, Y, TIMING)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "plan", [max_wave_plan("Y"), max_pressure_plan("Y"), sequence(step(0, 7.0, 40.0), step(1), step(2))]
)
def test_a_sound_plan_is_accepted_and_survives_json(plan):
    check_plan(plan, Y, TIMING)
    assert plan_adapter.validate_json(plan_adapter.dump_json(plan)) == plan


GREEN = {"stage": 0, "min_green_s": 5, "max_green_s": 9}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"form": "priority", "intersection": "Y", "speed": 1}, "Extra inputs"),
        ({"form": "priority", "intersection": "Y", "keep": float("nan")}, "finite"),
        ({"form": "priority", "intersection": "Y", "reasoning": 'a "quote"'}, "pattern"),
        ({"form": "sequence", "intersection": "Y", "periods": []}, "at least 1"),
        ({"form": "sequence", "intersection": "Y", "periods": [{"from_s": 5, "steps": [GREEN]}]}, "begin at 0"),
        ({"form": "sequence", "intersection": "Y", "periods": [{"steps": [GREEN | {"min_green_s": 9.1}]}]},
         "min_green_s <= max_green_s"),
        ({"form": "guess", "intersection": "Y"}, "form"),
    ],
)  # fmt: skip
def test_a_malformed_plan_is_refused(document, complaint):
    with pytest.raises(ValidationError, match=complaint):
        plan_adapter.validate_python(document)
