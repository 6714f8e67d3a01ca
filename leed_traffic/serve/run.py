"""`serve`: runs a bundle's policies at the signals behind one device, from the first look to the hand-back."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy, verify_bundle
from leed_traffic.domain.detection import lanes_to_read
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.program import StageProgram, build_program
from leed_traffic.domain.timing import Timing
from leed_traffic.errors import DeviceError, MismatchError
from leed_traffic.serve.actuations import write_detectors
from leed_traffic.serve.control import Controller, Decider
from leed_traffic.serve.device import SignalDevice
from leed_traffic.serve.events import EventLog
from leed_traffic.serve.latch import LatchStore, Now
from leed_traffic.serve.loop import Clock, Loop, OnTick, ServeSummary, StopRequest, Watcher
from leed_traffic.serve.patience import Patience
from leed_traffic.serve.supervisor import Control
from leed_traffic.serve.tally import Tally

log = logging.getLogger(__name__)


class ServeConfig(BaseModel):
    """What `leedctl serve` needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bundle: Path
    """The folder with the policies."""
    trust: Path | None = None
    """Public key that the bundle must be signed with; None: any sound bundle runs."""
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
    until_s: float | None = Field(default=None, ge=0.0)
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
    state: Path | None = None
    """Folder of the monitor's latches; None: they last as long as the process."""
    retry_s: float = Field(default=0.0, ge=0.0, le=86400.0)
    """For how long a lost device is tried again, with growing pauses; 0: the first loss ends the run."""


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
    on_tick: OnTick = lambda time_s, end_s, note: None,
    connect: Connect = connect_traci,
    decider: Callable[[Bundle, Sequence[str]], Decider] = Policy,
    watchers: Sequence[Watcher] = (),
    now: Now = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> ServeSummary:
    """Verify the bundle, connect, drive the signals until the end or a stop, hand them back.

    Args:
        config: what to serve, where.
        clock: for latencies.
        stop: looked at once a tick.
        on_tick: device time, the time at which the run will end (may be infinite) and a few words.
        connect: opens the device, again after it was lost.
        decider: makes the policies of a bundle's intersections.
        watchers: are told of the bundle and of every sound tick.
        now: the wall clock, for the latches.
        sleep: between two tries to connect again.

    Raises:
        BundleError: a file, a model or an answer is not what was exported.
        MismatchError: the network at the device is not the bundle's.
        DeviceError: the device is unreachable or was lost; whatever it still shows walks on by its stage program.
        UsageError: the folder of the logs or of the latches cannot be used.
    """
    bundle = verify_bundle(config.bundle, config.trust)
    for watcher in watchers:
        watcher.begin(bundle)
    intersections, timings = _pick(bundle, config.intersections)
    policy = decider(bundle, [i.id for i in intersections])
    latches = LatchStore(config.state, now)
    _tell(latches, intersections)
    with EventLog(config.events) as event_log:
        if config.events is not None:
            write_detectors(config.events, intersections)
        service = _Service(config, bundle, intersections, timings, policy, latches, event_log, clock, watchers)
        patience = Patience(config.retry_s, clock, sleep)
        while True:
            try:
                return service.drive(connect, stop, on_tick)
            except DeviceError as err:
                patience.lost(err, stop, had_ticks=service.tick_count_of_last > 0)
                service.note_loss(patience.lost_at_s)


class _Service:
    """One `serve` over as many connections as it takes."""

    def __init__(
        self,
        config: ServeConfig,
        bundle: Bundle,
        intersections: tuple[Intersection, ...],
        timings: tuple[Timing, ...],
        policy: Decider,
        latches: LatchStore,
        event_log: EventLog,
        clock: Clock,
        watchers: Sequence[Watcher],
    ) -> None:
        self._watchers = watchers
        self._config, self._bundle, self._policy = config, bundle, policy
        self._intersections, self._timings = intersections, timings
        self._latches, self._log, self._clock = latches, event_log, clock
        self._lanes = lanes_to_read(intersections, bundle.manifest.reach_m)
        self._tally = Tally()
        self._lost_at_s: float | None = None
        self._ticks_before = 0

    @property
    def tick_count_of_last(self) -> int:
        """Ticks of the latest connection."""
        return self._tally.ticks - self._ticks_before

    def note_loss(self, at_s: float) -> None:
        """The connection was lost at this time of the clock."""
        self._lost_at_s = at_s

    def drive(self, connect: Connect, stop: StopRequest, on_tick: OnTick) -> ServeSummary:
        """Connect and drive to the end; raises what `serve` does."""
        config, timings = self._config, self._timings
        self._ticks_before = self._tally.ticks
        device = connect(
            config,
            self._intersections,
            self._lanes,
            lambda n, step_s: build_program(self._intersections[n], timings[n], step_s=step_s),
        )
        try:
            controller = Controller(
                self._intersections,
                timings,
                self._policy,
                device,
                self._log,
                latches=self._latches,
                tally=self._tally,
                control=config.control,
                decision_interval_s=self._bundle.manifest.decision_interval_s,
                reach_m=self._bundle.manifest.reach_m,
                tick_s=max(config.tick_s, device.step_s),
                lease_s=config.lease_s,
            )
            self._tally.reconnections += self._lost_at_s is not None
            loop = Loop(controller, device, self._log, self._clock, watchers=self._watchers, lost_at_s=self._lost_at_s)
            ended_by = loop.drive(config.until_s, stop, on_tick)
        finally:
            device.close()
        ids = [i.id for i in self._intersections]
        return loop.summary(self._bundle, config.control, ended_by, ids, self._latches.latched)


def _tell(latches: LatchStore, intersections: Sequence[Intersection]) -> None:
    """Say which signals stay as they are, and what brings them back."""
    for intersection in intersections:
        if entry := latches.latched.get(intersection.id):
            log.warning(
                "%s: stays on its own program: the monitor tripped at %s (%s: %s); when it is repaired: "
                "leedctl reset-fault %s --state %s",
                entry.signal, entry.noted_at.isoformat(timespec="seconds"), entry.fault, entry.detail, entry.signal,
                latches.folder,
            )  # fmt: skip


def _pick(bundle: Bundle, ids: Sequence[str] | None) -> tuple[tuple[Intersection, ...], tuple[Timing, ...]]:
    """The intersections to serve and their limits, in the bundle's order."""
    wanted = set(bundle.ids if ids is None else ids)
    if unknown := sorted(wanted - set(bundle.ids)):
        raise MismatchError(f"{bundle.path}: has no intersection {unknown[0]}; it has {', '.join(bundle.ids[:8])}")
    rows = [(i, t) for i, t in zip(bundle.network.intersections, bundle.site.timings, strict=True) if i.id in wanted]
    return tuple(i for i, _ in rows), tuple(t for _, t in rows)
