"""SUMO as this package uses it: the one file that knows libsumo, and traci for simulating.

`Engine` runs one simulation at a time, in this process (libsumo) or in a SUMO of its own over TCP (traci). libsumo holds one
simulation per process.
"""

import contextlib
import io
import math
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, Protocol

import numpy as np

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.detection import QUEUE_SPEED_MPS, Array, Vehicles
from leed_traffic.domain.occupancy import inner_lanes
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.program import PROGRAM_ID, StageProgram
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.additional_files import silenced
from leed_traffic.simulation.own_program import PROGRAMS_NAME
from leed_traffic.simulation.sumo_options import sumo_options
from leed_traffic.simulation.sumo_server import END_WAIT_S, HOST, first_error, first_line, free_port, start_process, stop_server

Sumo = Any  # the libsumo module or a traci connection: the same calls, without types
_STOPPED = 1  # bit of a vehicle's stop state
_CONNECT_TRIES, _BETWEEN_TRIES_S = 600, 0.1  # a large net takes its time to load


class _NotRunning:
    """Stands where a simulation would."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ValueError("no simulation is running; start the engine first (libsumo holds one simulation per process)")


_NOT_RUNNING = _NotRunning()


def sumo_version() -> str:
    """The version of the SUMO that simulates, such as 1.28.0."""
    _, text = _import_libsumo().simulation.getVersion()
    return str(text).removeprefix("SUMO").strip()


class Engine:
    """One simulation at a time, driven signal by signal."""

    _in_process: ClassVar["Engine | None"] = None  # libsumo's functions all mean the one simulation of this process

    def __init__(self, over: Literal["libsumo", "traci"] = "libsumo") -> None:
        """Nothing starts before `start`.

        Args:
            over: libsumo (in this process, fast) or traci (a SUMO of its own over TCP).
        """
        self._over = over
        self._sumo: Sumo = _NOT_RUNNING
        self._server: subprocess.Popen[bytes] | None = None
        self._reader: _Reader = _NOT_RUNNING
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._begin_s = 0.0
        self._entries: dict[str, str] = {}  # vehicle that waited to enter -> its first edge
        self._weights = CARS
        self._classes: dict[str, str] = {}  # of every vehicle met so far

    def start(
        self,
        scenario: Scenario,
        *,
        seed: int,
        route_files: Sequence[Path],
        record: Path | None = None,
        additional_files: Sequence[Path] = (),
        audit: bool = False,
    ) -> None:
        """Begin a scenario; one that is running ends first, over libsumo that of any other engine in this process, too.

        Args:
            scenario: net, hour and options.
            seed: of SUMO's drivers.
            route_files: the demand.
            record: folder for the outputs that `metrics.read_score` reads; complete after `close`.
            additional_files: beside those of the scenario.
            audit: record the state of every signal at every step, too.

        Raises:
            ScenarioError: SUMO refuses a file; its first line is passed on.
        """
        self.close()
        self._files = tempfile.TemporaryDirectory(prefix="leed-additional-")
        has_programs = any(path.name == PROGRAMS_NAME for path in additional_files)
        scenario, route_files = silenced(scenario, route_files, Path(self._files.name), has_programs=has_programs)
        self._begin_s, self._classes = scenario.begin_s, {}
        options = sumo_options(
            scenario, seed=seed, route_files=route_files, record=record, additional_files=additional_files, audit=audit
        )
        if self._over == "libsumo":
            if Engine._in_process is not None:
                Engine._in_process.close()
            self._sumo, Engine._in_process = _import_libsumo(), self
            try:
                self._sumo.start(["sumo", *options])
            except self._faults as err:
                self.close()
                raise ScenarioError(f"{scenario.name}: SUMO does not start: {first_line(str(err))}") from err
        else:
            self._connect(scenario, options)

    def install(self, program: StageProgram, initial_phase: int) -> None:
        """Give a signal a stage program and let it begin at a phase."""
        lights = self._sumo.trafficlight
        phases = [lights.Phase(p.duration_s, p.state, -1.0, -1.0, (p.next,)) for p in program.phases]
        lights.setProgramLogic(program.intersection, lights.Logic(PROGRAM_ID, 0, initial_phase, phases))
        lights.setProgram(program.intersection, PROGRAM_ID)
        lights.setPhase(program.intersection, initial_phase)

    def jump(self, signal_id: str, phase: int) -> None:
        """Go to a phase now; its own duration runs from here."""
        self._sumo.trafficlight.setPhase(signal_id, phase)

    def hold(self, signal_id: str, seconds: float) -> None:
        """Let the phase that stands end so many seconds from now."""
        self._sumo.trafficlight.setPhaseDuration(signal_id, seconds)

    def phases(self, signal_ids: Sequence[str]) -> list[tuple[int, float]]:
        """The phase of each signal, and the seconds spent in it."""
        lights = self._sumo.trafficlight
        phase, spent = lights.getPhase, lights.getSpentDuration
        return [(phase(name), spent(name)) for name in signal_ids]

    def watch_lanes(self, lanes: Sequence[str], weights: Weights = CARS) -> None:
        """From now on `vehicles` reports these lanes, numbered in this order, and what each vehicle counts."""
        self._weights = weights
        weigh = self._weigh if weights.classes else None
        reader = _DirectReader if self._over == "libsumo" else _SubscribedReader
        self._reader = reader(self._sumo, lanes, weigh)

    def vehicles(self) -> Vehicles:
        """All vehicles on the watched lanes after the last step."""
        return self._reader.read()

    def waiting(self, crossings: Sequence[tuple[Sequence[str], str]]) -> Array:
        """Persons who stand before each crossing and mean to go over it.

        Args:
            crossings: per crossing the edges on which they may wait, and its own edge.
        """
        person, on_edge = self._sumo.person, self._sumo.edge.getLastStepPersonIDs
        return np.array(
            [
                sum(
                    person.getNextEdge(name) == crossing and person.getSpeed(name) < QUEUE_SPEED_MPS
                    for area in areas
                    for name in on_edge(area)
                )
                for areas, crossing in crossings
            ],
            dtype=np.float64,
        )

    def _weigh(self, name: str) -> float:
        kind = self._classes.get(name)
        if kind is None:
            kind = self._classes[name] = self._sumo.vehicle.getVehicleClass(name)
        return self._weights.by_class.get(kind, 1.0)

    def callers(self, classes: Collection[str]) -> list[PriorityVehicle]:
        """Vehicles of these classes on their way to a signal; who stands at a stop does not call."""
        vehicle, found = self._sumo.vehicle, []
        for name in vehicle.getIDList():
            kind = self._classes.get(name)
            if kind is None:
                kind = self._classes[name] = vehicle.getVehicleClass(name)
            if kind in classes and not vehicle.getStopState(name) & _STOPPED:
                for signal_id, link, distance_m, _letter in vehicle.getNextTLS(name)[:1]:
                    found.append(PriorityVehicle(signal=signal_id, link=link, distance_m=distance_m, kind=kind))
        return found

    def loops(self, ids: Sequence[str | None]) -> tuple[Array, Array]:
        """Vehicles that came onto each loop since the simulation began, and the seconds it was covered; NaN without a loop."""
        loop, since_begin_s = self._sumo.inductionloop, self.time_s - self._begin_s
        passed = [math.nan if name is None else loop.getIntervalVehicleNumber(name) for name in ids]
        covered = [math.nan if name is None else loop.getIntervalOccupancy(name) / 100.0 * since_begin_s for name in ids]
        return np.array(passed, dtype=np.float64), np.array(covered, dtype=np.float64)

    def inner_lanes(self, signal_id: str) -> tuple[tuple[str, ...], ...]:
        """Per link of a signal the lanes inside the junction that its vehicles pass."""
        lane = self._sumo.lane
        links = self._sumo.trafficlight.getControlledLinks(signal_id)
        return inner_lanes(links, lambda via: next((link[4] for link in lane.getLinks(via)), ""))

    def any_slower(self, lanes: Sequence[str], speed_mps: float) -> bool:
        """Whether a vehicle under this speed is on one of the lanes."""
        lane, vehicle = self._sumo.lane, self._sumo.vehicle
        for name in lanes:
            if lane.getLastStepVehicleNumber(name) and any(
                vehicle.getSpeed(other) < speed_mps for other in lane.getLastStepVehicleIDs(name)
            ):
                return True
        return False

    def advance(self, until_s: float) -> None:
        """Simulate up to a time.

        Raises:
            ScenarioError: SUMO meets a fault in the demand, or ends by itself.
        """
        if until_s <= self.time_s:
            return
        try:
            self._sumo.simulationStep(until_s)
        except self._faults as err:
            line = first_line(str(err))
            if self._server is not None:
                line = first_error(self._server) or line
            self.close()
            raise ScenarioError(f"SUMO stopped before {until_s:g} s: {line}") from err

    @property
    def time_s(self) -> float:
        """Simulated time, counted as the scenario counts it."""
        return float(self._sumo.simulation.getTime())

    def pending(self) -> list[str]:
        """The edge on which each vehicle waits to enter the net: the first of its route."""
        names = self._sumo.simulation.getPendingVehicles()
        for name in names:
            if name not in self._entries:
                self._entries[name] = self._sumo.vehicle.getRoute(name)[0]
        return [self._entries[name] for name in names]

    def standing(self, at_least_s: float) -> int:
        """How many vehicles in the net have not moved for so long."""
        waits = self._sumo.vehicle.getWaitingTime
        return sum(waits(name) >= at_least_s for name in self._sumo.vehicle.getIDList())

    def close(self) -> None:
        """End the simulation; its outputs are complete after this."""
        sumo, self._sumo, self._reader, self._entries = self._sumo, _NOT_RUNNING, _NOT_RUNNING, {}
        if sumo is not _NOT_RUNNING:
            with contextlib.suppress(*self._faults):
                sumo.close()
        if Engine._in_process is self:
            Engine._in_process = None
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(END_WAIT_S)
            stop_server(server)
        files, self._files = self._files, None
        if files is not None:
            files.cleanup()

    @property
    def _faults(self) -> tuple[type[BaseException], ...]:
        return _faults_of(self._over)

    def _connect(self, scenario: Scenario, options: Sequence[str]) -> None:
        import traci

        port = free_port()
        self._server = start_process([*options, "--remote-port", str(port)])
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints each try
                self._sumo = traci.connect(
                    port=port, numRetries=_CONNECT_TRIES, host=HOST, proc=self._server, waitBetweenRetries=_BETWEEN_TRIES_S
                )
            self._sumo.getVersion()  # a server reads its demand when the client is there: wait until it has
        except self._faults as err:
            line = first_error(self._server) or first_line(str(err))
            self.close()
            raise ScenarioError(f"{scenario.name}: SUMO does not start: {line}") from err


def _import_libsumo() -> Sumo:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints about pyarrow's version, on the stream that is for results
        import libsumo
    return libsumo


def _faults_of(over: str) -> tuple[type[BaseException], ...]:
    """What SUMO's client raises when the simulation or the connection fails."""
    if over == "libsumo":
        libsumo = _import_libsumo()
        return libsumo.TraCIException, libsumo.FatalTraCIError
    import traci

    return traci.TraCIException, traci.FatalTraCIError, OSError


