import pytest

from leed_traffic.serve.safety.supervisor import (
    BAD_DECISIONS_TO_FALL_BACK,
    GOOD_DECISIONS_TO_RETURN,
    GOOD_DECISIONS_TO_STANDBY,
    Cause,
    Finding,
    Mode,
    Standing,
    transition,
)

ENGAGED = Standing(mode=Mode.ENGAGED, cause=Cause.TAKEN_OVER)
DEGRADED = Standing(mode=Mode.DEGRADED, cause=Cause.NO_REQUEST)
STANDBY = Standing(mode=Mode.STANDBY, cause=Cause.SOUND)
LOST = Standing(cause=Cause.PROGRAM_LOST)


def after(standing, *findings):
    for finding in findings:
        standing = transition(standing, finding)
    return standing


def test_a_signal_starts_in_fallback():
    assert Standing().mode is Mode.FALLBACK
    assert not Standing().is_in_charge


@pytest.mark.parametrize(
    ("before", "finding", "mode"),
    [
        (Standing(), Finding.GOOD_DECISION, Mode.STANDBY),
        (Standing(), Finding.BAD_DECISION, Mode.FALLBACK),
        (Standing(), Finding.TAKEN_OVER, Mode.FALLBACK),
        (Standing(), Finding.PROGRAM_LOST, Mode.FALLBACK),
        (STANDBY, Finding.GOOD_DECISION, Mode.STANDBY),
        (STANDBY, Finding.BAD_DECISION, Mode.FALLBACK),
        (STANDBY, Finding.TAKEN_OVER, Mode.ENGAGED),
        (STANDBY, Finding.PROGRAM_LOST, Mode.STANDBY),
        (ENGAGED, Finding.GOOD_DECISION, Mode.ENGAGED),
        (ENGAGED, Finding.BAD_DECISION, Mode.DEGRADED),
        (ENGAGED, Finding.TAKEN_OVER, Mode.ENGAGED),
        (ENGAGED, Finding.PROGRAM_LOST, Mode.FALLBACK),
        (DEGRADED, Finding.GOOD_DECISION, Mode.DEGRADED),
        (DEGRADED, Finding.BAD_DECISION, Mode.DEGRADED),
        (DEGRADED, Finding.PROGRAM_LOST, Mode.FALLBACK),
    ],
)
def test_the_table(before, finding, mode):
    assert transition(before, finding).mode is mode


@pytest.mark.parametrize("before", [Standing(), STANDBY, ENGAGED, DEGRADED])
@pytest.mark.parametrize("finding", [Finding.MONITOR_TRIP, Finding.HAND_BACK])
def test_a_trip_and_a_hand_back_latch(before, finding):
    latched = transition(before, finding)
    assert latched.mode is Mode.FALLBACK
    assert latched.is_latched
    for later in Finding:
        assert transition(latched, later) == latched


def test_a_degraded_signal_returns_after_good_decisions_in_a_row():
    good = [Finding.GOOD_DECISION] * (GOOD_DECISIONS_TO_RETURN - 1)
    assert after(DEGRADED, *good).mode is Mode.DEGRADED
    assert after(DEGRADED, *good, Finding.GOOD_DECISION).mode is Mode.ENGAGED
    assert after(DEGRADED, *good, Finding.BAD_DECISION, *good).mode is Mode.DEGRADED


def test_long_silence_ends_in_fallback():
    engaged_then_silent = [Finding.BAD_DECISION] * BAD_DECISIONS_TO_FALL_BACK
    assert after(ENGAGED, *engaged_then_silent[:-1]).mode is Mode.DEGRADED
    assert after(ENGAGED, *engaged_then_silent) == Standing(cause=Cause.SILENT_TOO_LONG)


def test_after_a_fallback_much_more_must_go_well_than_at_the_start():
    good = [Finding.GOOD_DECISION] * (GOOD_DECISIONS_TO_STANDBY - 1)
    assert after(LOST, *good).mode is Mode.FALLBACK
    assert after(LOST, *good, Finding.GOOD_DECISION).mode is Mode.STANDBY


def test_the_reason_of_a_bad_decision_is_kept():
    assert transition(ENGAGED, Finding.BAD_DECISION, Cause.NO_DECISION).cause is Cause.NO_DECISION


@pytest.mark.parametrize("cause", [Cause.FOREIGN_PROGRAM, Cause.STANDSTILL])
def test_another_mode_and_back_earns_nobody_a_signal_that_is_alarmed(cause):
    alarmed = Standing(cause=cause)
    assert after(alarmed, Finding.WITHDRAWN, *[Finding.GOOD_DECISION] * 40) == alarmed
