import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leed_traffic.domain.priority import (
    PriorityRequest,
    PriorityRule,
    PriorityStrategy,
    PriorityVehicle,
    RuleMemory,
    SignalPriority,
    prioritize,
)
from leed_traffic.domain.safety import envelope
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.verification import Subject
from tests.intersections import four_legs, t_junction, tight_timing
from tests.street import Street

X = four_legs()
BUS = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=12.0, lockout_s=60.0)
EMERGENCY = PriorityRule(
    classes=("emergency",), reach_m=200.0, max_extension_s=30.0, keep_green_s=0.0, lockout_s=0.0
)
FRESH = (RuleMemory(), RuleMemory())


def caller(link, *, kind="bus", distance_m=50.0, signal="X"):
    return PriorityVehicle(signal=signal, link=link, distance_m=distance_m, kind=kind)


def standing(stage, green_s=20.0, *, is_clearing=False):
    return SignalState(stage=stage, is_clearing=is_clearing, green_s=green_s, wait_s=(0.0,) * 4)


def asked(wanted, callers, state, *, memories=FRESH, time_s=100.0):
    return prioritize(
        wanted, callers, X, state, (EMERGENCY, BUS), memories, time_s=time_s, horizon_s=5.0
    )  # fmt: skip


def test_a_green_is_held_for_a_bus_that_it_serves_and_no_longer_than_its_extension():
    memories, strategies = FRESH, []
    for k in range(4):
        answer, memories = asked(2, [caller(0)], standing(0), memories=memories, time_s=100.0 + 5.0 * k)
        strategies.append((answer.request, answer.strategy))
    assert strategies == [
        (0, PriorityStrategy.HOLD),
        (0, PriorityStrategy.HOLD),
        (2, PriorityStrategy.NONE),
        (2, PriorityStrategy.NONE),
    ]
    assert memories[1].locked_until_s == 110.0 + 60.0


@pytest.mark.parametrize(
    ("green_s", "expected"), [(11.9, (0, PriorityStrategy.NONE)), (12.0, (2, PriorityStrategy.EARLY_GREEN))]
)
def test_another_stage_keeps_its_green_then_ends_early(green_s, expected):
    answer, _ = asked(0, [caller(2)], standing(0, green_s))
    assert (answer.request, answer.strategy) == expected


def test_where_the_policy_wants_the_same_nothing_is_used_up():
    answer, memories = asked(0, [caller(0)], standing(0))
    assert answer == PriorityRequest(request=0, strategy=PriorityStrategy.AS_WANTED)
    assert memories == FRESH


def test_a_use_ends_with_its_vehicle_and_locks_the_rule():
    _, memories = asked(0, [caller(2)], standing(0))
    _, memories = asked(0, [], standing(2), memories=memories, time_s=110.0)
    assert memories[1].locked_until_s == 170.0
    for time_s, strategy in ((169.9, PriorityStrategy.NONE), (170.0, PriorityStrategy.EARLY_GREEN)):
        assert asked(0, [caller(2)], standing(0), memories=memories, time_s=time_s)[0].strategy is strategy


def test_buses_that_come_by_turns_from_two_sides_are_not_served_by_turns():
    """One stage is favoured, then the rule rests."""
    _, memories = asked(0, [caller(2)], standing(0))
    answer, memories = asked(2, [caller(0)], standing(2), memories=memories, time_s=120.0)
    assert (answer.strategy, memories[1].locked_until_s) == (PriorityStrategy.NONE, 180.0)


def test_a_stage_that_a_limit_has_ended_is_not_called_back():
    _, memories = asked(0, [caller(2)], standing(0))
    _, memories = asked(0, [caller(2)], standing(2), memories=memories, time_s=120.0)
    answer, memories = asked(0, [caller(2)], standing(0), memories=memories, time_s=150.0)
    assert (answer.strategy, memories[1].locked_until_s) == (PriorityStrategy.NONE, 210.0)


def test_the_first_rule_that_has_a_vehicle_counts_and_the_nearest_vehicle_of_it():
    callers = [caller(0, distance_m=10.0), caller(2, kind="emergency", distance_m=150.0)]
    assert asked(0, callers, standing(0))[0].request == 2
    near_and_far = [caller(2, distance_m=90.0), caller(3, distance_m=30.0)]
    assert asked(0, near_and_far, standing(0))[0].request == 3  # link 3 has priority there and yields in stage 2


@pytest.mark.parametrize(
    "nobody",
    [
        caller(2, distance_m=100.1),
        caller(2, kind="passenger"),
        caller(12),
        caller(-1),
        caller(2, distance_m=math.nan),
    ],
)
def test_who_is_too_far_of_another_class_or_on_no_link_is_not_favoured(nobody):
    assert asked(0, [nobody], standing(0))[0].strategy is PriorityStrategy.NONE


