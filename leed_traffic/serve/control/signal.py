"""One signal: its limits, its program, what it shows, its mode, its monitor, and what was ruled last."""

import logging
import math

from leed_traffic.domain.priority import PriorityStrategy
from leed_traffic.domain.safety.envelope import Reason, Ruling, hold_s, rule
from leed_traffic.domain.safety.program import build_program, whole_steps
from leed_traffic.domain.situation import RequestRules, RuledRequest, StageDisplay, keeps_clearing
from leed_traffic.serve.control.agreement import StageComparison
from leed_traffic.serve.control.display import DisplayTracker
from leed_traffic.serve.control.mode import ModeTracker
from leed_traffic.serve.control.requests import PolicyRequests
from leed_traffic.serve.control.service_state import ServiceState
from leed_traffic.serve.device.contract import TICK_S, SignalDevice, SignalDisplay, Snapshot
from leed_traffic.serve.logs.events import OWN, PRIORITY_EVENTS, Event
from leed_traffic.serve.safety.monitor import Monitor, Violation
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, OperatingMode, SignalMode

log = logging.getLogger(__name__)

_EPSILON_S = 1e-6
_LIMITS = (Reason.MAX_GREEN, Reason.MAX_RED)


class Signal:
    """One signal over one connection. Every tick: `watch`, `look`, and then `act`."""

    def __init__(self, n: int, service: ServiceState, device: SignalDevice) -> None:
        """Begin with nothing seen.

        Args:
            n: its position among the signals.
            service: what outlives the connection.
            device: that it is commanded through.
        """
        assignment = service.assignment
        self.intersection = assignment.intersections[n]
        self.timing = assignment.timings[n]
        self.program = build_program(self.intersection, self.timing, step_s=device.step_s)
        self.display = DisplayTracker(self.intersection, self.program, service.waits.memories[n])
        self.mode = ModeTracker(self.id, service)
        self.monitor = Monitor(self.intersection, self.timing, blind_s=TICK_S - device.step_s)
        self.is_ours = False
        self.is_left = False  # a program that was left behind for us walks on there
        self.is_withdrawing = n in service.withdrawing  # given back by a change of mode, perhaps over a loss
        self.requested: float | None = None  # by its policy
        self.reason: Reason | None = None  # of the latest ruling
        self.comparison = StageComparison(assignment.decision_interval_s)
        self._rules = RequestRules(self.intersection, self.timing, assignment.priority)
        self._strategy = PriorityStrategy.NONE
        self._request_lease_s = 2.0 * assignment.decision_interval_s
        self._shortest_hold_s = TICK_S + device.step_s
        self.lease_s = whole_steps(max(service.lease_s, self._shortest_hold_s), device.step_s)
        self._n = n
        self._service = service
        self._device = device

    @property
    def id(self) -> str:
        """Its name."""
        return self.intersection.id

    @property
    def stage(self) -> StageDisplay:
        """The stage that it shows or is cleared towards."""
        return self.display.now

    def watch(self, display: SignalDisplay, time_s: float) -> None:
        """Let the monitor judge what our program shows, and the display after it unless another has set that."""
        if display.is_ours or (self.is_ours and not display.is_foreign):
            self._judge(display, time_s)
        if not display.is_ours:
            self.is_withdrawing = self.is_withdrawing and display.is_left
            self.monitor.forget()
            if self.is_ours:
                self.mode.note([(Event.PATTERN_CHANGE, OWN)])
            self.mode.take(ModeEvent.FOREIGN_PROGRAM if display.is_foreign else ModeEvent.PROGRAM_LOST)
        self.is_ours = display.is_ours
        self.is_left = display.is_left

    def look(self, display: SignalDisplay, time_s: float) -> None:
        """Follow what is shown; its intervals go into the event log."""
        events = self.display.look(display, time_s)
        self.mode.note(events, since_s=display.spent_s)  # the phase that stands began between two looks

    def compare(self, time_s: float) -> None:
        """Compare what it did with what was asked for, in shadow mode."""
        self.comparison.look(time_s, self.stage.stage, self.stage.is_clearing)
        self._service.tally.agreement[self.id] = self.comparison.counts

    def decide(self, requested: float | None) -> None:
        """Take in what the policy wants; wrong detectors or a wrong answer are a bad decision."""
        if not self.mode.is_believed:
            self.requested = None
            self.mode.take(ModeEvent.BAD_DECISION, Cause.BAD_SENSING)
            return
        self.requested = requested
        is_number = requested is not None and math.isfinite(requested)
        self.mode.take(ModeEvent.GOOD_DECISION if is_number else ModeEvent.BAD_DECISION)

    def act(self, snapshot: Snapshot, requests: PolicyRequests) -> None:
        """Take it over when it is ready, rule on its request, or hand it back when it is not ours to lead."""
        operating_mode = self._service.operating_mode
        if self.is_withdrawing:
            self.hand_back()
        elif operating_mode is OperatingMode.SHADOW:
            self.rule(snapshot, requests)
        if operating_mode is not OperatingMode.ACTIVE:
            return
        if self.mode.state.mode is SignalMode.STANDBY:
            self.take_over()
        if self.mode.state.is_in_charge:
            self.rule(snapshot, requests)
            self._extend_clearance(snapshot.displays[self._n])
        else:
            self.hand_back()

    def change_mode(self, before: OperatingMode, after: OperatingMode) -> None:
        """Follow another operating mode: what we lead is withdrawn where nothing may be sent any more."""
        if before is OperatingMode.ACTIVE:
            self.is_withdrawing = self.is_ours or self.is_left
            self.mode.take(ModeEvent.WITHDRAWN)
        if before is OperatingMode.MONITOR:
            self.requested = None
        if after is OperatingMode.ACTIVE:
            self.is_withdrawing = False
        self.comparison.forget()

    def take_over(self) -> None:
        """Engage it, if the device lets us; from then on it is in charge of our requests."""
        if self._engage():
            self.mode.note([(Event.PATTERN_CHANGE, self._service.policies.at(self._n).pattern)])
            self.mode.take(ModeEvent.TAKEN_OVER)

    def rule(self, snapshot: Snapshot, requests: PolicyRequests) -> None:
        """Rule on its request, write that down, and send what follows from it."""
        operating_mode = self._service.operating_mode
        time_s = snapshot.time_s
        is_heard = self.mode.state.mode is SignalMode.ENGAGED or operating_mode is OperatingMode.SHADOW
        ruled = self._rules.rule(
            self.requested if is_heard else None,
            self.display.state,
            snapshot.priority_vehicles,
            time_s=time_s,
            horizon_s=self._service.waits.horizon_s,
            request_age_s=time_s - requests.wanted_at_s,
            lease_s=self._request_lease_s,
        )
        self._note(ruled, time_s, is_decision=time_s == requests.asked_at_s)
        if operating_mode is OperatingMode.ACTIVE and (ruled.is_change or ruled.is_renewal):
            self._send(ruled)

    def hand_back(self) -> None:
        """Lead it to its own program; one that was left behind becomes ours first, and goes the way of ours."""
        if self.is_ours:
            self.release()
        elif self.is_left:
            self._engage()

    def release(self) -> None:
        """Release it once clearance and minimum green are over; a tripped signal does not wait for the green.

        Unless its own program can only be met (NEMA): then a stage that is left towards it must have stood its
        minimum green.
        """
        state = self.display.state
        if state.is_clearing:
            return
        is_met = self.intersection.own_program_type == "NEMA"
        is_tripped = self.id in self._service.latches.latched and not is_met
        is_over = state.green_s >= self.timing.min_green_s[state.stage] or is_tripped
        if not (is_over and self._device.release(self._n)):
            ruling = rule(state.stage, state, self.timing, horizon_s=self._service.waits.horizon_s)
            is_urgent = ruling.reason is Reason.MAX_RED  # a maximum green may be overrun: the hand-back follows it
            self._device.request(self._n, ruling.stage if is_urgent else state.stage, self._hold_s())

    def _engage(self) -> bool:
        shown = self.stage
        if shown.is_clearing or not self._device.engage(self._n, shown.stage):
            return False
        if not self.is_ours:  # else its green goes on: whoever engages again must not begin it anew
            self.is_ours = True
            self.monitor.begin(self._service.time_s, self.intersection.stages[shown.stage].state)
            self.display.taken_over(shown.stage)
        return True

    def _judge(self, display: SignalDisplay, time_s: float) -> None:
        """Trip the latch at the first thing that is wrong with a display."""
        violations = self.monitor.judge(time_s, display.state)
        for v in violations:
            log.error("%s: monitor: %s at %.1f s: %s", v.intersection, v.fault, v.time_s, v.detail)
        if not violations:
            return
        self._service.tally.note_violations(violations)
        self._service.policies.trip(f"{self.id}: monitor: {violations[0].fault}")
        self.mode.take(ModeEvent.MONITOR_TRIP)
        self._latch(violations[0])

    def _latch(self, violation: Violation) -> None:
        """Write the trip down; where that fails, the latch holds in this process and the log says so."""
        latches = self._service.latches
        try:
            latches.trip(violation.intersection, violation.fault, violation.detail, violation.time_s)
        except OSError as err:
            log.error("%s: the latch cannot be written to %s: %s", self.id, latches.folder, err)

    def _note(self, ruled: RuledRequest, time_s: float, *, is_decision: bool) -> None:
        """Count and write down a ruling, and how a vehicle was given priority."""
        ruling = ruled.ruling
        stage = ruled.state.stage
        before = self._strategy
        self._strategy = ruled.strategy
        if ruled.strategy is not before and ruled.strategy in PRIORITY_EVENTS:
            self.mode.note([(PRIORITY_EVENTS[ruled.strategy], stage + 1)])
        self._service.tally.rulings[ruling.reason] += 1
        self.reason = ruling.reason
        is_shadow = self._service.operating_mode is OperatingMode.SHADOW
        if is_shadow and is_decision and ruling.reason is not Reason.CLEARING:
            self.comparison.ask(time_s, stage, ruling.stage)
        if is_decision or ruled.is_change:
            self.mode.note_decision(ruled.request, ruling, stage)

    def _send(self, ruled: RuledRequest) -> None:
        stage = ruled.ruling.stage
        if ruled.is_change:
            self.display.will_end(Event.MAX_OUT if ruled.ruling.reason in _LIMITS else Event.FORCE_OFF)
        if not self._device.request(self._n, stage, self._hold_s()):
            log.error("%s: the device refused stage %d at %.1f s", self.id, stage, self._service.time_s)
            self.mode.take(ModeEvent.BAD_DECISION, Cause.REFUSED)

    def _extend_clearance(self, display: SignalDisplay) -> None:
        """Extend a clearance that would end before the next tick while a vehicle still stands in the junction."""
        is_led = self.mode.state.mode is SignalMode.ENGAGED and display.is_ours and display.is_sound
        if not is_led or not self._is_to_extend(display):
            return
        state = self.display.state
        if not self._device.extend(self._n, TICK_S):
            log.error("%s: the device refused to extend a clearance at %.1f s", self.id, self._service.time_s)
        elif self.program.extended_s(display.phase, display.spent_s) == 0.0:
            self._service.tally.clearance_extensions += 1
            ruling = Ruling(stage=state.stage, reason=Reason.OCCUPIED)
            self.mode.note_decision(self.requested, ruling, state.stage)

    def _is_to_extend(self, display: SignalDisplay) -> bool:
        """Return whether this clearance ends before the next tick and is kept; where nothing sees inside: no."""
        slowest_mps = display.slowest_inside_mps
        phase = display.phase
        spent_s = display.spent_s
        if slowest_mps is None or math.isinf(slowest_mps):
            return False
        is_over = self.program.rest_s(phase, spent_s) < TICK_S - _EPSILON_S
        if not is_over or self.program.extension_at(phase, spent_s, TICK_S) is None:
            return False
        return keeps_clearing(
            self.display.state,
            self.timing,
            lambda speed_mps: slowest_mps < speed_mps,
            extended_s=self.program.extended_s(phase, spent_s),
            step_s=TICK_S,
            horizon_s=TICK_S,
        )

    def _hold_s(self) -> float:
        """Return the lease within the limits of the stage that stands, in whole steps."""
        held_s = hold_s(self.display.state, self.timing, lease_s=self.lease_s, shortest_s=self._shortest_hold_s)
        return whole_steps(held_s, self._device.step_s)
