"""Sensors beside the road, read over TraCI: a site's detectors, vehicles that call for priority, persons.

The connection is the device's; `import traci` stays there. In front of real signals a gateway offers the same ids.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from leed_traffic.domain.detectors.detection import QUEUE_SPEED_MPS
from leed_traffic.domain.detectors.layout import LOOPS, Detector
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.road_users import Crossing
from leed_traffic.errors import MismatchError
from leed_traffic.serve.device.traci_batch import TraciBatch

_STOPPED = 1  # bit of a vehicle's stop state


class Roadside:
    """Detectors by id and vehicles that call by class; without either nothing is subscribed to or read."""

    def __init__(self, detectors: Sequence[Detector], priority_classes: frozenset[str]) -> None:
        self._loops = [d.id for d in detectors if d.kind in LOOPS]
        self._zones = [d.id for d in detectors if d.kind not in LOOPS]
        self._priority_classes = priority_classes
        self._crossings: tuple[Crossing, ...] = ()
        self._begin_s = 0.0  # when the loops' counters began
        self._classes: dict[str, str] = {}  # of the vehicles that are there
        self._connection: Any = None
        self._tc: Any = None

    def open(self, connection: Any, constants: Any, where: str) -> None:  # noqa: ANN401  # traci ships no types
        """Check that every detector is there, subscribe to all.

        Raises:
            MismatchError: a detector is missing.
        """
        self._connection = connection
        self._tc = constants
        tc = constants
        for domain, ids in ((connection.inductionloop, self._loops), (connection.lanearea, self._zones)):
            known = set(domain.getIDList()) if ids else set()
            if missing := [name for name in ids if name not in known]:
                raise MismatchError(
                    f"{where}: has no detector {missing[0]} ({len(missing)} of {len(ids)} are missing); load "
                    "the additional file that `leedctl scenario detectors` wrote"
                )
        if self._loops:
            self._begin_s = float(connection.simulation.getOption("begin"))
        batch = TraciBatch(connection)
        for name in self._loops:
            batch.subscribe(connection.inductionloop, name, [tc.VAR_INTERVAL_NUMBER, tc.VAR_INTERVAL_OCCUPANCY])
        for name in self._zones:
            batch.subscribe(
                connection.lanearea, name, [tc.LAST_STEP_VEHICLE_NUMBER, tc.LAST_STEP_VEHICLE_HALTING_NUMBER]
            )
        batch.granted()
        if self._priority_classes:
            connection.vehicle.subscribe("", [tc.TRACI_ID_LIST])

    def detected(self, time_s: float) -> dict[str, tuple[float, float]]:
        """Read of a loop its counters (vehicles, seconds covered), of a zone its vehicles and those that stand."""
        tc = self._tc
        found = {}
        for name, values in self._results(self._connection.inductionloop, self._loops):
            covered_s = values[tc.VAR_INTERVAL_OCCUPANCY] / 100.0 * (time_s - self._begin_s)
            found[name] = float(values[tc.VAR_INTERVAL_NUMBER]), covered_s
        for name, values in self._results(self._connection.lanearea, self._zones):
            found[name] = (
                float(values[tc.LAST_STEP_VEHICLE_NUMBER]),
                float(values[tc.LAST_STEP_VEHICLE_HALTING_NUMBER]),
            )
        return found

    def priority_vehicles(self) -> tuple[PriorityVehicle, ...]:
        """Vehicles of the priority classes on their way to a signal; who stands at a stop does not call."""
        if not self._priority_classes:
            return ()
        tc = self._tc
        vehicle = self._connection.vehicle
        there = vehicle.getSubscriptionResults("")[tc.TRACI_ID_LIST]
        new = [name for name in there if name not in self._classes]
        kinds = dict(zip(new, self._asked(vehicle, [(tc.VAR_VEHICLECLASS, name) for name in new]), strict=True))
        known = self._classes | {name: kind for name, kind in kinds.items() if kind is not None}
        self._classes = {name: known[name] for name in there if name in known}
        candidates = [name for name, kind in self._classes.items() if kind in self._priority_classes]
        answers = self._asked(
            vehicle, [(variable, name) for name in candidates for variable in (tc.VAR_STOPSTATE, tc.VAR_NEXT_TLS)]
        )
        found = []
        for name, stop, ahead in zip(candidates, answers[::2], answers[1::2], strict=True):
            if stop is not None and not stop & _STOPPED:  # None: it has just left
                for signal, link, distance_m, _letter in (ahead or ())[:1]:
                    kind = self._classes[name]
                    found.append(PriorityVehicle(signal=signal, link=link, distance_m=distance_m, kind=kind))
        return tuple(found)

    def watch_crossings(self, crossings: Sequence[Crossing], refusal: type[Exception], where: str) -> None:
        """Subscribe to the persons in every area where one waits.

        Args:
            crossings: at which persons are counted from now on.
            refusal: what the connection raises where something is not there.
            where: the server, for messages.

        Raises:
            MismatchError: an area or a crossing is not there, or nobody counts persons.
        """
        edge = self._connection.edge
        advice = "serve a bundle that was trained without weights for persons"
        known = set(edge.getIDList())
        needed = list(dict.fromkeys(e for areas, own in crossings for e in (*areas, own)))
        if missing := [name for name in needed if name not in known]:
            raise MismatchError(
                f"{where}: has no {missing[0]}, at which the policies see persons waiting; {advice}"
            )
        try:
            for area in dict.fromkeys(area for areas, _ in crossings for area in areas):
                edge.subscribe(area, [self._tc.LAST_STEP_PERSON_ID_LIST])
        except refusal as err:
            raise MismatchError(
                f"{where}: tells of no persons, who are seen by the policies ({err}); {advice}"
            ) from err
        self._crossings = tuple(crossings)

    def persons(self) -> tuple[float, ...]:
        """Count the persons who stand before each crossing and mean to cross; NaN where no area is reported."""
        if not self._crossings:
            return ()
        tc = self._tc
        there = self._connection.edge.getAllSubscriptionResults()
        known = self._known_persons()
        waiting = [
            (a, name) for a, values in there.items() for name in values.get(tc.LAST_STEP_PERSON_ID_LIST, ())
        ]
        self._follow([name for _, name in waiting if name not in known])
        standing: Counter[tuple[str, str]] = Counter()
        for area, name in waiting:
            person = known.get(name)
            if person and person[tc.VAR_SPEED] < QUEUE_SPEED_MPS:
                standing[area, person[tc.VAR_NEXT_EDGE]] += 1
        return tuple(
            float(sum(standing[area, own] for area in areas)) if all(area in there for area in areas) else math.nan
            for areas, own in self._crossings
        )

    def _known_persons(self) -> dict[str, dict[int, Any]]:
        found: dict[str, dict[int, Any]] = self._connection.person.getAllSubscriptionResults()
        return found

    def _follow(self, persons: Sequence[str]) -> None:
        """Subscribe to persons seen for the first time, in one message; the answer brings the values."""
        batch = TraciBatch(self._connection)
        for person in persons:
            batch.subscribe(self._connection.person, person, [self._tc.VAR_NEXT_EDGE, self._tc.VAR_SPEED])
        batch.send()

    def _asked(self, domain: Any, questions: Sequence[tuple[int, str]]) -> list[Any]:  # noqa: ANN401
        """Answers to questions of one domain, in one message; None to one that was refused."""
        batch = TraciBatch(self._connection)
        for what, name in questions:
            batch.ask(domain, what, name)
        return [answer.value for answer in batch.send()]

    @staticmethod
    def _results(domain: Any, ids: Sequence[str]) -> list[tuple[str, dict[int, Any]]]:  # noqa: ANN401
        if not ids:
            return []
        results = domain.getAllSubscriptionResults()
        return [(name, results[name]) for name in ids if name in results]
