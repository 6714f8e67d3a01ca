"""Signals behind a TraCI server (SUMO, or a gateway that speaks its protocol).

This and `traci_connection` are the files of serving that know traci. SUMO enforces no signal safety and traci has no timeout of
its own: the stage program makes every command a lease, and every call here has a deadline.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from leed_traffic.domain.detector_layout import Detector
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.program import PROGRAM_ID, StageProgram
from leed_traffic.domain.road_users import Crossing
from leed_traffic.errors import DeviceError, MismatchError
from leed_traffic.serve.device import Sighting, Snapshot
from leed_traffic.serve.pace import TICK_S
from leed_traffic.serve.place import LaneFacts, difference_at_device
from leed_traffic.serve.plausible import is_sound, phase_showing, read_sighting, read_step_length
from leed_traffic.serve.roadside import Roadside
from leed_traffic.serve.traci_connection import Endpoint, fatal_errors, let_go, open_connection
from leed_traffic.serve.traffic import Traffic

log = logging.getLogger(__name__)

STATIC, NEMA = 0, 4  # traci.constants.TRAFFICLIGHT_TYPE_STATIC, TRAFFICLIGHT_TYPE_NEMA
_EPSILON_S = 1e-6
_NOBODYS = frozenset({"online", "off"})  # SUMO's: a state that a client has set and that nobody ends; switched off
SPENT_DURATION = 0x38  # traci.constants.VAR_SPENT_DURATION


class TraciDevice:
    """N signals over one TraCI connection. Makes its stage programs after it knows the server's step length."""

    def __init__(
        self,
        endpoint: Endpoint,
        intersections: Sequence[Intersection],
        lanes: Sequence[str],
        make_program: Callable[[int, float], StageProgram],
        *,
        detectors: Sequence[Detector] = (),
        favoured: frozenset[str] = frozenset(),
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect, compare the network there with ours, subscribe to all that is read.

        Args:
            endpoint: the server.
            intersections: N of them, the signals to control.
            lanes: to read vehicles from.
            make_program: the stage program of the n-th intersection for a step length in seconds.
            detectors: of the site, read instead of vehicles on lanes; `lanes` is empty then.
            favoured: classes of vehicles that may call for priority.
            look: taken between two tries to connect; what it raises ends them.

        Raises:
            DeviceError: nobody answers in time, or the answer makes no sense.
            MismatchError: the network there is another one.
        """
        self._endpoint, self._intersections = endpoint, tuple(intersections)
        self._ids = tuple(i.id for i in intersections)
        self._traffic = Traffic(self._ids, lanes)
        self._roadside = Roadside(detectors, favoured)
        self._is_first, self._elapsed_s = True, 0.0
        self._sightings: tuple[Sighting, ...] = ()
        self._engaged: dict[int, tuple[int, float]] = {}  # the stage that was shown at take-over, and when
        self._own_ids: list[frozenset[str]] = []  # (N,) programs that each signal has of its own
        self._found: list[Any] = []  # (N,) the program of ours that is at the device
        self._connection: Any = None
        self._connection, self._tc, self._refusal = open_connection(endpoint, look)
        try:
            with self._guard("reading the network"):
                if endpoint.order is not None:
                    self._connection.setOrder(endpoint.order)
                self._step_s = read_step_length(self._connection.simulation.getDeltaT())
                end_s = float(self._connection.simulation.getEndTime())
                self._check_network()
                self._subscribe()
            self._end_s = end_s if end_s >= 0.0 else float("inf")
            self._tick_s = max(TICK_S, self._step_s)
            self._programs = tuple(make_program(n, self._step_s) for n in range(len(self._ids)))
            self._traffic.lay_out(self._programs)
            if blind := self._traffic.blind:
                self._tell(blind)
            with self._guard("looking at the signals"):
                self._sightings = self._look()
        except BaseException:
            self.close()
            raise

    @property
    def step_s(self) -> float:
        """Simulation step, in seconds."""
        return self._step_s

    @property
    def lane_index(self) -> dict[str, int]:
        """Position of every lane in `Vehicles.lane`."""
        return self._traffic.lane_index

    @property
    def end_s(self) -> float:
        """The server's own end time; infinite without one."""
        return self._end_s

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Subscribe to the areas in which persons wait for them."""
        with self._guard("looking for crossings"):
            self._roadside.watch_crossings(crossings, self._refusal, str(self._endpoint))

    def read(self) -> Snapshot | None:
        """Advance by a tick and look; the first call only looks."""
        with self._guard("waiting for the next tick"):
            simulation = self._connection.simulation
            if not self._is_first:
                before_s = self._time_s()
                target_s = min(before_s + self._tick_s, self._end_s)
                self._connection.simulationStep(target_s if self._tick_s > self._step_s else 0.0)
                self._check_clock(target_s)
                self._elapsed_s = self._time_s() - before_s
            values = simulation.getSubscriptionResults()
            is_over = values[self._tc.VAR_MIN_EXPECTED_VEHICLES] <= 0 or self._time_s() >= self._end_s
            if is_over and not self._is_first:
                return None
            self._is_first = False
            self._sightings = self._with_who_is_inside(self._look())
            vehicles, missing = self._traffic.vehicles()
            return Snapshot(
                time_s=self._time_s(),
                sightings=self._sightings,
                vehicles=vehicles,
                missing=missing,
                detected=self._roadside.detected(self._time_s()),
                callers=self._roadside.callers(self._refusal),
                persons=self._roadside.persons(self._refusal),
            )

    def engage(self, n: int, stage: int) -> bool:
        """Install the stage program at the display that is shown now; one that runs already goes on as it is."""
        program, shown = self._programs[n], self._shown(n)
        if not 0 <= stage < program.n_stages or shown.state != program.phases[stage].state:
            return False
        if shown.is_ours and shown.is_sound and shown.phase == stage and self._is_installed(n):
            return True
        with self._guard(f"{self._ids[n]}: taking over"):
            signal = self._connection.trafficlight
            try:
                signal.setProgramLogic(self._ids[n], self._logic(program, stage))
                signal.setProgram(self._ids[n], PROGRAM_ID)
                signal.setPhase(self._ids[n], stage)
            except self._refusal:
                return False
            self._note(n, stage)
            self._engaged[n] = stage, self._time_s()
            self._found[n] = program
            return True

    def _is_installed(self, n: int) -> bool:
        """Whether the program of ours at the device is the one that we would install: not that of other limits."""
        program, found = self._programs[n], self._found[n]
        if isinstance(found, StageProgram) or found is None:
            return found is program
        there = [(phase.state, tuple(phase.next), phase.duration) for phase in found.phases]
        ours = [(phase.state, (phase.next,), phase.duration_s) for phase in program.phases]
        return len(there) == len(ours) and all(
            a[:2] == b[:2] and abs(a[2] - b[2]) < _EPSILON_S for a, b in zip(there, ours, strict=True)
        )

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """One jump to the first clearance phase, or a longer green; a lock of its own behind the envelope's."""
        program, shown = self._programs[n], self._shown(n)
        known = isinstance(stage, int) and 0 <= stage < program.n_stages
        if not known or not shown.is_ours or not shown.is_sound or not 0.0 < hold_s < float("inf"):
            return False
        now, is_clearing = program.stage_of(shown.phase)
        if is_clearing:
            return stage == now  # on its way there; never another jump out of a clearance
        with self._guard(f"{self._ids[n]}: requesting stage {stage}"):
            signal = self._connection.trafficlight
            try:
                if stage == now:
                    signal.setPhaseDuration(self._ids[n], hold_s)
                else:
                    signal.setPhase(self._ids[n], program.entries[now][stage])
                    self._note(n, program.entries[now][stage])
            except self._refusal:
                return False
        return True

    def extend(self, n: int, hold_s: float) -> bool:
        """A longer all-red, or a jump from a yellow that is over to the red beside it."""
        shown = self._shown(n)
        if not shown.is_ours or not shown.is_sound:
            return False
        extension = self._programs[n].extension_at(shown.phase, shown.spent_s, hold_s)
        if extension is None:
            return False
        with self._guard(f"{self._ids[n]}: extending a clearance"):
            signal = self._connection.trafficlight
            try:
                if extension != shown.phase:
                    signal.setPhase(self._ids[n], extension)
                    self._note(n, extension)
                signal.setPhaseDuration(self._ids[n], hold_s)
            except self._refusal:
                return False
        return True

    def release(self, n: int) -> bool:
        """The own program, in the phase whose display is the one shown now, before the next simulation step.

        SUMO's NEMA controller takes no phase from outside (1.28 stands still after one), but runs on unseen: it gets its signal
        back at a moment when it would show what is shown, and until then our program is led to what it would show.
        """
        shown = self._shown(n)
        if not shown.is_ours or not shown.is_sound:
            return not shown.is_ours
        stage, is_clearing = self._programs[n].stage_of(shown.phase)
        if is_clearing:
            return False
        program_id, phases = self._own[n]
        with self._guard(f"{self._ids[n]}: handing back"):
            signal = self._connection.trafficlight
            try:
                signal.setProgram(self._ids[n], program_id)
                if phases is not None:
                    signal.setPhase(self._ids[n], phases[stage])
                elif (its_own := signal.getRedYellowGreenState(self._ids[n])) != shown.state:
                    signal.setProgram(self._ids[n], PROGRAM_ID)  # no time has passed: nobody has seen the other display
                    self._lead_to(n, stage, its_own)
                    return False
            except self._refusal:
                return False
            self._note(n, phases[stage] if phases else shown.phase, program_id)
            return True

    def _lead_to(self, n: int, stage: int, display: str) -> None:
        """From a stage that stands into the clearance towards a display, if that is one of our stages.

        Of two stages the own program comes back to the one that stands by itself: two that follow each other may never meet.
        """
        program = self._programs[n]
        target = next((k for k in range(program.n_stages) if program.phases[k].state == display), stage)
        if target != stage and program.n_stages > 2:
            self._connection.trafficlight.setPhase(self._ids[n], program.entries[stage][target])
            self._note(n, program.entries[stage][target])

    def close(self) -> None:
        """Leave cleanly if the connection is sound, else just let go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close(False)
            except (self._refusal, *fatal_errors()):
                let_go(connection)

    @contextmanager
    def _guard(self, doing: str) -> Iterator[None]:
        """After anything but a plain refusal the connection is closed and never used again."""
        if self._connection is None:
            raise DeviceError(f"{self._endpoint}: {doing}: the connection is closed; start again")
        begin_s = time.monotonic()
        try:
            yield
        except self._refusal as err:
            raise DeviceError(f"{self._endpoint}: {doing}: refused: {err}") from err
        except fatal_errors() as err:
            connection, self._connection = self._connection, None
            let_go(connection)
            waited_s = time.monotonic() - begin_s
            is_late = waited_s >= self._endpoint.deadline_s
            why = (
                f"no answer within {self._endpoint.deadline_s:g} s"
                if is_late
                else f"connection lost ({err or type(err).__name__})"
            )
            raise DeviceError(f"{self._endpoint}: {doing}: {why}; see whether the server still runs") from err

    def _check_network(self) -> None:
        """Signals, link counts, stage states and lanes as in the bundle; remember each signal's own program."""
        signals = set(self._connection.trafficlight.getIDList())
        if missing := [id_ for id_ in self._ids if id_ not in signals]:
            raise MismatchError(
                f"{self._endpoint}: has no signal {missing[0]} (it has {_some(signals)}); connect to the network of the bundle"
            )
        lanes = set(self._connection.lane.getIDList())
        stop_lines = [lane.id for i in self._intersections for lane in i.lanes]
        if gone := [lane for lane in [*self._traffic.lane_index, *stop_lines] if lane not in lanes]:
            raise MismatchError(f"{self._endpoint}: has no lane {gone[0]}, which the detectors read; is it another network?")
        self._own = tuple(self._own_program(intersection) for intersection in self._intersections)

    def _own_program(self, intersection: Intersection) -> tuple[str, tuple[int, ...] | None]:
        """The program to hand back to, and the phase in it for every stage; None where it picks its phases itself (NEMA)."""
        where, signal = f"{self._endpoint}: signal {intersection.id}", self._connection.trafficlight
        lane = self._connection.lane
        facts = {i.id: LaneFacts(length_m=lane.getLength(i.id), speed_mps=lane.getMaxSpeed(i.id)) for i in intersection.lanes}
        if difference := difference_at_device(intersection, signal.getControlledLinks(intersection.id), facts):
            raise MismatchError(f"{where}: {difference}; connect to the network of the bundle, or train and export it again")
        active = signal.getProgram(intersection.id)
        logics = {logic.programID: logic for logic in signal.getAllProgramLogics(intersection.id)}
        self._found.append(logics.get(PROGRAM_ID))
        self._own_ids.append(frozenset(logics) - {PROGRAM_ID, *_NOBODYS})
        name = active if active in self._own_ids[-1] else intersection.own_program_id
        if name not in logics:
            raise MismatchError(f"{where} runs program {active!r} and has no {name!r} to go back to; it has {_some(logics)}")
        if logics[name].type == NEMA:
            return name, None
        states = [phase.state for phase in logics[name].phases]
        phases = []
        for k, stage in enumerate(intersection.stages):
            phase = phase_showing(stage.state, stage.own_phase, states)
            if phase is None:
                raise MismatchError(
                    f"{where}: its program {name!r} never shows stage {k} ({stage.state}) of the bundle; export it again"
                )
            phases.append(phase)
        return name, tuple(phases)

    def _subscribe(self) -> None:
        tc, connection = self._tc, self._connection
        connection.simulation.subscribe([tc.VAR_TIME, tc.VAR_MIN_EXPECTED_VEHICLES])
        for id_ in self._ids:
            shown = [tc.TL_RED_YELLOW_GREEN_STATE, tc.TL_CURRENT_PROGRAM, tc.TL_CURRENT_PHASE, SPENT_DURATION]
            connection.trafficlight.subscribe(id_, shown)
        self._traffic.open(connection, tc, self._refusal)
        self._roadside.open(connection, tc, str(self._endpoint))

    def _tell(self, blind: frozenset[int]) -> None:
        """Say where nobody sees whether a junction is clear."""
        why = "the server knows no lanes" if self._traffic.lane_index else "none of the site's own detectors looks"
        names = _some(self._ids[n] for n in blind) + (", ..." if len(blind) > 5 else "")
        log.warning(
            "%s: no clearance is extended at %d of %d signals (%s): %s inside the junction",
            self._endpoint, len(blind), len(self._ids), names, why,
        )  # fmt: skip

    def _check_clock(self, target_s: float) -> None:
        """An answer that belongs to another step is worth nothing: a doubled one would leave us a tick behind for good."""
        now_s = self._time_s()
        if not target_s - 1e-6 <= now_s <= target_s + self._step_s:
            raise ValueError(f"the clock there shows {now_s:g} s, expected {target_s:g} s")

    def _time_s(self) -> float:
        return float(self._connection.simulation.getSubscriptionResults()[self._tc.VAR_TIME])

    def _look(self) -> tuple[Sighting, ...]:
        tc, results = self._tc, self._connection.trafficlight.getAllSubscriptionResults()
        names = (tc.TL_RED_YELLOW_GREEN_STATE, tc.TL_CURRENT_PROGRAM, tc.TL_CURRENT_PHASE, SPENT_DURATION)
        seen = [read_sighting(id_, *(results[id_][name] for name in names)) for id_ in self._ids]
        for n in range(len(seen)):
            now = seen[n] = self._since_engaged(n, seen[n])
            if not now.is_ours and now.program not in self._own_ids[n]:
                seen[n] = replace(now, is_foreign=True)
            before = self._sightings[n] if self._sightings else None
            if now.is_ours and not is_sound(self._programs[n], before, now, elapsed_s=self._elapsed_s):
                seen[n] = replace(now, is_sound=False)
        return tuple(seen)

    def _with_who_is_inside(self, seen: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
        inside = self._traffic.slowest_inside_mps({n: s.phase for n, s in enumerate(seen) if s.is_ours and s.is_sound})
        return tuple(replace(s, slowest_inside_mps=inside[n]) if n in inside else s for n, s in enumerate(seen))

    def _since_engaged(self, n: int, now: Sighting) -> Sighting:
        """A stage that was taken over counts from then: SUMO goes on from when that phase last began, programs ago."""
        begun = self._engaged.get(n)
        if begun is None:
            return now
        stage, time_s = begun
        if not now.is_ours or now.phase != stage:
            del self._engaged[n]
            return now
        return replace(now, spent_s=min(now.spent_s, self._time_s() - time_s))

    def _shown(self, n: int) -> Sighting:
        return self._sightings[n]

    def _note(self, n: int, phase: int, program_id: str = PROGRAM_ID) -> None:
        """What is shown since our command, until the next reading confirms it."""
        own = self._programs[n].phases[phase].state if program_id == PROGRAM_ID else self._sightings[n].state
        now = Sighting(state=own, program=program_id, phase=phase, spent_s=0.0)
        self._sightings = (*self._sightings[:n], now, *self._sightings[n + 1 :])

    def _logic(self, program: StageProgram, stage: int) -> object:
        signal = self._connection.trafficlight
        phases = [
            signal.Phase(p.duration_s, p.state, p.duration_s, p.duration_s, (p.next,), f"stage {p.stage}")
            for p in program.phases
        ]
        return signal.Logic(PROGRAM_ID, STATIC, stage, phases)


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:5])
