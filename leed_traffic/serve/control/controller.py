"""One tick of N signals: look, decide when it is time, rule, request, hand back. Time comes from the device's clock alone."""

import logging
import math
from collections.abc import Collection, Mapping, Sequence

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.detectors.sensing import IDEAL, Sensing, SensingKind
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.priority import Priorities, PriorityRule, PriorityStrategy, PriorityVehicle
from leed_traffic.domain.safety.envelope import Reason, Ruling, hold_s, rule
from leed_traffic.domain.safety.program import build_program, whole_steps
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.errors import UsageError
from leed_traffic.serve.control.agreement import StageComparison
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.control.monitors import Guard
from leed_traffic.serve.control.orders import Command, Reload, Rollback
from leed_traffic.serve.control.requests import Requests
from leed_traffic.serve.control.signal import SignalSight
from leed_traffic.serve.control.standings import Standings
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.control.waits import StreetWaits
from leed_traffic.serve.detectors.health import DetectorJudge
from leed_traffic.serve.detectors.readings import open_detectors
from leed_traffic.serve.device.contract import SignalDevice, SignalDisplay, Snapshot
from leed_traffic.serve.logs.actuations import Actuations
from leed_traffic.serve.logs.events import OWN, PRIORITY_EVENTS, Change, ChangeKind, Event
from leed_traffic.serve.logs.journal import Journal
from leed_traffic.serve.safety.clearance import is_to_stand
from leed_traffic.serve.safety.latch import Latched, LatchStore
from leed_traffic.serve.safety.standstill import Standstills
from leed_traffic.serve.safety.supervisor import Cause, ModeEvent, ModeState, OperatingMode, SignalMode

log = logging.getLogger(__name__)

NEMA_PATIENCE_S = 75.0  # s: under the 90 s that deploy/ gives a service to stop
_LIMITS = (Reason.MAX_GREEN, Reason.MAX_RED)


