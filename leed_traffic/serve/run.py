"""`serve`: runs a bundle's policies at the signals behind one device, from the first look to the hand-back."""

import logging
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.domain.detection import lanes_to_read
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.program import StageProgram, build_program
from leed_traffic.domain.timing import Timing
from leed_traffic.errors import ExitCode, MismatchError
from leed_traffic.serve.control import Controller, Decider
from leed_traffic.serve.device import SignalDevice
from leed_traffic.serve.events import EventLog
from leed_traffic.serve.supervisor import Control, Mode

log = logging.getLogger(__name__)

Clock = Callable[[], float]  # seconds, monotonic


class ServeConfig(BaseModel):
    """What `leedctl serve` needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bundle: Path
    """The folder with the policies."""
    host: str = "localhost"
    """Of the TraCI server."""
    port: int = Field(ge=1, le=65535)
    """Of the TraCI server."""
    control: Control = Control.ACTIVE
    """monitor: watch; shadow: decide and log; active: drive the signals."""
    intersections: tuple[str, ...] | None = None
    """The signals to take care of; None: all of the bundle."""
    events: Path | None = None
    """Folder for the event and decision logs; None: no logs."""
    until_s: float | None = None
    """Hand back and leave at this time of the device; None: at its end."""
    deadline_s: float = Field(default=10.0, gt=0.0, le=600.0)
    """For every answer of the device."""
    connect_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    """For the device to listen."""
    order: int | None = Field(default=None, ge=0)
    """Among several clients of one server."""
    tick_s: float = Field(default=1.0, gt=0.0, le=5.0)
    """Between two looks."""
    lease_s: float = Field(default=4.0, ge=2.0, le=30.0)
    """How long a stage stands without a renewal; a UTC outstation waits as long for its master."""


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
    ended_by: str  # end, until, SIGINT, SIGTERM
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
    handed_back: bool  # no signal runs our program any more
    tick: Spread  # from the device's answer to the last request of the tick
    decision: Spread  # observation, policies


class Connect(Protocol):
    """Opens a device for a configuration."""

    def __call__(
        self,
        config: ServeConfig,
        intersections: Sequence[Intersection],
        lanes: Sequence[str],
        make_program: Callable[[int, float], StageProgram],
    ) -> SignalDevice:
        """Connect, check that the network there is ours, subscribe.

        Raises:
            DeviceError: nobody answers.
            MismatchError: the network there is another one.
        """


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


def connect_traci(
    config: ServeConfig,
    intersections: Sequence[Intersection],
    lanes: Sequence[str],
    make_program: Callable[[int, float], StageProgram],
) -> SignalDevice:
    """The device of the field: a TraCI server over TCP."""
    from leed_traffic.serve.traci_device import Endpoint, TraciDevice

    endpoint = Endpoint(
        host=config.host, port=config.port, deadline_s=config.deadline_s, connect_s=config.connect_s, order=config.order
    )
    return TraciDevice(endpoint, intersections, lanes, make_program, tick_s=config.tick_s)


def serve(
    config: ServeConfig,
    *,
    clock: Clock,
    stop: StopRequest,
    on_tick: Callable[[float, float, str], None] = lambda time_s, end_s, note: None,
    connect: Connect = connect_traci,
    decider: Callable[[Bundle, Sequence[str]], Decider] = Policy,
) -> ServeSummary:
    """Verify the bundle, connect, drive the signals until the end or a stop, hand them back.

    Args:
        config: what to serve, where.
        clock: for latencies.
        stop: looked at once a tick.
        on_tick: device time, the time at which the run will end (may be infinite) and a few words.
        connect: opens the device.
        decider: makes the policies of a bundle's intersections.

    Raises:
        BundleError: a file, a model or an answer is not what was exported.
        MismatchError: the network at the device is not the bundle's.
        DeviceError: the device is unreachable or was lost; whatever it still shows walks on by its stage program.
    """
    bundle = verify_bundle(config.bundle)
    intersections, timings = _pick(bundle, config.intersections)
    policy = decider(bundle, [i.id for i in intersections])
    reach_m = bundle.manifest.reach_m
    lanes = lanes_to_read(intersections, reach_m)
    with EventLog(config.events) as event_log:
        device = connect(
            config, intersections, lanes, lambda n, step_s: build_program(intersections[n], timings[n], step_s=step_s)
        )
        try:
            controller = Controller(
                intersections,
                timings,
                policy,
                device,
                event_log,
                control=config.control,
                decision_interval_s=bundle.manifest.decision_interval_s,
                reach_m=reach_m,
                tick_s=max(config.tick_s, device.step_s),
                lease_s=config.lease_s,
            )
            loop = _Loop(controller, device, event_log, clock)
            ended_by = loop.drive(config.until_s, stop, on_tick)
        finally:
            device.close()
    return loop.summary(bundle, config.control, ended_by, [i.id for i in intersections])


def _pick(bundle: Bundle, ids: Sequence[str] | None) -> tuple[tuple[Intersection, ...], tuple[Timing, ...]]:
    """The intersections to serve and their limits, in the bundle's order."""
    wanted = set(bundle.ids if ids is None else ids)
    if unknown := sorted(wanted - set(bundle.ids)):
        raise MismatchError(f"{bundle.path}: has no intersection {unknown[0]}; it has {', '.join(bundle.ids[:8])}")
    rows = [(i, t) for i, t in zip(bundle.network.intersections, bundle.site.timings, strict=True) if i.id in wanted]
    return tuple(i for i, _ in rows), tuple(t for _, t in rows)


