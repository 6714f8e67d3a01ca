from dataclasses import replace

import pytest

from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.control.commands import CommandQueue, SetOperatingMode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, ModeState, OperatingMode, SignalMode, transition
from tests.serve.bundles import crossing
from tests.serve.fake_device import FakeDevice
from tests.serve.test_run import asks_for, fake, read_events


def test_shadow_tells_the_share_and_logs_both_sides(crossing_bundle, tmp_path):
    device = fake()
    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1, control=OperatingMode.SHADOW, events=tmp_path, until_s=300.0),
        clock=lambda: 0.0, stop=StopRequest(), connect=lambda *_: device, decider=lambda bundle, ids: asks_for(0),
    )  # fmt: skip
    counts = summary.agreement["C"]
    assert counts.compared > 20
    assert 0.0 < counts.share < 1.0
    assert counts.would_have_stayed > 0, "its own greens are short"
    assert (
        counts.agreed + counts.would_have_left + counts.would_have_stayed + counts.another_stage == counts.compared
    )
    header, first, *_ = (tmp_path / "decisions.csv").read_text().splitlines()
    assert header.endswith("requested,ruled,reason,shown")
    assert first.split(",")[3:] == ["0", "0", "granted", "0"]


def serve_with_modes(bundle, changes, tmp_path, *, control=OperatingMode.ACTIVE, until_s=300.0):
    """Change the mode at these times; (summary, device, whether the signal was ours at each tick)."""
    commands, device, ours, waiting = (
        CommandQueue(),
        fake(queues={lane.id: 3 for lane in crossing()[0].lanes}),
        {},
        [],
    )

    def on_tick(time_s, end_s, note):
        ours[time_s] = device._ours
        if time_s in changes:
            waiting.append(commands.put(SetOperatingMode(mode=changes[time_s]), "test"))

    summary = serve(
        ServeConfig(bundle=bundle, port=1, control=control, events=tmp_path, until_s=until_s), clock=lambda: 0.0,
        stop=StopRequest(), connect=lambda *_: device, on_tick=on_tick, commands=commands,
    )  # fmt: skip
    return summary, device, ours, waiting


@pytest.mark.parametrize("quiet", [OperatingMode.SHADOW, OperatingMode.MONITOR])
@pytest.mark.parametrize("at_s", [41.0, 47.0, 53.0])
def test_a_signal_is_handed_back_and_taken_over_again_as_a_person_wants(crossing_bundle, tmp_path, quiet, at_s):
    summary, _, ours, waiting = serve_with_modes(
        crossing_bundle, {at_s: quiet, 150.0: OperatingMode.ACTIVE}, tmp_path
    )
    assert ours[at_s]
    given_back = min(t for t, is_ours in ours.items() if t > at_s and not is_ours)
    assert given_back - at_s <= 25.0
    assert not any(ours[t] for t in ours if given_back <= t <= 150.0)
    assert any(ours[t] for t in ours if 150.0 < t < 200.0)
    assert summary.control is OperatingMode.ACTIVE
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert summary.violations == []
    assert summary.transitions["fallback: withdrawn"] == 1
    assert summary.exit_code is ExitCode.OK
    assert "handed back" in waiting[0].answer.result(0.0)
    codes = [(code, pattern) for _, code, pattern in read_events(tmp_path) if code == 131]
    assert codes == [(131, 1), (131, 254), (131, 1), (131, 254)]


def test_a_controller_that_only_watches_may_be_told_to_drive(crossing_bundle, tmp_path):
    summary, device, ours, _ = serve_with_modes(
        crossing_bundle, {100.0: OperatingMode.ACTIVE}, tmp_path, control=OperatingMode.MONITOR
    )
    assert not any(ours[t] for t in ours if t <= 100.0)
    assert any(ours.values())
    assert min(time_s for time_s, _, _ in device.requests) > 100.0
    assert summary.modes == {"C": SignalMode.ENGAGED}


def test_a_change_of_mind_keeps_the_signal(crossing_bundle, tmp_path):
    summary, _, ours, _ = serve_with_modes(
        crossing_bundle, {41.0: OperatingMode.SHADOW, 42.0: OperatingMode.ACTIVE}, tmp_path
    )
    assert summary.modes == {"C": SignalMode.ENGAGED}
    assert summary.violations == []
    assert ours[60.0]


