"""Questions to SUMO while it simulates, over libsumo or over traci: the same calls, the same answers."""

import contextlib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol, TypeVar, TypeVarTuple

import numpy as np

from leed_traffic.domain.detectors.detection import QUEUE_SPEED_MPS, Array, Vehicles
from leed_traffic.domain.detectors.occupancy import inner_lanes
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.safety.program import PROGRAM_ID, StageProgram
from leed_traffic.errors import ScenarioError

T = TypeVar("T")
Args = TypeVarTuple("Args")
Sumo = Any  # the libsumo module or a traci connection: the same calls, without types
Crossings = Sequence[
    tuple[Sequence[str], str]
]  # per crossing the edges on which persons may wait, and its own edge
Call = tuple[Callable[..., Any], tuple[Any, ...]]  # a method of `Simulation`, and its arguments but for the first
_STOPPED = 1  # bit of a vehicle's stop state


class SumoError(ScenarioError):
    """SUMO refuses a call, or has ended."""


class Begin(NamedTuple):
    """Settings with which a simulation begins."""

    options: list[str]  # SUMO's command line without the program's name
    folder: str  # in which relative names are read
    begin_s: float  # of the scenario


class Failure(NamedTuple):
    """Stands where an answer would."""

    error: Exception
    is_last: bool = False  # the process has ended of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Readings of a decision step, all at once."""

    vehicles: Vehicles  # on the watched lanes
    phases: list[tuple[int, float]]  # of each signal, and the seconds spent in it
    persons: Array  # who wait before each crossing
    pending: list[str]  # the edge on which each vehicle waits to enter the net


class Simulation:
    """One that runs."""

    def __init__(self, sumo: Sumo, *, begin_s: float, over: str) -> None:
        """Stand before a simulation that has started.

        Args:
            sumo: see `Sumo`.
            begin_s: of its scenario.
            over: libsumo or traci.
        """
        self._sumo = sumo
        self._begin_s = begin_s
        self._over = over
        self._reader: _Reader
        self._entries: dict[str, str] = {}  # vehicle that waited to enter -> its first edge
        self._weights = CARS
        self._classes: dict[str, str] = {}  # of every vehicle met so far

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
        phase = lights.getPhase
        spent = lights.getSpentDuration
        return [(phase(name), spent(name)) for name in signal_ids]

    def watch_lanes(self, lanes: Sequence[str], weights: Weights = CARS) -> None:
        """Let `vehicles` report these lanes from now on, numbered in this order, and what each vehicle counts."""
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
        person = self._sumo.person
        on_edge = self._sumo.edge.getLastStepPersonIDs
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

    def look(self, signal_ids: Sequence[str], crossings: Crossings) -> Look:
        """Vehicles, phases, waiting persons and who waits to enter."""
        return Look(
            vehicles=self.vehicles(),
            phases=self.phases(signal_ids),
            persons=self.waiting(crossings),
            pending=self.pending(),
        )

    def priority_vehicles(self, classes: Collection[str]) -> list[PriorityVehicle]:
        """Vehicles of these classes on their way to a signal; who stands at a stop does not call."""
        vehicle = self._sumo.vehicle
        found = []
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
        loop = self._sumo.inductionloop
        since_begin_s = self.time_s - self._begin_s
        passed = [math.nan if name is None else loop.getIntervalVehicleNumber(name) for name in ids]
        covered = [
            math.nan if name is None else loop.getIntervalOccupancy(name) / 100.0 * since_begin_s for name in ids
        ]
        return np.array(passed, dtype=np.float64), np.array(covered, dtype=np.float64)

    def inner_lanes(self, signal_id: str) -> tuple[tuple[str, ...], ...]:
        """Per link of a signal the lanes inside the junction that its vehicles pass."""
        lane = self._sumo.lane
        links = self._sumo.trafficlight.getControlledLinks(signal_id)
        return inner_lanes(links, lambda via: next((link[4] for link in lane.getLinks(via)), ""))

    def any_slower(self, lanes: Sequence[str], speed_mps: float) -> bool:
        """Return whether a vehicle under this speed is on one of the lanes."""
        lane = self._sumo.lane
        vehicle = self._sumo.vehicle
        for name in lanes:
            if lane.getLastStepVehicleNumber(name) and any(
                vehicle.getSpeed(other) < speed_mps for other in lane.getLastStepVehicleIDs(name)
            ):
                return True
        return False

    def advance(self, until_s: float) -> None:
        """Simulate up to a time."""
        if until_s > self.time_s:
            self._sumo.simulationStep(until_s)

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
        """Number of vehicles in the net that have not moved for so long."""
        waits = self._sumo.vehicle.getWaitingTime
        return sum(waits(name) >= at_least_s for name in self._sumo.vehicle.getIDList())

    def close(self) -> None:
        """End the simulation; its outputs are complete after this."""
        self._sumo.close()

    def _weigh(self, name: str) -> float:
        kind = self._classes.get(name)
        if kind is None:
            kind = self._classes[name] = self._sumo.vehicle.getVehicleClass(name)
        return self._weights.by_class.get(kind, 1.0)