class _Loop:
    """Ticks until the end, then hands back; keeps the figures."""

    def __init__(self, controller: Controller, device: SignalDevice, event_log: EventLog, clock: Clock) -> None:
        self._controller, self._device, self._log, self._clock = controller, device, event_log, clock
        self._tick_durations_s: list[float] = []
        self._decision_durations_s: list[float] = []
        self._begin_s = self._time_s = math.nan
        self._modes: list[Mode] = []

    def drive(self, until_s: float | None, stop: StopRequest, on_tick: Callable[[float, float, str], None]) -> str:
        """Tick until the device ends, `until_s`, or a signal; return which. Hands back before it leaves."""
        end_s = min(math.inf if until_s is None else until_s, self._device.end_s)
        ended_by, hand_back_until_s = "", math.inf
        while self._tick(may_decide=not ended_by):
            self._begin_s = self._time_s if math.isnan(self._begin_s) else self._begin_s
            on_tick(self._time_s, end_s, self._note())
            if not ended_by and (stop.number is not None or self._time_s >= end_s):
                ended_by = "until" if stop.number is None else signal.Signals(stop.number).name
                self._keep_modes()
                hand_back_until_s = self._time_s + self._controller.longest_hand_back_s
                self._controller.hand_back()
            if ended_by and (self._controller.is_handed_back or self._time_s >= hand_back_until_s):
                break
        self._keep_modes()
        return ended_by or "end"

    def summary(self, bundle: Bundle, control: Control, ended_by: str, ids: Sequence[str]) -> ServeSummary:
        """The figures of the run."""
        controller = self._controller
        return ServeSummary(
            exit_code=self._exit_code(control, ended_by),
            ended_by=ended_by,
            bundle_digest=bundle.digest,
            control=control,
            begin_s=self._begin_s,
            end_s=self._time_s,
            ticks=len(self._tick_durations_s),
            decisions=controller.n_decisions,
            modes=dict(zip(ids, self._modes, strict=True)),
            transitions={f"{mode}: {cause}": count for (mode, cause), count in sorted(controller.transitions.items())},
            rulings={str(reason): count for reason, count in sorted(controller.rulings.items())},
            violations=[f"{v.time_s:.1f} s {v.intersection}: {v.fault}: {v.detail}" for v in controller.violations],
            handed_back=controller.is_handed_back,
            tick=_spread(self._tick_durations_s),
            decision=_spread(self._decision_durations_s),
        )

    def _tick(self, *, may_decide: bool) -> bool:
        snapshot = self._device.read()
        if snapshot is None:
            return False
        begin_s = self._clock()
        self._time_s = snapshot.time_s
        readings = self._controller.look(snapshot)
        if may_decide and self._controller.is_due(snapshot):
            before_s = self._clock()
            self._controller.decide(snapshot, readings)
            self._decision_durations_s.append(self._clock() - before_s)
        self._controller.act(snapshot)
        self._log.flush()
        self._tick_durations_s.append(self._clock() - begin_s)
        return True

    def _keep_modes(self) -> None:
        self._modes = self._modes or [standing.mode for standing in self._controller.standings]

    def _note(self) -> str:
        modes = [standing.mode for standing in self._controller.standings]
        return ", ".join(f"{modes.count(mode)} {mode}" for mode in Mode if mode in modes)

    def _exit_code(self, control: Control, ended_by: str) -> ExitCode:
        if self._controller.violations:
            return ExitCode.MONITOR_VIOLATION
        if ended_by in ("SIGINT", "SIGTERM") and self._controller.is_handed_back:
            return ExitCode.INTERRUPTED if ended_by == "SIGINT" else ExitCode.TERMINATED
        is_down = any(mode in (Mode.FALLBACK, Mode.DEGRADED) for mode in self._modes)
        if control is Control.ACTIVE and (is_down or (ended_by != "end" and not self._controller.is_handed_back)):
            return ExitCode.FALLBACK_AT_END
        return ExitCode.OK


def _spread(seconds: Sequence[float]) -> Spread:
    if not seconds:
        return Spread(p50_ms=0.0, p99_ms=0.0, max_ms=0.0)
    p50, p99, longest = np.percentile(np.array(seconds) * 1000.0, [50.0, 99.0, 100.0])
    return Spread(p50_ms=round(float(p50), 3), p99_ms=round(float(p99), 3), max_ms=round(float(longest), 3))
