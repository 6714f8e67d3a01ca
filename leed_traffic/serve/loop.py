"""The loop around the controller: ticks, the end, the figures. A fault in a tick costs the leases, never the loop."""

import logging
import math
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.errors import ExitCode, LeedError
from leed_traffic.serve.control import Controller
from leed_traffic.serve.device import SignalDevice, Snapshot
from leed_traffic.serve.events import EventLog
from leed_traffic.serve.latch import Latched
from leed_traffic.serve.supervisor import Control, Mode

log = logging.getLogger(__name__)

FAULTY_TICKS_TO_GIVE_UP = 10  # in a row: then the signals go back to their own programs

Clock = Callable[[], float]  # seconds, monotonic
OnTick = Callable[[float, float, str], None]  # device time, time of the end (may be infinite), a few words


class Watcher(Protocol):
    """Somebody who is told how it goes."""

    def begin(self, bundle: Bundle) -> None:
        """The bundle was verified."""

    def tick(self, controller: Controller, snapshot: Snapshot, tick_s: float) -> None:
        """A tick was completed without a fault, in so many seconds."""


class Spread(BaseModel):
    """Durations of one kind, in milliseconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    p50_ms: float
    p99_ms: float
    max_ms: float


class ServeSummary(BaseModel):
    """How a run went; the --json document of `leedctl serve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exit_code: ExitCode
    ended_by: str  # end, until, SIGINT, SIGTERM, fault
    bundle_digest: str
    control: Control
    begin_s: float
    end_s: float
    ticks: int
    decisions: int
    modes: dict[str, Mode]  # at the end, before the hand-back
    transitions: dict[str, int]  # by "mode: cause"
    rulings: dict[str, int]  # by reason, every tick of every signal
    violations: list[str]
    latched: dict[str, str]  # signals that stay on their own program until `leedctl reset-fault`, with the fault
    detector_faults: dict[str, int]  # by kind
    handed_back: bool  # no signal runs our program any more
    reconnections: int
    resume: Spread  # from a lost connection to the first tick after it
    tick: Spread  # from the device's answer to the last request of the tick
    decision: Spread  # observation, policies


class StopRequest:
    """Set by a signal of the operating system; the loop looks at it once a tick."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self, number: int, frame: FrameType | None = None) -> None:
        """Note which signal came."""
        self.number = number


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """SIGINT and SIGTERM ask for a clean hand-back while this context lasts."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Loop:
    """Ticks until the end, then hands back; keeps the figures."""

    def __init__(
        self,
        controller: Controller,
        device: SignalDevice,
        event_log: EventLog,
        clock: Clock,
        *,
        watchers: Sequence[Watcher] = (),
        lost_at_s: float | None = None,
    ) -> None:
        """Ready to drive; `lost_at_s` is the clock's time at which the connection before this one was lost."""
        self._controller, self._device, self._log, self._clock = controller, device, event_log, clock
        self._watchers = tuple(watchers)
        self._tally, self._lost_at_s = controller.tally, lost_at_s
        self._begin_s = self._time_s = math.nan
        self._faulty_ticks = 0
        self._modes: list[Mode] = []

    def drive(self, until_s: float | None, stop: StopRequest, on_tick: OnTick) -> str:
        """Tick until the device ends, `until_s`, or a signal; return which. Hands back before it leaves."""
        end_s = min(math.inf if until_s is None else until_s, self._device.end_s)
        ended_by, ticks_left = "", self._controller.hand_back_ticks
        while not (ended_by and (self._controller.is_handed_back or ticks_left == 0)):
            if not ended_by and (ended_by := self._reason_to_end(stop, end_s)):
                self._modes = self._current_modes()
                self._controller.hand_back()
            if not self._tick():
                break
            ticks_left -= bool(ended_by)
            on_tick(self._time_s, end_s, self._note())
        self._modes = self._modes or self._current_modes()
        return ended_by or "end"

    def summary(
        self, bundle: Bundle, control: Control, ended_by: str, ids: Sequence[str], latched: Mapping[str, Latched]
    ) -> ServeSummary:
        """The figures of the run."""
        controller, tally = self._controller, self._tally
        return ServeSummary(
            exit_code=self._exit_code(control, ended_by),
            ended_by=ended_by,
            bundle_digest=bundle.digest,
            control=control,
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
            handed_back=controller.is_handed_back,
            reconnections=tally.reconnections,
            resume=_spread(tally.resume_s),
            tick=_spread(tally.tick_s),
            decision=_spread(tally.decision_s),
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
        try:
            self._lead(snapshot)
            self._log.flush()
            self._tally.tick_s.append(self._clock() - begin_s)
            for watcher in self._watchers:
                watcher.tick(self._controller, snapshot, self._tally.tick_s[-1])
            self._faulty_ticks = 0
        except LeedError:
            raise
        except Exception:
            log.exception("a fault at %.1f s; the signals go on by themselves", snapshot.time_s)
            self._faulty_ticks += 1
            self._controller.fail()
        self._tally.ticks += 1
        return True

    def _on_answer(self) -> None:
        """The device speaks: where it had been lost, it is back."""
        if self._lost_at_s is not None:
            self._tally.resume_s.append(self._clock() - self._lost_at_s)
            self._lost_at_s = None

    def _lead(self, snapshot: Snapshot) -> None:
        readings = self._controller.look(snapshot)
        if self._controller.is_due(snapshot):
            before_s = self._clock()
            self._controller.decide(snapshot, readings)
            self._tally.decision_s.append(self._clock() - before_s)
        self._controller.act(snapshot)

    def _current_modes(self) -> list[Mode]:
        return [standing.mode for standing in self._controller.standings]

    def _note(self) -> str:
        modes = self._current_modes()
        return ", ".join(f"{modes.count(mode)} {mode}" for mode in Mode if mode in modes)

    def _exit_code(self, control: Control, ended_by: str) -> ExitCode:
        if self._tally.n_violations:
            return ExitCode.MONITOR_VIOLATION
        if ended_by in ("SIGINT", "SIGTERM") and self._controller.is_handed_back:
            return ExitCode.INTERRUPTED if ended_by == "SIGINT" else ExitCode.TERMINATED
        is_down = ended_by == "fault" or any(mode in (Mode.FALLBACK, Mode.DEGRADED) for mode in self._modes)
        if control is Control.ACTIVE and (is_down or (ended_by != "end" and not self._controller.is_handed_back)):
            return ExitCode.FALLBACK_AT_END
        return ExitCode.OK


def _spread(seconds: Collection[float]) -> Spread:
    if not seconds:
        return Spread(p50_ms=0.0, p99_ms=0.0, max_ms=0.0)
    p50, p99, longest = np.percentile(np.array(seconds) * 1000.0, [50.0, 99.0, 100.0])
    return Spread(p50_ms=round(float(p50), 3), p99_ms=round(float(p99), 3), max_ms=round(float(longest), 3))
