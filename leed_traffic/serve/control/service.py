"""One `serve` over as many connections as it takes."""

from collections.abc import Callable, Sequence

from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.domain.safety.program import build_program, whole_steps
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.errors import DeviceError, MismatchError
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.commands import CommandQueue
from leed_traffic.serve.control.config import Connect, Look, ServeConfig
from leed_traffic.serve.control.controller import SignalController
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.control.loop import Loop, OnTick, ServeSummary, StopRequest, Watcher
from leed_traffic.serve.control.pace import Clock, Pace, divides
from leed_traffic.serve.control.patience import ReconnectBackoff
from leed_traffic.serve.control.service_state import ServiceState
from leed_traffic.serve.control.waits import StreetWaits
from leed_traffic.serve.device.contract import TICK_S, SignalDevice
from leed_traffic.serve.logs.journal import Journal
from leed_traffic.serve.safety.kept_waits import KeptWaits, WaitStore
from leed_traffic.serve.safety.latch import LatchStore


class Service:
    """One `serve`: connects, drives the loop, and connects again after a loss."""

    def __init__(
        self,
        config: ServeConfig,
        assignment: Assignment,
        policies: HotSwap,
        latches: LatchStore,
        journal: Journal,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        watchers: Sequence[Watcher] = (),
        commands: CommandQueue | None = None,
        kept: Sequence[KeptWaits] = (),
        store: WaitStore | None = None,
        on_wait: Callable[[str], None] = lambda why: None,
    ) -> None:
        """Begin with nothing connected.

        Args:
            config: what to serve, where.
            assignment: the signals.
            policies: that decide.
            latches: signals that a person must release first.
            journal: what is left behind.
            clock: for latencies.
            sleep: between two tries.
            watchers: are told of every sound tick.
            commands: of persons.
            kept: waits that an earlier process has counted.
            store: takes down the waits of this one.
            on_wait: told why, while the device is tried.
        """
        self._config = config
        self._clock = clock
        self._sleep = sleep
        self._watchers = watchers
        self._commands = commands or CommandQueue()
        self._on_wait = on_wait
        self._lost_at_s: float | None = None
        waits = StreetWaits(
            assignment.intersections, assignment.timings, tick_s=TICK_S, lease_s=config.lease_s,
            sees_all=assignment.sensing.kind is SensingKind.IDEAL, kept=kept, store=store,
        )  # fmt: skip
        self._state = ServiceState(
            assignment=assignment, policies=policies, latches=latches, journal=journal, waits=waits,
            lease_s=config.lease_s, operating_mode=config.control,
        )  # fmt: skip

    def run(
        self,
        connect: Connect,
        stop: StopRequest,
        on_tick: OnTick = lambda time_s, end_s, note: None,
        wrap: Callable[[SignalDevice], SignalDevice] = lambda device: device,
    ) -> ServeSummary:
        """Connect, again after a loss, and drive to the end.

        Args:
            connect: opens the device.
            stop: looked at once a tick, and ten times a second while the device is tried.
            on_tick: device time, the time at which the run will end and a few words.
            wrap: stands between the controller and the device.

        Raises:
            DeviceError: the device is unreachable or was lost for too long.
            MismatchError: the network at the device is another one, or its steps are too long.
            StopError: a stop came while the device was tried.
        """
        patience = ReconnectBackoff(self._config.retry_s, self._clock, self._sleep, stop, self._on_wait)
        while True:
            ticks_before = self._state.tally.ticks
            try:
                return self._drive(connect, patience.look, stop, on_tick, wrap)
            except DeviceError as err:
                patience.lost(err, had_ticks=self._state.tally.ticks > ticks_before)
                self._lost_at_s = patience.lost_at_s

    def _drive(
        self,
        connect: Connect,
        look: Look,
        stop: StopRequest,
        on_tick: OnTick,
        wrap: Callable[[SignalDevice], SignalDevice],
    ) -> ServeSummary:
        config = self._config
        assignment = self._state.assignment
        signals = assignment.intersections
        timings = assignment.timings
        tally = self._state.tally
        opened = connect(
            config, assignment, lambda n, step_s: build_program(signals[n], timings[n], step_s=step_s), look
        )
        try:
            if assignment.crossings:
                opened.watch_crossings(assignment.crossings)
            device = wrap(opened)
            _check_rhythm(device.step_s, timings)
            self._state.policies.reconnected()
            controller = SignalController(self._state, device)
            tally.reconnections += self._lost_at_s is not None
            pace = Pace(TICK_S, self._clock, self._sleep, tally) if config.realtime else None
            loop = Loop(
                controller, device, self._state.journal, self._clock,
                watchers=self._watchers, commands=self._commands, pace=pace, lost_at_s=self._lost_at_s,
            )  # fmt: skip
            try:
                ended_by = loop.drive(config.until_s, stop, on_tick)
            finally:
                controller.lost()
        finally:
            opened.close()
        return loop.summary(ended_by, self._state.latches.latched)


def _check_rhythm(step_s: float, timings: Sequence[Timing]) -> None:
    """Refuse steps that do not fit a tick: limits are laid out for whole ones, and the monitor sees every yellow.

    Raises:
        MismatchError: the device is too coarse, its steps do not fill a tick, or a yellow is too short.
    """
    if step_s > TICK_S:
        raise MismatchError(
            f"the device shows steps of {step_s:g} s, expected up to {TICK_S:g} s; "
            f"start SUMO with --step-length {TICK_S:g}"
        )
    if not divides(step_s, TICK_S):
        raise MismatchError(
            f"the device shows steps of {step_s:g} s, of which no whole number is a tick of {TICK_S:g} s; "
            "start SUMO with --step-length 1, 0.5, 0.25, 0.2 or 0.1"
        )
    for timing in timings:
        shortest_s = min(
            (whole_steps(s, step_s) for row in timing.clearances.yellow_s for s in row if s > 0.0), default=TICK_S
        )
        if shortest_s < TICK_S:
            raise MismatchError(
                f"{timing.intersection}: a yellow of {shortest_s:g} s ends between two looks, which are "
                f"{TICK_S:g} s apart; correct the site file, then train and export again"
            )