_Weigh = Callable[[str], float]  # what a vehicle counts


class _Reader(Protocol):
    def read(self) -> Vehicles:
        """Every vehicle on the watched lanes."""


class _DirectReader:
    """One call per lane and two per vehicle: in one process, cheaper than subscriptions."""

    def __init__(self, sumo: Sumo, lanes: Sequence[str], weigh: _Weigh | None) -> None:
        self._weigh = weigh
        self._lanes, self._numbers = tuple(lanes), np.arange(len(lanes))
        calls = sumo._libsumo  # what libsumo's Python functions call: hundreds of calls a decision, a sixth less time each
        self._ids = calls.lane_getLastStepVehicleIDs
        self._position, self._speed = calls.vehicle_getLanePosition, calls.vehicle_getSpeed

    def read(self) -> Vehicles:
        """See `_Reader`."""
        by_lane = list(map(self._ids, self._lanes))
        names = list(chain.from_iterable(by_lane))
        return Vehicles(
            lane=np.repeat(self._numbers, list(map(len, by_lane))),
            position_m=np.fromiter(map(self._position, names), dtype=np.float64, count=len(names)),
            speed_mps=np.fromiter(map(self._speed, names), dtype=np.float64, count=len(names)),
            weight=None if self._weigh is None else np.array([self._weigh(name) for name in names], dtype=np.float64),
        )


