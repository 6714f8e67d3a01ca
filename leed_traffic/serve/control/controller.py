"""One tick of N signals: look, decide when it is time, act. Time comes from the device's clock alone."""

import logging
import math
from collections.abc import Mapping

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.errors import UsageError
from leed_traffic.serve.control.commands import Command, Reload, Rollback
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.control.requests import PolicyRequests
from leed_traffic.serve.control.service_state import ServiceState
from leed_traffic.serve.control.signal import Signal
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.detectors.health import DetectorJudge
from leed_traffic.serve.detectors.readings import open_detectors
from leed_traffic.serve.device.contract import TICK_S, SignalDevice, Snapshot
from leed_traffic.serve.logs.actuations import Actuations
from leed_traffic.serve.logs.events import BundleChange, ChangeKind, Event
from leed_traffic.serve.safety.latch import Latched
from leed_traffic.serve.safety.standstill import Standstills
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, OperatingMode

log = logging.getLogger(__name__)

NEMA_PATIENCE_S = 75.0  # s: under the 90 s that deploy/ gives a service to stop


class SignalController:
    """N signals over one connection; what outlives it is in the `ServiceState`.

    Two clocks count the waits. The street's, `StreetWaits`, runs every tick, outlives the connection and feeds the
    rulings. The policy's, in `PolicyRequests`, is read at every decision only and begins with the connection.
    """

    def __init__(self, service: ServiceState, device: SignalDevice) -> None:
        """Begin with nothing seen.

        Args:
            service: signals, bundles, latches, waits and figures.
            device: that the signals are commanded through.
        """
        service.time_s = 0.0
        assignment = service.assignment
        intersections = assignment.intersections
        sensing = assignment.sensing
        lane_index = device.lane_index
        self.signals = tuple(Signal(n, service, device) for n in range(len(intersections)))
        self.ids = assignment.ids
        self._service = service
        self._detectors = open_detectors(intersections, sensing, reach_m=assignment.reach_m, lane_index=lane_index)
        self._health = DetectorJudge(intersections, assignment.reach_m, lane_index)
        self._standstills = Standstills(
            intersections, assignment.timings, sees_who_stands=sensing.kind is not SensingKind.LOOPS
        )
        self._actuations = Actuations(intersections, lane_index)
        self._requests = PolicyRequests(assignment)
        self._has_looked = False
        self._is_leaving = False

    @property
    def n(self) -> int:
        """N."""
        return len(self.signals)

    @property
    def policies(self) -> HotSwap:
        """The bundles, and which of them decides where."""
        return self._service.policies

    @property
    def tally(self) -> ServeTally:
        """Figures of the run."""
        return self._service.tally

    @property
    def operating_mode(self) -> OperatingMode:
        """Mode that a person has set: monitor, shadow or active."""
        return self._service.operating_mode

    @property
    def latched(self) -> Mapping[str, Latched]:
        """Signals that wait for a person, by id."""
        return self._service.latches.latched

    @property
    def n_latched(self) -> int:
        """Signals of ours that wait for a person."""
        return len(self.latched.keys() & set(self.ids))

    @property
    def n_alarmed(self) -> int:
        """Signals that nobody leads: they run neither our program nor one of their own, or do not move."""
        return sum(signal.mode.alarm is not None for signal in self.signals)

    @property
    def lease_s(self) -> float:
        """Seconds for which a stage stands without a renewal."""
        return self.signals[0].lease_s

    @property
    def is_handed_back(self) -> bool:
        """True if no signal runs our program, or one that was left behind for us."""
        return not any(signal.is_ours or signal.is_left for signal in self.signals)

    @property
    def hand_back_ticks(self) -> int:
        """Ticks within which every signal can be handed back: its longest clearance, its minimum green, and five.

        A NEMA program takes no phase from outside: it is followed for `NEMA_PATIENCE_S`, and may still be missed.
        """
        is_followed = any(s.intersection.own_program_type == "NEMA" for s in self.signals)
        longest = NEMA_PATIENCE_S if is_followed else 0.0
        for signal in self.signals:
            timing = signal.timing
            s = range(timing.n_stages)
            clearance_s = max(timing.clearance_s(i, j) for i in s for j in s)
            longest = max(longest, clearance_s + max(timing.min_green_s))
        return math.ceil(longest / TICK_S) + 5

    def is_due(self, snapshot: Snapshot) -> bool:
        """Return whether the policy is to be asked at this tick."""
        is_wanted = self.operating_mode is not OperatingMode.MONITOR and not all(
            signal.mode.state.is_latched for signal in self.signals
        )
        return is_wanted and self._requests.is_due(snapshot.time_s)

    def look(self, snapshot: Snapshot) -> Readings:
        """Take in a snapshot: monitors first, whatever goes wrong after them; then displays, waits, events."""
        service = self._service
        time_s = snapshot.time_s
        elapsed_s = time_s - service.time_s if self._has_looked else 0.0
        self._has_looked = True
        service.time_s = time_s
        for signal, display in zip(self.signals, snapshot.displays, strict=True):
            signal.watch(display, time_s)
        seen, marks = self._detectors.read_tick(snapshot, elapsed_s)
        readings = self._health.mask(seen, snapshot.missing)
        for signal, display in zip(self.signals, snapshot.displays, strict=True):
            signal.look(display, time_s)
        causes = self._standstills.causes(time_s, snapshot.displays, readings)
        for signal, cause in zip(self.signals, causes, strict=True):
            signal.mode.judge(cause)
        service.journal.note(self._actuations.take(snapshot.vehicles, time_s, elapsed_s))
        stages = [signal.stage for signal in self.signals]
        waits = service.waits.look(time_s, snapshot.displays, stages, readings)
        for signal, wait_s in zip(self.signals, waits, strict=True):
            signal.display.wait(wait_s)
        greens = [None if stage.is_clearing else stage.stage for stage in stages]
        disbeliefs = self._health.judge(snapshot.vehicles, readings, greens, elapsed_s, marks)
        for signal, disbelief in zip(self.signals, disbeliefs, strict=True):
            signal.mode.believe(disbelief)
        service.policies.look(stages, [signal.is_ours for signal in self.signals], time_s)
        self._note_changes()
        if self.operating_mode is OperatingMode.SHADOW:
            for signal in self.signals:
                signal.compare(time_s)
        return readings

    def decide(self, snapshot: Snapshot, readings: Readings) -> None:
        """Ask the policies; what they say stands until they are asked again."""
        elapsed_s = self._requests.begin(snapshot.time_s)
        seen = self._detectors.read_decision(snapshot, readings, elapsed_s)
        stages = [signal.stage for signal in self.signals]
        requests = self._requests.ask(snapshot, stages, seen, self.policies, elapsed_s)
        self._service.journal.note_asked(requests, self._requests.observations)
        self._note_changes()
        for signal, requested in zip(self.signals, requests, strict=True):
            signal.decide(requested)

    def act(self, snapshot: Snapshot) -> None:
        """Take over the signals that are ready, rule on every request, hand back the others."""
        for signal in self.signals:
            signal.act(snapshot, self._requests)

    def fail(self) -> None:
        """Drop every request after a fault in a tick: the leases run out, the signals walk on by themselves."""
        self.policies.trip("a fault in a tick")
        self._note_changes()
        for signal in self.signals:
            signal.requested = None
            signal.mode.take(ModeEvent.BAD_DECISION, Cause.NO_DECISION)

    def obey(self, command: Command) -> str:
        """Do what a person wants, between two ticks; return a line on what happens now.

        Raises:
            UsageError: it cannot be done now.
        """
        if self._is_leaving:
            raise UsageError("the controller is handing its signals back and takes no more orders")
        policies = self.policies
        if isinstance(command, Reload):
            digest = command.generation.bundle.digest[:12]
            policies.begin(command.generation, "reload")
            said = f"bundle {digest} passed every check; each signal moves at its stage boundary"
        elif isinstance(command, Rollback) and command.why:
            policies.trip(command.why)
            said = f"back to bundle {policies.target.bundle.digest[:12]}: {command.why}"
        elif isinstance(command, Rollback):
            if not policies.go_back("rollback by order"):
                raise UsageError(
                    "there is no bundle to go back to: none was swapped since the start or the last rollback"
                )
            said = f"back to bundle {policies.target.bundle.digest[:12]}; each signal moves at its stage boundary"
        else:
            said = self._set_mode(command.mode)
        self._note_changes()
        return said

    def lost(self) -> None:
        """Keep what was seen of the signals over a connection that has ended."""
        self._service.withdrawing = frozenset(n for n, s in enumerate(self.signals) if s.is_withdrawing)
        self._service.waits.lost([signal.display.remember() for signal in self.signals])

    def hand_back(self) -> None:
        """Lead no signal any more: `act` releases each as soon as its display allows."""
        self._is_leaving = True
        for signal in self.signals:
            signal.mode.take(ModeEvent.HAND_BACK)

    def _set_mode(self, mode: OperatingMode) -> str:
        """Change the mode; what we lead is handed back as at the end, what comes is taken over as at the start."""
        before = self.operating_mode
        self._service.operating_mode = mode
        if mode is before:
            return f"mode {mode} runs already"
        if before is OperatingMode.MONITOR:  # nobody has counted waits for a policy meanwhile
            self._requests.begin_anew()
        for signal in self.signals:
            signal.change_mode(before, mode)
        why = f"{before} before"
        self.policies.changes.append(
            BundleChange(
                time_s=self._service.time_s, step=ChangeKind.MODE, n=None, digest=mode, pattern=0, why=why
            )
        )
        n_withdrawing = sum(signal.is_withdrawing for signal in self.signals)
        return f"mode {mode}; {n_withdrawing} signals are handed back" if n_withdrawing else f"mode {mode}"

    def _note_changes(self) -> None:
        """Write down what has happened to bundles and mode since."""
        for change in self.policies.changes:
            self.tally.steps[change.step] += 1
            signal = None if change.n is None else self.signals[change.n]
            self._service.journal.note_change(change, "" if signal is None else signal.id)
            if signal is not None and signal.is_ours:
                signal.mode.note([(Event.PATTERN_CHANGE, change.pattern)])
            if change.step is not ChangeKind.MOVED:
                log.warning("%s at %.1f s: %s: %s", change.step, change.time_s, change.digest[:12], change.why)
        self.policies.changes.clear()