class SignalController:
    """N signals, each with its sight, its standing and its monitor.

    Two clocks count the waits. The street's, `StreetWaits`, runs every tick, outlives the connection and feeds the
    rulings. The policy's, in `Requests`, is read at every decision only and begins with the connection, as in
    training: a policy never sees a number that it was not trained on.
    """

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        policies: HotSwap,
        device: SignalDevice,
        journal: Journal,
        *,
        latches: LatchStore,
        tally: ServeTally,
        waits: StreetWaits,
        control: OperatingMode,
        decision_interval_s: float,
        reach_m: float,
        tick_s: float,
        lease_s: float,
        sensing: Sensing = IDEAL,
        priority: Sequence[PriorityRule] = (),
        counts_persons: bool = False,
        withdrawing: Collection[int] = (),
    ) -> None:
        self._intersections = tuple(intersections)
        self._timings = tuple(timings)
        self._policies = policies
        self._device = device
        self._log = journal
        self._control = control
        self._interval_s = decision_interval_s
        self._tick_s = tick_s
        self._lease_s = whole_steps(max(lease_s, tick_s + device.step_s), device.step_s)
        pairs = list(zip(self._intersections, self._timings, strict=True))
        self._programs = [build_program(i, t, step_s=device.step_s) for i, t in pairs]
        self._waits = waits
        seen = zip(self._intersections, self._programs, waits.memories, strict=True)
        self._sights = [SignalSight(intersection, program, memory) for intersection, program, memory in seen]
        self._guard = Guard(self._intersections, self._timings, latches, tally, blind_s=tick_s - device.step_s)
        self._standings = Standings(self.ids, latches.latched, journal, tally)
        self._latches = latches
        self.tally = tally
        self._detectors = open_detectors(
            self._intersections, sensing, reach_m=reach_m, lane_index=device.lane_index
        )
        self._priorities = Priorities(self._intersections, priority)
        self._means = [PriorityStrategy.NONE] * len(pairs)
        self._callers: tuple[PriorityVehicle, ...] = ()
        self._standstills = Standstills(
            self._intersections, self._timings, sees_who_stands=sensing.kind is not SensingKind.LOOPS
        )
        self._sensing = DetectorJudge(self._intersections, reach_m, device.lane_index)
        self._actuations = Actuations(self._intersections, device.lane_index)
        self._requests = Requests(
            self._intersections,
            self._timings,
            interval_s=decision_interval_s,
            reach_m=reach_m,
            counts_persons=counts_persons,
        )
        n = len(self._intersections)
        self._was_ours = [False] * n
        self._are_left = [False] * n
        self._has_looked = False
        self.reasons: list[Reason | None] = [None] * n  # of the latest ruling
        self._comparisons = [StageComparison(decision_interval_s) for _ in range(n)]
        self._withdrawing = set(withdrawing)  # signals that a change of mode gives back, perhaps over a loss
        self._is_leaving = False

    @property
    def n(self) -> int:
        """N."""
        return len(self._intersections)

    @property
    def ids(self) -> tuple[str, ...]:
        """(N,) of the signals."""
        return tuple(intersection.id for intersection in self._intersections)

    @property
    def standings(self) -> Sequence[ModeState]:
        """(N,) the mode of each signal, and why."""
        return self._standings.each

    @property
    def n_latched(self) -> int:
        """Signals that wait for a person."""
        return len(self._latches.latched.keys() & set(self.ids))

    @property
    def latched(self) -> Mapping[str, Latched]:
        """Signals that wait for a person, by id."""
        return self._latches.latched

    @property
    def control(self) -> OperatingMode:
        """How much the controller may do now."""
        return self._control

    @property
    def withdrawing(self) -> frozenset[int]:
        """Signals that a change of mode gives back, and has not yet."""
        return frozenset(self._withdrawing)

    @property
    def policies(self) -> HotSwap:
        """Which bundle decides where."""
        return self._policies

    @property
    def sights(self) -> Sequence[SignalSight]:
        """(N,) what the signals show."""
        return self._sights

    @property
    def lease_s(self) -> float:
        """How long a stage stands without a renewal."""
        return self._lease_s

    @property
    def is_handed_back(self) -> bool:
        """Whether no signal runs our program, or one that was left behind for us."""
        return not any(self._was_ours) and not any(self._are_left)

    @property
    def n_alarmed(self) -> int:
        """Signals that nobody leads: they run neither our program nor one of their own, or do not move."""
        return sum(cause is not None for cause in self._standings.alarms)

    @property
    def hand_back_ticks(self) -> int:
        """Ticks within which every signal can be handed back: longest clearance and minimum green, and five to spare.

        A NEMA program takes no phase from outside: it is followed for `NEMA_PATIENCE_S`, and may still be missed.
        """
        is_followed = any(i.own_program_type == "NEMA" for i in self._intersections)
        longest = NEMA_PATIENCE_S if is_followed else 0.0
        for timing in self._timings:
            s = range(timing.n_stages)
            clearance_s = max(timing.clearance_s(i, j) for i in s for j in s)
            longest = max(longest, clearance_s + max(timing.min_green_s))
        return math.ceil(longest / self._tick_s) + 5

    def is_due(self, snapshot: Snapshot) -> bool:
        """Whether the policy is to be asked at this tick."""
        is_wanted = self._control is not OperatingMode.MONITOR and not all(
            standing.is_latched for standing in self.standings
        )
        return is_wanted and self._requests.is_due(snapshot.time_s)

    def look(self, snapshot: Snapshot) -> Readings:
        """Take in a snapshot: monitors first, whatever goes wrong after them; then sights, waits, events."""
        elapsed_s = snapshot.time_s - self._standings.time_s if self._has_looked else 0.0
        self._has_looked = True
        self._standings.time_s = snapshot.time_s
        for n in range(self.n):
            self._watch(n, snapshot)
        seen, marks = self._detectors.read_tick(snapshot, elapsed_s)
        readings = self._sensing.mask(seen, snapshot.missing)
        self._callers = snapshot.callers
        for n, sighting in enumerate(snapshot.sightings):
            events = self._sights[n].see(sighting, snapshot.time_s)
            self._standings.note(
                n, events, since_s=sighting.spent_s
            )  # the phase that stands began between two looks
        for n, cause in enumerate(self._standstills.causes(snapshot.time_s, snapshot.sightings, readings)):
            self._standings.alarm(n, cause)
        self._log.note(self._actuations.take(snapshot.vehicles, snapshot.time_s, elapsed_s))
        shown = [sight.shown for sight in self._sights]
        for sight, wait_s in zip(
            self._sights, self._waits.look(snapshot.time_s, snapshot.sightings, shown, readings), strict=True
        ):
            sight.state = sight.state_with(wait_s)
        greens = [None if sight.shown.is_clearing else sight.shown.stage for sight in self._sights]
        for n, disbelief in enumerate(self._sensing.judge(snapshot.vehicles, readings, greens, elapsed_s, marks)):
            self._standings.believe(n, disbelief)
        self._policies.look(shown, self._was_ours, snapshot.time_s)
        self._note_changes()
        self._compare(snapshot.time_s)
        return readings

    def decide(self, snapshot: Snapshot, readings: Readings) -> None:
        """Ask the policy; what it says stands until it is asked again."""
        elapsed_s = self._requests.begin(snapshot.time_s)
        readings = self._detectors.read_decision(snapshot, readings, elapsed_s)
        self._requests.ask(readings, self._sights, self._policies, elapsed_s, snapshot.persons)
        self._log.note_asked(self._requests.wanted, self._requests.observations)
        self._note_changes()
        for n, request in enumerate(self._requests.wanted):
            if not self._standings.is_believed(n):
                self._requests.wanted[n] = None
                self._standings.find(n, ModeEvent.BAD_DECISION, Cause.BAD_SENSING)
                continue
            is_usable = request is not None and math.isfinite(request)
            self._standings.find(n, ModeEvent.GOOD_DECISION if is_usable else ModeEvent.BAD_DECISION)

    def act(self, snapshot: Snapshot) -> None:
        """Take over who is ready, rule on every request, hand back who is no longer ours to lead."""
        for n in range(self.n):
            if n in self._withdrawing:
                self._lead_back(n)
            elif self._control is OperatingMode.SHADOW:
                self._rule(n, snapshot.time_s)
            if self._control is not OperatingMode.ACTIVE:
                continue
            if self.standings[n].mode is SignalMode.STANDBY:
                self._take_over(n)
            if self.standings[n].is_in_charge:
                self._rule(n, snapshot.time_s)
                self._keep_closed(n, snapshot.sightings[n])
            else:
                self._lead_back(n)

    def fail(self) -> None:
        """This tick went wrong: no request stands any more, the leases run out, the signals walk on by themselves."""
        self._policies.trip("a fault in a tick")
        self._note_changes()
        self._requests.drop()
        for n in range(self.n):
            self._standings.find(n, ModeEvent.BAD_DECISION, Cause.NO_DECISION)

    def obey(self, order: Command) -> str:
        """What a person wants, between two ticks; a line on what happens now.

        Raises:
            UsageError: it cannot be done now.
        """
        if self._is_leaving:
            raise UsageError("the controller is handing its signals back and takes no more orders")
        if isinstance(order, Reload):
            self._policies.begin(order.generation, "reload")
            said = f"bundle {order.generation.bundle.digest[:12]} passed every check; each signal moves at its stage boundary"
        elif isinstance(order, Rollback) and order.why:
            self._policies.trip(order.why)
            said = f"back to bundle {self._policies.target.bundle.digest[:12]}: {order.why}"
        elif isinstance(order, Rollback):
            if not self._policies.go_back("rollback by order"):
                raise UsageError(
                    "there is no bundle to go back to: none was swapped since the start or the last rollback"
                )
            said = f"back to bundle {self._policies.target.bundle.digest[:12]}; each signal moves at its stage boundary"
        else:
            said = self._set_control(order.control)
        self._note_changes()
        return said

    def lost(self) -> None:
        """The connection is over: what was seen of the signals outlives it."""
        self._waits.lost(self._sights)

    def hand_back(self) -> None:
        """Nobody is led any more: `act` releases every signal as soon as its display allows."""
        self._is_leaving = True
        for n in range(self.n):
            self._standings.find(n, ModeEvent.HAND_BACK)

    def _set_control(self, control: OperatingMode) -> str:
        """Another mode; signals that we lead are handed back as at the end, those to come are taken over as at the start."""
        before = self._control
        self._control = control
        if control is before:
            return f"mode {control} runs already"
        if before is OperatingMode.ACTIVE:
            self._withdrawing = {n for n in range(self.n) if self._was_ours[n] or self._are_left[n]}
            for n in range(self.n):
                self._standings.find(n, ModeEvent.WITHDRAWN)
        if before is OperatingMode.MONITOR:  # nobody has counted waits for a policy meanwhile
            self._requests.begin_anew()
        if control is OperatingMode.ACTIVE:
            self._withdrawing = set()
        for comparison in self._comparisons:
            comparison.forget()
        change = Change(
            time_s=self._standings.time_s,
            step=ChangeKind.MODE,
            n=None,
            digest=control,
            pattern=0,
            why=f"{before} before",
        )
        self._policies.changes.append(change)
        waits = f"; {len(self._withdrawing)} signals are handed back" if self._withdrawing else ""
        return f"mode {control}{waits}"

    def _note_changes(self) -> None:
        """Write down what has happened to bundles and mode since."""
        for change in self._policies.changes:
            self.tally.steps[change.step] += 1
            id_ = "" if change.n is None else self._intersections[change.n].id
            self._log.note_change(change, id_)
            if change.n is not None and self._was_ours[change.n]:
                self._standings.note(change.n, [(Event.PATTERN_CHANGE, change.pattern)])
            if change.step is not ChangeKind.MOVED:
                log.warning("%s at %.1f s: %s: %s", change.step, change.time_s, change.digest[:12], change.why)
        self._policies.changes.clear()

    def _compare(self, time_s: float) -> None:
        """In shadow mode: what the signals did, against what was asked for."""
        if self._control is not OperatingMode.SHADOW:
            return
        for id_, sight, comparison in zip(self.ids, self._sights, self._comparisons, strict=True):
            comparison.look(time_s, sight.shown.stage, sight.shown.is_clearing)
            self.tally.agreement[id_] = comparison.counts

    def _watch(self, n: int, snapshot: Snapshot) -> None:
        """Let the monitor judge what our program shows, and the one display after it, unless somebody else has set that."""
        sighting = snapshot.sightings[n]
        standings = self._standings
        if sighting.is_ours or (self._was_ours[n] and not sighting.is_foreign):
            violation = self._guard.judge(n, snapshot.time_s, sighting.state)
            if violation is not None:
                self._policies.trip(f"{violation.intersection}: monitor: {violation.fault}")
                standings.find(n, ModeEvent.MONITOR_TRIP)
                self._guard.latch(violation)
        if not sighting.is_ours:
            if not sighting.is_left:
                self._withdrawing.discard(n)
            self._guard.forget(n)
            if self._was_ours[n]:
                standings.note(n, [(Event.PATTERN_CHANGE, OWN)])
            standings.find(n, ModeEvent.FOREIGN_PROGRAM if sighting.is_foreign else ModeEvent.PROGRAM_LOST)
        self._was_ours[n], self._are_left[n] = sighting.is_ours, sighting.is_left

    def _take_over(self, n: int) -> None:
        if self._engage(n):
            self._standings.note(n, [(Event.PATTERN_CHANGE, self._policies.at(n).pattern)])
            self._standings.find(n, ModeEvent.TAKEN_OVER)

    def _engage(self, n: int) -> bool:
        shown = self._sights[n].shown
        if shown.is_clearing or not self._device.engage(n, shown.stage):
            return False
        if not self._was_ours[n]:  # else its green goes on: whoever engages again must not begin it anew
            self._was_ours[n] = True
            self._guard.begin(n, self._standings.time_s, self._intersections[n].stages[shown.stage].state)
            self._sights[n].taken_over(shown.stage)
        return True

    def _rule(self, n: int, time_s: float) -> None:
        state = self._sights[n].state
        sight = self._sights[n]
        is_heard = self.standings[n].mode is SignalMode.ENGAGED or self._control is OperatingMode.SHADOW
        requested = self._favoured(n, self._requests.wanted[n] if is_heard else None, time_s)
        ruling = rule(
            requested,
            state,
            self._timings[n],
            horizon_s=self._waits.horizon_s,
            request_age_s=time_s - self._requests.wanted_at_s,
            lease_s=2.0 * self._interval_s,
        )
        self.tally.rulings[ruling.reason] += 1
        self.reasons[n] = ruling.reason
        if (
            self._control is OperatingMode.SHADOW
            and time_s == self._requests.asked_at_s
            and ruling.reason is not Reason.CLEARING
        ):
            self._comparisons[n].ask(time_s, state.stage, ruling.stage)
        if time_s == self._requests.asked_at_s or ruling.stage != state.stage:
            self._standings.note_decision(n, requested, ruling, state.stage)
        if self._control is not OperatingMode.ACTIVE or state.is_clearing or not ruling.renews:
            return
        if ruling.stage != state.stage:
            sight.will_end(Event.MAX_OUT if ruling.reason in _LIMITS else Event.FORCE_OFF)
        if not self._device.request(n, ruling.stage, self._hold_s(n)):
            log.error("%s: the device refused stage %d at %.1f s", self._intersections[n].id, ruling.stage, time_s)
            self._standings.find(n, ModeEvent.BAD_DECISION, Cause.REFUSED)

    def _favoured(self, n: int, wanted: float | None, time_s: float) -> float | None:
        """The request under the site's priorities; how a vehicle is favoured goes into the event log."""
        state = self._sights[n].state
        horizon_s = self._waits.horizon_s
        answer = self._priorities.favour(n, wanted, self._callers, state, time_s=time_s, horizon_s=horizon_s)
        before = self._means[n]
        self._means[n] = answer.means
        if answer.means is not before and answer.means in PRIORITY_EVENTS:
            self._standings.note(n, [(PRIORITY_EVENTS[answer.means], state.stage + 1)])
        return answer.request

    def _keep_closed(self, n: int, sighting: SignalDisplay) -> None:
        """Extend a clearance that would end before the next tick while a vehicle still stands in the junction."""
        state = self._sights[n].state
        program = self._programs[n]
        is_led = self.standings[n].mode is SignalMode.ENGAGED and sighting.is_ours and sighting.is_sound
        if not is_led or not is_to_stand(sighting, program, state, self._timings[n], tick_s=self._tick_s):
            return
        if not self._device.extend(n, self._tick_s):
            log.error(
                "%s: the device refused to extend a clearance at %.1f s",
                self._intersections[n].id,
                self._standings.time_s,
            )
        elif program.extended_s(sighting.phase, sighting.spent_s) == 0.0:
            self.tally.clearance_extensions += 1
            ruling = Ruling(stage=state.stage, reason=Reason.OCCUPIED)
            self._standings.note_decision(n, self._requests.wanted[n], ruling, state.stage)

    def _hold_s(self, n: int) -> float:
        """The lease within the limits of the stage that stands, in whole steps."""
        shortest_s = self._tick_s + self._device.step_s
        held_s = hold_s(self._sights[n].state, self._timings[n], lease_s=self._lease_s, shortest_s=shortest_s)
        return whole_steps(held_s, self._device.step_s)

    def _lead_back(self, n: int) -> None:
        """To its own program; one that was left behind becomes ours first, and goes the way of ours."""
        if self._was_ours[n]:
            self._release(n)
        elif self._are_left[n]:
            self._engage(n)

    def _release(self, n: int) -> None:
        """Back to the own program once clearance and minimum green are over; a tripped signal does not wait for the green.

        Unless its own program can only be met (NEMA): then a stage that is left towards it must have stood its
        minimum green.
        """
        state = self._sights[n].state
        if state.is_clearing:
            return
        is_met = self._intersections[n].own_program_type == "NEMA"
        is_tripped = self._intersections[n].id in self._latches.latched and not is_met
        is_over = state.green_s >= self._timings[n].min_green_s[state.stage] or is_tripped
        if not (is_over and self._device.release(n)):
            ruling = rule(state.stage, state, self._timings[n], horizon_s=self._waits.horizon_s)
            is_urgent = ruling.reason is Reason.MAX_RED  # a maximum green may be overrun: the hand-back follows it
            self._device.request(n, ruling.stage if is_urgent else state.stage, self._hold_s(n))
