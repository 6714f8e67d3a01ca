"""Loop around the controller: ticks, the end, the figures. A fault in a tick costs the leases, never the loop."""

import logging
import math
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import numpy as np

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.domain.document import Document
from leed_traffic.errors import DeviceError, ExitCode, LeedError
from leed_traffic.serve.control.agreement import Agreement
from leed_traffic.serve.control.commands import CommandQueue, QueuedCommand, Rollback
from leed_traffic.serve.control.controller import SignalController
from leed_traffic.serve.control.pace import Clock, Pace
from leed_traffic.serve.device.contract import SignalDevice, Snapshot
from leed_traffic.serve.logs.journal import Journal
from leed_traffic.serve.safety.latch import Latched
from leed_traffic.serve.safety.supervisor import OperatingMode, SignalMode

log = logging.getLogger(__name__)

DECISION_LIMIT_S = 0.5  # s of the wall clock, on probation; as `artifacts.policy` allows when it verifies a bundle
FAULTY_TICKS_TO_GIVE_UP = 10  # in a row: then the signals go back to their own programs

_STOPS: tuple[int, ...] = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPWR", "SIGXCPU")
    if hasattr(signal, name)
)
_STRAY = ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "PIPE", "XFSZ", "TTOU", "TTIN", "TSTP", "STKFLT"]
_IGNORED: tuple[int, ...] = (  # their default ends or stops the process, and nobody means that by them
    *(getattr(signal, f"SIG{name}") for name in _STRAY if hasattr(signal, f"SIG{name}")),
    *(range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()),
)
_CODES: dict[int, ExitCode] = {signal.SIGHUP: ExitCode.HUNG_UP, signal.SIGINT: ExitCode.INTERRUPTED}

OnTick = Callable[[float, float, str], None]  # device time, time of the end (may be infinite), a few words


class Watcher(Protocol):
    """Observer of the loop: a status page, metrics, a service manager."""

    def begin(self, bundle: Bundle) -> None:
        """Take in the bundle that was verified."""

    def tick(self, controller: SignalController, snapshot: Snapshot, tick_s: float) -> None:
        """Take in a tick that was completed without a fault, in so many seconds."""


class DurationSpread(Document):
    """Durations of one kind, in milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float


class ServeSummary(Document):
    """Figures of a run; the --json document of `leedctl serve`."""

    exit_code: ExitCode
    ended_by: str  # end, until, fault, or the name of a signal of the operating system
    bundle_digest: str  # at the end
    control: OperatingMode  # at the end
    begin_s: float
    end_s: float
    ticks: int
    decisions: int
    modes: dict[str, SignalMode]  # at the end, before the hand-back
    transitions: dict[str, int]  # by "mode: cause"
    rulings: dict[str, int]  # by reason, every tick of every signal
    violations: list[str]
    latched: dict[str, str]  # signals that stay on their own program until `leedctl reset-fault`, with the fault
    detector_faults: dict[str, int]  # by kind
    alarms: dict[str, int]  # how often nobody led a signal any more, by cause
    handed_back: bool  # no signal runs our program any more, and every one is led by a program of its own
    clearance_extensions: int  # clearances that were extended because a vehicle stood in the junction
    reconnections: int
    resume: DurationSpread  # from a lost connection to the first tick after it
    tick: DurationSpread  # from the device's answer to the last request of the tick
    decision: DurationSpread  # observation, policies
    lateness: DurationSpread | None  # of ticks by the wall clock; None without --realtime
    missed_ticks: int  # that were dropped because the one before took too long
    steps: dict[str, int]  # of bundles and modes: begun, moved, complete, proven, rolled_back, mode
    agreement: dict[str, Agreement]  # by signal, in shadow mode: what it did against what was asked for


class StopRequest:
    """Set by a signal of the operating system; the loop looks at it once a tick. The first one counts."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        """Note which signal came."""
        self.number = number if self.number is None else self.number


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Catch every signal that would end the process: some ask for a clean hand-back, some do nothing.

    A terminal that goes away (SIGHUP) hands back, too: nobody watches any more. Under `nohup` it is ignored, as it
    was before.
    """
    stop = StopRequest()
    before: dict[int, Any] = {}
    for number in _STOPS:
        if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN):
            before[number] = signal.signal(number, stop)
    for number in _IGNORED:
        before[number] = signal.signal(number, signal.SIG_IGN)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def stop_code(number: int) -> ExitCode:
    """The exit code after a clean hand-back that this signal has asked for."""
    return _CODES.get(number, ExitCode.TERMINATED)


