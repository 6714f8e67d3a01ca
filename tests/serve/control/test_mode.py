import logging

import pytest

from leed_traffic.domain.safety.envelope import Reason, Ruling
from leed_traffic.serve.control.mode import ModeTracker
from leed_traffic.serve.detectors.health import Disbelief, SensingFault
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, SignalMode
from tests.serve.control.signals import make_service

STALE = Disbelief(fault=SensingFault.STALE, lane="W_C_0", number=2)


@pytest.fixture
def service():
    return make_service()


@pytest.fixture
def mode(service):
    return ModeTracker("C", service)


def test_a_change_of_mode_is_counted_and_written_down_once(mode, service):
    mode.take(ModeEvent.GOOD_DECISION)
    mode.take(ModeEvent.GOOD_DECISION)
    assert (mode.state.mode, mode.state.cause) == (SignalMode.STANDBY, Cause.SOUND)
    assert dict(service.tally.transitions) == {(SignalMode.STANDBY, Cause.SOUND): 1}
    assert service.journal.events() == [(155, 3)]


def test_a_latched_signal_begins_and_stays_in_fallback():
    mode = ModeTracker("C", make_service(latched=("C",)))
    mode.take(ModeEvent.GOOD_DECISION)
    assert (mode.state.mode, mode.state.is_latched) == (SignalMode.FALLBACK, True)


@pytest.mark.parametrize(("event", "lines"), [(ModeEvent.BAD_DECISION, 1), (ModeEvent.HAND_BACK, 0)])
def test_a_fall_is_said_but_not_the_end(mode, event, lines, caplog):
    mode.take(ModeEvent.GOOD_DECISION)
    with caplog.at_level(logging.WARNING):
        mode.take(event)
    assert mode.state.mode is SignalMode.FALLBACK
    assert len(caplog.records) == lines


def test_an_alarm_is_noted_when_it_begins_and_when_it_ends(mode, service):
    for cause in (None, Cause.STANDSTILL, Cause.STANDSTILL, None):
        mode.judge(cause)
    assert service.tally.alarms == {Cause.STANDSTILL: 1}
    assert [event for event in service.journal.events() if event[0] == 174] == [(174, 8), (174, 0)]
    assert (mode.alarm, mode.state.cause) == (None, Cause.PROGRAM_LOST)


def test_detectors_are_disbelieved_and_believed_again(mode, service):
    assert mode.is_believed
    mode.believe(STALE)
    mode.believe(STALE)
    assert not mode.is_believed
    mode.believe(None)
    assert mode.is_believed
    assert service.journal.events() == [(84, 2), (83, 2)]
    assert service.tally.sensing == {"stale": 1}


def test_events_bear_the_time_at_which_they_began(mode, service):
    service.time_s = 12.0
    mode.note([(1, 2)], since_s=3.0)
    (record,) = service.journal.records
    assert (record.time_s, record.device, record.parameter) == (9.0, "C", 2)


def test_a_decision_is_written_down_with_the_mode(mode, service):
    service.time_s = 12.0
    mode.note_decision(2.0, Ruling(stage=1, reason=Reason.MIN_GREEN), 1)
    (decision,) = service.journal.decisions
    assert (decision.time_s, decision.intersection, decision.mode) == (12.0, "C", SignalMode.FALLBACK)
    assert (decision.requested, decision.ruled, decision.reason, decision.shown) == (2.0, 1, Reason.MIN_GREEN, 1)
