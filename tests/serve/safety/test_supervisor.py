import pytest

from leed_traffic.serve.safety.supervisor import (
    BAD_DECISIONS_TO_FALL_BACK,
    GOOD_DECISIONS_TO_RETURN,
    GOOD_DECISIONS_TO_STANDBY,
    Cause,
    ModeEvent,
    ModeState,
    SignalMode,
    transition,
)

ENGAGED = ModeState(mode=SignalMode.ENGAGED, cause=Cause.TAKEN_OVER)
DEGRADED = ModeState(mode=SignalMode.DEGRADED, cause=Cause.NO_REQUEST)
STANDBY = ModeState(mode=SignalMode.STANDBY, cause=Cause.SOUND)
LOST = ModeState(cause=Cause.PROGRAM_LOST)


def after(standing, *findings):
    for finding in findings:
        standing = transition(standing, finding)
    return standing


def test_a_signal_starts_in_fallback():
    assert ModeState().mode is SignalMode.FALLBACK
    assert not ModeState().is_in_charge


@pytest.mark.parametrize(
    ("before", "finding", "mode"),
    [
        (ModeState(), ModeEvent.GOOD_DECISION, SignalMode.STANDBY),
        (ModeState(), ModeEvent.BAD_DECISION, SignalMode.FALLBACK),
        (ModeState(), ModeEvent.TAKEN_OVER, SignalMode.FALLBACK),
        (ModeState(), ModeEvent.PROGRAM_LOST, SignalMode.FALLBACK),
        (STANDBY, ModeEvent.GOOD_DECISION, SignalMode.STANDBY),
        (STANDBY, ModeEvent.BAD_DECISION, SignalMode.FALLBACK),
        (STANDBY, ModeEvent.TAKEN_OVER, SignalMode.ENGAGED),
        (STANDBY, ModeEvent.PROGRAM_LOST, SignalMode.STANDBY),
        (ENGAGED, ModeEvent.GOOD_DECISION, SignalMode.ENGAGED),
        (ENGAGED, ModeEvent.BAD_DECISION, SignalMode.DEGRADED),
        (ENGAGED, ModeEvent.TAKEN_OVER, SignalMode.ENGAGED),
        (ENGAGED, ModeEvent.PROGRAM_LOST, SignalMode.FALLBACK),
        (DEGRADED, ModeEvent.GOOD_DECISION, SignalMode.DEGRADED),
        (DEGRADED, ModeEvent.BAD_DECISION, SignalMode.DEGRADED),
        (DEGRADED, ModeEvent.PROGRAM_LOST, SignalMode.FALLBACK),
    ],
)
def test_the_table(before, finding, mode):
    assert transition(before, finding).mode is mode


@pytest.mark.parametrize("before", [ModeState(), STANDBY, ENGAGED, DEGRADED])
@pytest.mark.parametrize("finding", [ModeEvent.MONITOR_TRIP, ModeEvent.HAND_BACK])
def test_a_trip_and_a_hand_back_latch(before, finding):
    latched = transition(before, finding)
    assert latched.mode is SignalMode.FALLBACK
    assert latched.is_latched
    for later in ModeEvent:
        assert transition(latched, later) == latched


def test_a_degraded_signal_returns_after_good_decisions_in_a_row():
    good = [ModeEvent.GOOD_DECISION] * (GOOD_DECISIONS_TO_RETURN - 1)
    assert after(DEGRADED, *good).mode is SignalMode.DEGRADED
    assert after(DEGRADED, *good, ModeEvent.GOOD_DECISION).mode is SignalMode.ENGAGED
    assert after(DEGRADED, *good, ModeEvent.BAD_DECISION, *good).mode is SignalMode.DEGRADED


def test_long_silence_ends_in_fallback():
    engaged_then_silent = [ModeEvent.BAD_DECISION] * BAD_DECISIONS_TO_FALL_BACK
    assert after(ENGAGED, *engaged_then_silent[:-1]).mode is SignalMode.DEGRADED
    assert after(ENGAGED, *engaged_then_silent) == ModeState(cause=Cause.SILENT_TOO_LONG)


def test_after_a_fallback_much_more_must_go_well_than_at_the_start():
    good = [ModeEvent.GOOD_DECISION] * (GOOD_DECISIONS_TO_STANDBY - 1)
    assert after(LOST, *good).mode is SignalMode.FALLBACK
    assert after(LOST, *good, ModeEvent.GOOD_DECISION).mode is SignalMode.STANDBY


def test_the_reason_of_a_bad_decision_is_kept():
    assert transition(ENGAGED, ModeEvent.BAD_DECISION, Cause.NO_DECISION).cause is Cause.NO_DECISION


@pytest.mark.parametrize("cause", [Cause.FOREIGN_PROGRAM, Cause.STANDSTILL])
def test_another_mode_and_back_earns_nobody_a_signal_that_is_alarmed(cause):
    alarmed = ModeState(cause=cause)
    assert after(alarmed, ModeEvent.WITHDRAWN, *[ModeEvent.GOOD_DECISION] * 40) == alarmed