class Loop:
    """Ticks until the end, then hands back; keeps the figures."""

    def __init__(
        self,
        controller: SignalController,
        device: SignalDevice,
        journal: Journal,
        clock: Clock,
        *,
        watchers: Sequence[Watcher] = (),
        commands: CommandQueue | None = None,
        pace: Pace | None = None,
        lost_at_s: float | None = None,
    ) -> None:
        """Make ready to drive.

        Args:
            controller: of the signals.
            device: that it commands.
            journal: what is left behind.
            clock: for latencies.
            watchers: are told of every sound tick; one that fails is told no more.
            commands: of persons; None: nobody commands.
            pace: by the wall clock; None: as fast as the device answers.
            lost_at_s: the clock's time at which the connection before this one was lost.
        """
        self._controller = controller
        self._device = device
        self._log = journal
        self._clock = clock
        self._watchers = list(watchers)
        self._commands = commands or CommandQueue()
        self._pace = pace
        self._has_failed = self._is_mute = False
        self._tally = controller.tally
        self._lost_at_s = lost_at_s
        self._begin_s = self._time_s = math.nan
        self._faulty_ticks = 0
        self._modes: list[SignalMode] = []

    def drive(self, until_s: float | None, stop: StopRequest, on_tick: OnTick) -> str:
        """Tick until the device ends, `until_s`, or a signal; return which. Hands back before it leaves."""
        end_s = min(math.inf if until_s is None else until_s, self._device.end_s)
        ended_by = ""
        ticks_left = self._controller.hand_back_ticks
        while not (ended_by and (self._controller.is_handed_back or ticks_left == 0)):
            if not ended_by and (ended_by := self._reason_to_end(stop, end_s)):
                self._modes = self._current_modes()
                if stop.number is not None:
                    with self._surviving("the stop is not in the logs"):
                        self._log.note_stop(stop.number)
                self._controller.hand_back()
            for queued in self._commands.take():
                self._obey(queued)
            if self._pace is not None:
                self._pace.wait()
            if not self._tick():
                break
            ticks_left -= bool(ended_by)
            if not self._is_mute:
                with self._surviving("how it goes is said no more"):
                    on_tick(self._time_s, end_s, self._note())
                self._is_mute = self._has_failed
        self._modes = self._modes or self._current_modes()
        return ended_by or "end"

    def summary(self, ended_by: str, latched: Mapping[str, Latched]) -> ServeSummary:
        """The figures of the run."""
        controller = self._controller
        tally = self._tally
        ids = controller.ids
        return ServeSummary(
            exit_code=self._exit_code(ended_by),
            ended_by=ended_by,
            bundle_digest=controller.policies.target.bundle.digest,
            control=controller.operating_mode,
            begin_s=self._begin_s,
            end_s=self._time_s,
            ticks=tally.ticks,
            decisions=tally.decisions,
            modes=dict(zip(ids, self._modes, strict=True)),
            transitions={f"{mode}: {cause}": count for (mode, cause), count in sorted(tally.transitions.items())},
            rulings={str(reason): count for reason, count in sorted(tally.rulings.items())},
            violations=[f"{v.time_s:.1f} s {v.intersection}: {v.fault}: {v.detail}" for v in tally.violations],
            latched={id_: entry.fault for id_, entry in latched.items() if id_ in ids},
            detector_faults=dict(sorted(tally.sensing.items())),
            alarms={str(cause): count for cause, count in sorted(tally.alarms.items())},
            handed_back=controller.is_handed_back and not controller.n_alarmed,
            clearance_extensions=tally.clearance_extensions,
            reconnections=tally.reconnections,
            resume=_spread(tally.resume_s),
            tick=_spread(tally.tick_s),
            decision=_spread(tally.decision_s),
            lateness=_spread(tally.lateness_s) if tally.lateness_s else None,
            missed_ticks=tally.missed_ticks,
            steps={str(step): count for step, count in sorted(tally.steps.items())},
            agreement=dict(sorted(tally.agreement.items())),
        )

    def _reason_to_end(self, stop: StopRequest, end_s: float) -> str:
        if stop.number is not None:
            return signal.Signals(stop.number).name
        if self._faulty_ticks >= FAULTY_TICKS_TO_GIVE_UP:
            return "fault"
        return "until" if self._time_s >= end_s else ""

    def _tick(self) -> bool:
        """One tick; False: the device has come to its end. A fault of ours costs the leases, never the loop."""
        snapshot = self._device.read()
        if snapshot is None:
            return False
        self._on_answer()
        begin_s = self._clock()
        self._time_s = snapshot.time_s
        self._begin_s = self._time_s if math.isnan(self._begin_s) else self._begin_s
        with self._surviving("the signals go on by themselves"):
            self._lead(snapshot)
        self._device.commit()
        if self._has_failed:
            self._faulty_ticks += 1
            self._controller.fail()
        else:
            self._faulty_ticks = 0
        with self._surviving("the logs are behind"):
            self._log.flush()
        self._tally.ticks += 1
        if not self._faulty_ticks:
            self._tally.tick_s.append(self._clock() - begin_s)
            self._notify_watchers(snapshot)
        return True

    @contextmanager
    def _surviving(self, comfort: str) -> Iterator[None]:
        """Keep the loop alive: a fault of this program is logged, and `_has_failed` says so."""
        self._has_failed = False
        try:
            yield
        except LeedError:
            raise
        except Exception:
            log.exception("a fault at %.1f s; %s", self._time_s, comfort)
            self._has_failed = True

    def _obey(self, queued: QueuedCommand) -> None:
        """Do what a command says; its caller gets the answer."""
        self._log.note_order(queued.as_record())
        with self._surviving("an order was not carried out"):
            try:
                queued.answer.set_result(self._controller.obey(queued.command))
            except LeedError as err:
                queued.answer.set_exception(err)
        if self._has_failed:
            queued.answer.set_exception(
                DeviceError("a fault of the controller: the order was not carried out; see its log")
            )

    def _notify_watchers(self, snapshot: Snapshot) -> None:
        for watcher in tuple(self._watchers):
            with self._surviving(f"{type(watcher).__name__} is told no more"):
                watcher.tick(self._controller, snapshot, self._tally.tick_s[-1])
            if self._has_failed:
                self._watchers.remove(watcher)

    def _on_answer(self) -> None:
        """Note that the device answers: where it had been lost, it is back."""
        if self._lost_at_s is not None:
            self._tally.resume_s.append(self._clock() - self._lost_at_s)
            self._lost_at_s = None

    def _lead(self, snapshot: Snapshot) -> None:
        readings = self._controller.look(snapshot)
        if self._controller.is_due(snapshot):
            before_s = self._clock()
            self._controller.decide(snapshot, readings)
            took_s = self._clock() - before_s
            self._tally.decision_s.append(took_s)
            self._tally.decisions += 1  # one that raised was none
            self._check_duration(took_s)
        self._controller.act(snapshot)

    def _check_duration(self, took_s: float) -> None:
        """Send back a bundle on probation that takes too long; by a command, since a replay has no clock."""
        if took_s > DECISION_LIMIT_S and self._controller.policies.is_on_probation:
            why = f"a decision took {took_s:.2f} s, allowed {DECISION_LIMIT_S:g}"
            self._commands.put(Rollback(why=why), "the loop")

    def _current_modes(self) -> list[SignalMode]:
        return [signal.mode.state.mode for signal in self._controller.signals]

    def _note(self) -> str:
        modes = self._current_modes()
        return ", ".join(f"{modes.count(mode)} {mode}" for mode in SignalMode if mode in modes)

    def _exit_code(self, ended_by: str) -> ExitCode:
        if self._tally.n_violations:
            return ExitCode.MONITOR_VIOLATION
        if self._controller.n_alarmed:
            return ExitCode.FALLBACK_AT_END
        if ended_by.startswith("SIG") and self._controller.is_handed_back:
            return stop_code(signal.Signals[ended_by])
        is_down = ended_by == "fault" or any(
            mode in (SignalMode.FALLBACK, SignalMode.DEGRADED) for mode in self._modes
        )
        is_kept = ended_by != "end" and not self._controller.is_handed_back
        if self._controller.operating_mode is OperatingMode.ACTIVE and (is_down or is_kept):
            return ExitCode.FALLBACK_AT_END
        return ExitCode.OK


def _spread(seconds: Collection[float]) -> DurationSpread:
    if not seconds:
        return DurationSpread(p50_ms=0.0, p99_ms=0.0, max_ms=0.0)
    p50, p99, longest = np.percentile(np.array(seconds) * 1000.0, [50.0, 99.0, 100.0])
    return DurationSpread(
        p50_ms=round(float(p50), 3), p99_ms=round(float(p99), 3), max_ms=round(float(longest), 3)
    )