class Here:
    """A simulation that this process asks itself, told and asked like one in a process of its own."""

    def __init__(self, simulation: Simulation, faults: tuple[type[Exception], ...]) -> None:
        """Stand before a simulation.

        Args:
            simulation: that runs.
            faults: what SUMO's client raises when the simulation or the connection fails.
        """
        self._simulation = simulation
        self._faults = faults

    @property
    def time_s(self) -> float:
        """Simulated time."""
        return self._simulation.time_s

    def tell(self, order: Callable[[Simulation, *Args], None], *args: *Args) -> None:
        """Give an order."""
        self.ask(order, *args)

    def ask(self, question: Callable[[Simulation, *Args], T], *args: *Args) -> T:
        """Ask.

        Raises:
            SumoError: SUMO refuses, or has ended.
        """
        try:
            return question(self._simulation, *args)
        except self._faults as err:
            raise SumoError(first_line(str(err))) from err

    def first_error(self) -> str:
        """Nothing beyond what its answers say."""
        return ""

    def close(self) -> None:
        """End the simulation; its outputs are complete after this."""
        with contextlib.suppress(*self._faults):
            self._simulation.close()


_Weigh = Callable[[str], float]  # what a vehicle counts


class _Reader(Protocol):
    def read(self) -> Vehicles:
        """Vehicles on the watched lanes."""


class _DirectReader:
    """One call per lane and two per vehicle: in one process, cheaper than subscriptions."""

    def __init__(self, sumo: Sumo, lanes: Sequence[str], weigh: _Weigh | None) -> None:
        self._weigh = weigh
        self._lanes = tuple(lanes)
        self._numbers = np.arange(len(lanes))
        calls = (
            sumo._libsumo
        )  # what libsumo's Python functions call: hundreds of calls a decision, a sixth less time each
        self._ids = calls.lane_getLastStepVehicleIDs
        self._position = calls.vehicle_getLanePosition
        self._speed = calls.vehicle_getSpeed

    def read(self) -> Vehicles:
        """See `_Reader`."""
        by_lane = list(map(self._ids, self._lanes))
        names = list(chain.from_iterable(by_lane))
        return Vehicles(
            lane=np.repeat(self._numbers, list(map(len, by_lane))),
            position_m=np.fromiter(map(self._position, names), dtype=np.float64, count=len(names)),
            speed_mps=np.fromiter(map(self._speed, names), dtype=np.float64, count=len(names)),
            weight=None
            if self._weigh is None
            else np.array([self._weigh(name) for name in names], dtype=np.float64),
        )


class _SubscribedReader:
    """Lanes and vehicles are subscribed to: over TCP every call costs a round trip."""

    def __init__(self, sumo: Sumo, lanes: Sequence[str], weigh: _Weigh | None) -> None:
        import traci.constants as tc

        self._weigh = weigh
        self._sumo = sumo
        self._numbers = {lane: k for k, lane in enumerate(lanes)}
        self._ids = tc.LAST_STEP_VEHICLE_ID_LIST
        self._position = tc.VAR_LANEPOSITION
        self._speed = tc.VAR_SPEED
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


def first_line(text: str) -> str:
    """First line of SUMO's complaint."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return line.removeprefix("Error:").strip()