def test_a_latched_signal_stays_latched_whatever_the_mode():
    latched = ModeState(cause=Cause.MONITOR_TRIP, is_latched=True)
    assert transition(latched, ModeEvent.WITHDRAWN) == latched


def test_a_controller_that_is_leaving_takes_no_orders(crossing_bundle, tmp_path):
    commands, stop, waiting = CommandQueue(), StopRequest(), []
    device = fake(queues={lane.id: 3 for lane in crossing()[0].lanes})

    def on_tick(time_s, end_s, note):
        if time_s == 41.0:
            stop(15)
        if time_s == 42.0:
            waiting.append(commands.put(SetOperatingMode(mode=OperatingMode.SHADOW), "test"))

    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1), clock=lambda: 0.0, stop=stop, connect=lambda *_: device,
        on_tick=on_tick, commands=commands,
    )  # fmt: skip
    assert summary.handed_back
    with pytest.raises(UsageError, match="takes no more orders"):
        waiting[0].answer.result(0.0)


def test_a_signal_that_a_change_of_mode_gives_back_is_given_back_over_a_loss_of_the_connection(crossing_bundle):
    commands, first = CommandQueue(), fake(lost_at_s=43.0)
    devices = [first]

    def connect(*_):
        if not devices:
            first._lost_at_s, first._is_first = float("inf"), True
            return first
        return devices.pop()

    def on_tick(time_s, end_s, note):
        if time_s == 41.0:
            commands.put(SetOperatingMode(mode=OperatingMode.MONITOR), "test")

    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1, until_s=100.0, retry_s=10.0), clock=lambda: 0.0, stop=StopRequest(),
        connect=connect, on_tick=on_tick, commands=commands, sleep=lambda s: None, decider=lambda bundle, ids: asks_for(0),
    )  # fmt: skip
    assert summary.reconnections == 1
    assert not first._ours
    assert summary.handed_back


class LeftBehind(FakeDevice):
    """Our program of an earlier bundle walks there until it is taken over."""

    def __init__(self, *, phase=0, program="earlier leed"):
        intersection, timing = crossing()
        super().__init__(intersection, timing, lanes_to_read([intersection], 100.0))
        self.left, self._ours = program, True
        self._go(phase)

    def engage(self, n, stage):
        if self.left and self._phase == stage:
            self.left = ""
            self._go(stage)
        return not self.left and super().engage(n, stage)

    def release(self, n):
        return bool(self.left) or super().release(n)

    def request(self, n, stage, hold_s):
        return not self.left and super().request(n, stage, hold_s)

    def _sighting(self):
        return replace(super()._sighting(), program=self.left) if self.left else super()._sighting()


@pytest.mark.parametrize("program", ["earlier leed", "adopted leed-0123abcd"])
@pytest.mark.parametrize("at_s", [0.0, 1.0, 3.0])
def test_a_stop_hands_back_a_stage_program_that_was_left_behind_too(crossing_bundle, program, at_s):
    phase = next(k for k, p in enumerate(LeftBehind()._program.phases) if p.is_clearance)
    device, stop = LeftBehind(phase=phase, program=program), StopRequest()
    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1), clock=lambda: 0.0, stop=stop, connect=lambda *_: device,
        on_tick=lambda time_s, end_s, note: time_s >= at_s and stop(15),
    )  # fmt: skip
    assert (summary.exit_code, summary.handed_back) == (ExitCode.TERMINATED, True)
    assert not device._ours
    assert summary.violations == []


def test_a_stage_program_that_was_left_behind_and_cannot_be_taken_over_is_not_handed_back(crossing_bundle):
    device, stop = LeftBehind(), StopRequest()
    device.engage = lambda n, stage: False
    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1), clock=lambda: 0.0, stop=stop, connect=lambda *_: device,
        on_tick=lambda time_s, end_s, note: stop(15),
    )  # fmt: skip
    assert (summary.exit_code, summary.handed_back) == (ExitCode.FALLBACK_AT_END, False)


def test_a_signal_in_fallback_does_not_stay_under_a_stage_program_that_was_left_behind(crossing_bundle):
    device = LeftBehind()
    serve(
        ServeConfig(bundle=crossing_bundle, port=1, until_s=60.0), clock=lambda: 0.0, stop=StopRequest(),
        connect=lambda *_: device, decider=lambda bundle, ids: asks_for(float("nan")),
    )  # fmt: skip
    assert not device._ours