@pytest.mark.parametrize("wanted", [None, math.nan, 7, -1, 0.5])
def test_where_the_policy_names_no_stage_none_is_named_here(wanted):
    answer, _ = asked(wanted, [caller(2)], standing(0))
    assert answer.request is wanted
    assert answer.strategy is PriorityStrategy.NONE


def test_a_link_that_has_priority_in_one_stage_and_yields_in_another_gets_the_one():
    junction = t_junction()  # link 1 yields in stage 0 and has priority in stage 1
    (answer, _) = prioritize(
        2, [caller(1, signal="T")], junction, SignalState(stage=2, is_clearing=False, green_s=20.0, wait_s=(0.0,) * 3),
        (BUS,), (RuleMemory(),), time_s=0.0, horizon_s=5.0,
    )  # fmt: skip
    assert answer.request == 1


def test_signals_remember_apart_and_hear_their_own_callers_alone():
    twins = [SignalPriority(X, [BUS]), SignalPriority(replace(X, id="Y"), [BUS])]
    call = [caller(2, signal="Y")]
    answers = [twin.request(0, call, standing(0), time_s=0.0, horizon_s=5.0).strategy for twin in twins]
    assert answers == [PriorityStrategy.NONE, PriorityStrategy.EARLY_GREEN]
    assert SignalPriority(X, []).request(3, call, standing(0), time_s=0.0, horizon_s=5.0).request == 3


@pytest.mark.parametrize(
    "wrong",
    [{"classes": ()}, {"reach_m": 0.0}, {"reach_m": 201.0}, {"max_extension_s": 61.0}, {"lockout_s": -1.0}],
)
def test_an_impossible_rule_is_refused(wrong):
    with pytest.raises(ValueError, match="need"):
        replace(BUS, **wrong)


class Recorder:
    """`envelope.rule` with priorities before it, as simulator and controller call it; counts what they bring about."""

    def __init__(self, junction, rules, interval_s):
        self.priority, self.interval_s = SignalPriority(junction, rules), interval_s
        self.callers, self.time_s, self.uses = [], 0.0, []

    def rule(self, wanted, state, timing, **context):
        answer = self.priority.request(wanted, self.callers, state, time_s=self.time_s, horizon_s=self.interval_s)
        if answer.strategy in (PriorityStrategy.HOLD, PriorityStrategy.EARLY_GREEN):
            self.uses.append((self.time_s, answer.strategy, answer.request))
        self.time_s += self.interval_s
        return envelope.rule(answer.request, state, timing, **context)


call_rows = st.lists(
    st.tuples(st.integers(-1, 12), st.sampled_from(["bus", "emergency", "tram"]), st.floats(0.0, 250.0)),
    max_size=3,
)
step = st.tuples(st.one_of(st.integers(-1, 4), st.just(math.nan), st.none()), call_rows, st.booleans())


@settings(max_examples=60, deadline=None, database=None)
@given(st.sampled_from([X, t_junction("X")]), st.lists(step, min_size=20, max_size=60), st.sampled_from([1, 5]))
def test_no_vehicles_whatever_they_ask_break_a_limit(junction, steps, interval_s):
    """Everybody calls all the time; the oracle judges every display, and who waits longer than the maximum red complains."""
    endless = PriorityRule(classes=("bus",), reach_m=200.0, max_extension_s=60.0, keep_green_s=0.0, lockout_s=0.0)
    recorder = Recorder(junction, (EMERGENCY, endless), interval_s)
    street = Street(junction, tight_timing(junction), interval_s=interval_s, subject=Subject(rule=recorder.rule))
    links = range(junction.n_links)
    for wanted, calls, everybody in steps:
        recorder.callers = [caller(link, kind=kind, distance_m=d) for link, kind, d in calls]
        street.decide(wanted, arrivals=[(0, link) for link in links] if everybody else ())
    assert street.violations == []


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(step, min_size=40, max_size=80))
def test_a_rule_holds_no_longer_than_it_may_and_rests_between_two_uses(steps):
    recorder = Recorder(X, (BUS,), 5)
    street = Street(X, tight_timing(X), interval_s=5, subject=Subject(rule=recorder.rule))
    for wanted, calls, _ in steps:
        recorder.callers = [caller(link, kind=kind, distance_m=d) for link, kind, d in calls]
        street.decide(wanted)
    held_s, before = 0.0, None
    for time_s, strategy, stage in recorder.uses:
        if before and time_s - before[0] >= BUS.lockout_s:
            before, held_s = None, 0.0
        assert before is None or stage in served_with(before[1])
        held_s += 5.0 * (strategy is PriorityStrategy.HOLD)
        assert held_s <= BUS.max_extension_s
        before = time_s, stage


def served_with(stage):
    """The stages that share a link with one: a vehicle that one serves may be favoured by another."""
    return [s for s, other in enumerate(X.stages) if other.green & X.stages[stage].green]
