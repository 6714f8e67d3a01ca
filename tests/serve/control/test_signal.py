import logging

import pytest

from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.serve.detectors.health import Disbelief, SensingFault
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, ModeState, OperatingMode, SignalMode
from tests.serve.control.signals import start, tick


def test_a_signal_begins_in_fallback_and_is_taken_over_at_a_stage_of_ours():
    controller, signal, service, device = start()
    assert (signal.mode.state.mode, signal.is_ours, signal.requested, signal.reason) == (
        SignalMode.FALLBACK, False, None, None,
    )  # fmt: skip
    tick(controller, device, seconds=1)
    assert (signal.mode.state.mode, signal.is_ours) == (SignalMode.ENGAGED, True)
    assert (131, 1) in service.journal.events()
    assert (signal.stage.stage, signal.stage.green_s) == (0, 0.0)


def test_a_clearance_of_its_own_program_is_not_taken_over():
    controller, signal, _, device = start()
    device._go(1)  # yellow
    tick(controller, device, seconds=1)
    assert (signal.mode.state.mode, signal.is_ours) == (SignalMode.STANDBY, False)


def test_a_lease_is_whole_steps_and_longer_than_a_tick():
    _, signal, _, _ = start()
    assert signal.lease_s == 4.0


def test_a_refused_request_is_a_bad_decision(caplog):
    controller, signal, _, device = start()
    tick(controller, device, seconds=1)
    device.request = lambda n, stage, hold_s: False
    tick(controller, device, seconds=1)
    assert signal.mode.state.cause is Cause.REFUSED
    assert "C: the device refused stage 0 at 1.0 s" in caplog.text


@pytest.mark.parametrize("answer", [None, float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_a_bad_decision(answer):
    _, signal, _, _ = start()
    signal.decide(1.0)
    assert signal.mode.state.mode is SignalMode.STANDBY
    signal.decide(answer)
    assert (signal.mode.state.mode, signal.mode.state.cause) == (SignalMode.FALLBACK, Cause.NO_REQUEST)


def test_wrong_detectors_silence_the_policy():
    _, signal, _, _ = start()
    signal.mode.state = ModeState(mode=SignalMode.ENGAGED)
    signal.mode.believe(Disbelief(fault=SensingFault.STALE, lane="W_C_0", number=1))
    signal.decide(2.0)
    assert signal.requested is None
    assert (signal.mode.state.mode, signal.mode.state.cause) == (SignalMode.DEGRADED, Cause.BAD_SENSING)


def test_a_display_that_breaks_a_limit_trips_the_monitor_and_the_latch(caplog):
    controller, signal, service, device = start()
    tick(controller, device, seconds=3)
    device.shown_by_others = "G" * signal.intersection.n_links
    with caplog.at_level(logging.ERROR):
        tick(controller, device, seconds=1)
    assert "C: monitor: " in caplog.text
    assert signal.mode.state.is_latched
    assert controller.n_latched == 1
    assert service.tally.n_violations >= 1


def test_a_green_is_released_once_its_minimum_is_over():
    controller, signal, _, device = start()
    tick(controller, device, seconds=1)
    controller.hand_back()
    low = signal.timing.min_green_s[0]
    snapshot = tick(controller, device, until=lambda s: not device._ours)
    assert snapshot.time_s == low


def test_another_mode_withdraws_what_is_ours_and_active_takes_it_back():
    controller, signal, _, device = start()
    tick(controller, device, seconds=1)
    signal.requested = 2.0
    signal.change_mode(OperatingMode.ACTIVE, OperatingMode.SHADOW)
    assert signal.is_withdrawing
    assert signal.mode.state.cause is Cause.WITHDRAWN
    assert signal.requested == 2.0
    signal.change_mode(OperatingMode.MONITOR, OperatingMode.ACTIVE)
    assert not signal.is_withdrawing
    assert signal.requested is None, "nobody has counted waits meanwhile"


def test_shadow_rules_and_sends_nothing():
    controller, signal, service, device = start(mode=OperatingMode.SHADOW)
    tick(controller, device, seconds=12)
    assert device.requests == []
    assert signal.reason is not None
    assert service.tally.agreement["C"].compared >= 1
    assert service.journal.decisions[0].mode is SignalMode.STANDBY


def clearing(*, slowest_mps, mode=SignalMode.ENGAGED):
    """A signal that is led into a clearance in which the slowest vehicle is so fast."""
    controller, signal, service, device = start(answer=lambda: 2.0)
    device.inside_mps = lambda time_s: slowest_mps
    tick(controller, device, until=lambda s: signal.stage.is_clearing)
    if mode is not SignalMode.ENGAGED:
        signal.mode.take(ModeEvent.BAD_DECISION)
    tick(controller, device, until=lambda s: not signal.stage.is_clearing)
    return device.extensions, service


def test_a_clearance_is_extended_for_a_slow_vehicle_and_counted_once():
    extensions, service = clearing(slowest_mps=1.0)
    assert len(extensions) > 1
    assert {hold_s for _, hold_s, _ in extensions} == {1.0}
    assert service.tally.clearance_extensions == 1
    assert [d.reason for d in service.journal.decisions].count(Reason.OCCUPIED) == 1


@pytest.mark.parametrize(("slowest_mps", "is_extended"), [(2.9, True), (3.0, False), (None, False)])
def test_what_is_fast_or_unseen_extends_nothing(slowest_mps, is_extended):
    assert bool(clearing(slowest_mps=slowest_mps)[0]) is is_extended


def test_a_signal_that_is_degraded_extends_nothing():
    assert clearing(slowest_mps=1.0, mode=SignalMode.DEGRADED)[0] == []