class _SubscribedReader:
    """Lanes and vehicles are subscribed to: over TCP every call costs a round trip."""

    def __init__(self, sumo: Sumo, lanes: Sequence[str], weigh: _Weigh | None) -> None:
        import traci.constants as tc

        self._weigh = weigh
        self._sumo, self._numbers = sumo, {lane: k for k, lane in enumerate(lanes)}
        self._ids, self._position, self._speed = tc.LAST_STEP_VEHICLE_ID_LIST, tc.VAR_LANEPOSITION, tc.VAR_SPEED
        for lane in lanes:
            sumo.lane.subscribe(lane, (self._ids,))

    def read(self) -> Vehicles:
        """See `_Reader`."""
        on_lane = self._sumo.lane.getAllSubscriptionResults()
        known = self._sumo.vehicle.getAllSubscriptionResults()
        lanes: list[int] = []
        positions: list[float] = []
        speeds: list[float] = []
        weights: list[float] = []
        for lane, k in self._numbers.items():
            for name in on_lane[lane][self._ids]:
                values = known.get(name)
                if values is None:  # seen for the first time: the answer to a subscription holds the values of now
                    self._sumo.vehicle.subscribe(name, (self._position, self._speed))
                    values = self._sumo.vehicle.getSubscriptionResults(name)
                lanes.append(k)
                positions.append(values[self._position])
                speeds.append(values[self._speed])
                if self._weigh is not None:
                    weights.append(self._weigh(name))
        return Vehicles(
            lane=np.array(lanes, dtype=np.intp),
            position_m=np.array(positions, dtype=np.float64),
            speed_mps=np.array(speeds, dtype=np.float64),
            weight=None if self._weigh is None else np.array(weights, dtype=np.float64),
        )
