"""The loop over signals; what one signal does is in test_signal.py, whole runs in tests/serve/test_run.py."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from leed_traffic.errors import UsageError
from leed_traffic.serve.control.commands import Reload, Rollback, SetOperatingMode
from leed_traffic.serve.control.controller import SignalController
from leed_traffic.serve.control.hot_swap import Generation
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.safety.supervisor import Cause, OperatingMode, SignalMode
from tests.serve.control.signals import make_device, make_service, start, tick


def test_the_policies_are_asked_in_their_rhythm_and_never_by_a_monitor():
    controller, _, service, device = start()
    snapshot = tick(controller, device, seconds=1)
    assert not controller.is_due(snapshot)
    assert controller.is_due(replace(snapshot, time_s=5.0))
    service.operating_mode = OperatingMode.MONITOR
    assert not controller.is_due(replace(snapshot, time_s=5.0))


def test_the_policies_are_not_asked_where_every_signal_is_latched():
    controller, _, _, device = start(latched=("C",))
    tick(controller, device, seconds=1)
    assert controller.tally.ticks == 0
    assert not controller.is_due(device.read())
    assert controller.n_latched == 1


def test_a_fault_drops_every_request():
    controller, signal, _, device = start(answer=lambda: 2.0)
    tick(controller, device, seconds=1)
    assert signal.requested == 2.0
    controller.fail()
    assert signal.requested is None
    assert (signal.mode.state.mode, signal.mode.state.cause) == (SignalMode.DEGRADED, Cause.NO_DECISION)


def test_a_monitor_judges_even_where_everything_after_it_fails():
    controller, signal, _, device = start()
    tick(controller, device, seconds=3)
    device.shown_by_others = "G" * signal.intersection.n_links
    controller._detectors = SimpleNamespace(read_tick=lambda snapshot, elapsed_s: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        controller.look(device.read())
    assert signal.mode.state.is_latched


def test_a_command_is_answered_with_what_happens_now():
    controller, signal, service, device = start()
    tick(controller, device, seconds=1)
    assert controller.obey(SetOperatingMode(mode=OperatingMode.ACTIVE)) == "mode active runs already"
    said = controller.obey(SetOperatingMode(mode=OperatingMode.SHADOW))
    assert said == "mode shadow; 1 signals are handed back"
    assert controller.operating_mode is OperatingMode.SHADOW
    with pytest.raises(UsageError, match="no bundle to go back to"):
        controller.obey(Rollback())
    other = Generation(bundle=SimpleNamespace(digest="b" * 64), decider=service.policies.target.decider)
    assert controller.obey(Reload(generation=other)).startswith("bundle bbbbbbbbbbbb passed every check")
    assert controller.obey(Rollback(why="too slow")) == "back to bundle aaaaaaaaaaaa: too slow"
    assert [step for step, _, _ in service.journal.changes] == [
        ChangeKind.MODE, ChangeKind.BEGUN, ChangeKind.ROLLED_BACK,
    ]  # fmt: skip
    assert signal.is_withdrawing


def test_who_leaves_takes_no_command():
    controller, _, _, device = start()
    tick(controller, device, seconds=1)
    controller.hand_back()
    with pytest.raises(UsageError, match="takes no more orders"):
        controller.obey(Rollback())
    tick(controller, device, until=lambda s: controller.is_handed_back)


def test_a_loss_leaves_what_the_next_connection_has_to_know():
    controller, signal, service, device = start()
    tick(controller, device, seconds=4)
    controller.obey(SetOperatingMode(mode=OperatingMode.MONITOR))
    controller.lost()
    assert service.withdrawing == {0}
    assert service.waits.memories == [signal.display.remember()]
    after = SignalController(service, make_device())
    assert after.signals[0].is_withdrawing
    assert (after.operating_mode, service.time_s) == (OperatingMode.MONITOR, 0.0)


def test_a_hand_back_has_ticks_for_the_longest_clearance_and_the_minimum_green():
    controller = SignalController(make_service(), make_device())
    timing = controller.signals[0].timing
    s = range(timing.n_stages)
    longest_s = max(timing.clearance_s(i, j) for i in s for j in s) + max(timing.min_green_s)
    assert longest_s + 5 <= controller.hand_back_ticks < longest_s + 6
