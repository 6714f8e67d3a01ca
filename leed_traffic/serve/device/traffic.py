"""Vehicles read over TraCI: on the lanes before the stop lines, and inside the junctions.

The connection is the device's; `import traci` stays there. A vehicle is followed from the approach on: who is
inside a junction costs a word per vehicle and no question.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.detectors.occupancy import InnerLanes, inner_lanes, lanes_to_clear
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.device.traci_batch import TraciBatch


class Traffic:
    """Vehicles by lane; without lanes nobody is followed, and nothing is known of the inside of a junction."""

    def __init__(self, signals: Sequence[str], lanes: Sequence[str]) -> None:
        """Note what to read; nothing is read before `open`.

        Args:
            signals: (N,) ids.
            lanes: to read vehicles from; none where a site's own detectors are read.
        """
        self.lane_index = {lane: k for k, lane in enumerate(lanes)}
        self.blind: frozenset[int] = frozenset()  # signals of which nobody sees the inside
        self._signals = tuple(signals)
        self._inner: tuple[InnerLanes, ...] = ()
        self._to_clear: list[dict[int, tuple[str, ...]]] = []
        self._connection: Any = None
        self._tc: Any = None

    def open(self, connection: Any, constants: Any, refusal: type[Exception]) -> None:  # noqa: ANN401  # traci ships no types
        """Find the lanes inside the junctions, subscribe to those that are read.

        Args:
            connection: of the device.
            constants: of traci.
            refusal: what the connection raises about a vehicle that has just left, or a question that it does not
                know.
        """
        self._connection = connection
        self._tc = constants
        self._refusal = refusal
        tc = constants
        self._inner = tuple(self._inner_lanes(id_) for id_ in self._signals)
        self.blind = frozenset(n for n, inner in enumerate(self._inner) if not (any(inner) and self.lane_index))
        self._followed = [
            tc.VAR_LANEPOSITION,
            tc.VAR_SPEED,
            *([tc.VAR_LANE_ID] if any(map(any, self._inner)) else []),
        ]
        batch = TraciBatch(connection)
        for lane in self.lane_index:
            batch.subscribe(connection.lane, lane, [tc.LAST_STEP_VEHICLE_ID_LIST])
        batch.granted()

    def lay_out(self, programs: Sequence[StageProgram]) -> None:
        """Lay out the lanes that must be clear at the end of each phase; (N,) programs."""
        self._to_clear = [lanes_to_clear(p, inner) for p, inner in zip(programs, self._inner, strict=True)]

    def vehicles(self) -> tuple[Vehicles, frozenset[int]]:
        """All vehicles on the lanes read, and the lanes of which nothing was heard."""
        tc = self._tc
        known = self._connection.vehicle.getAllSubscriptionResults()
        lists = self._connection.lane.getAllSubscriptionResults()
        self._follow(
            [
                name
                for values in lists.values()
                for name in values[tc.LAST_STEP_VEHICLE_ID_LIST]
                if name not in known
            ]
        )
        rows: list[tuple[int, float, float]] = []
        missing = []
        for lane, k in self.lane_index.items():
            if lane not in lists:
                missing.append(k)
                continue
            for vehicle in lists[lane][tc.LAST_STEP_VEHICLE_ID_LIST]:
                if values := known.get(vehicle):  # else it has left the net within this step
                    rows.append((k, values[tc.VAR_LANEPOSITION], values[tc.VAR_SPEED]))
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
        vehicles = Vehicles(lane=table[:, 0].astype(np.intp), position_m=table[:, 1], speed_mps=table[:, 2])
        return vehicles, frozenset(missing)

    def slowest_inside_mps(self, phases: Mapping[int, int]) -> dict[int, float | None]:
        """Read the slowest vehicle on the links that are red, of each signal in the last phase of a clearance.

        Args:
            phases: of the signals that run our program.

        Returns:
            By signal; infinite: nobody is inside, None: nothing sees the inside there, at any time.
        """
        found: dict[int, float | None] = dict.fromkeys(self.blind)
        red = {
            n: lanes for n, phase in phases.items() if n not in found and (lanes := self._to_clear[n].get(phase))
        }
        if not red:
            return found
        slowest: dict[str, float] = {}
        for values in self._connection.vehicle.getAllSubscriptionResults().values():
            if (lane := values.get(self._tc.VAR_LANE_ID)) is not None:
                slowest[lane] = min(slowest.get(lane, math.inf), values[self._tc.VAR_SPEED])
        for n, lanes in red.items():
            found[n] = min(slowest.get(lane, math.inf) for lane in lanes)
        return found

    def _inner_lanes(self, id_: str) -> InnerLanes:
        """List the lanes inside the junction per link; nothing where the server does not know them."""
        lane = self._connection.lane
        links = self._connection.trafficlight.getControlledLinks(id_)
        try:
            return inner_lanes(links, lambda via: next((link[4] for link in lane.getLinks(via)), ""))
        except self._refusal:
            return ((),) * len(links)

    def _follow(self, vehicles: Sequence[str]) -> None:
        """Subscribe to vehicles seen for the first time, in one message; the answer brings their values."""
        batch = TraciBatch(self._connection)
        for vehicle in vehicles:
            batch.subscribe(self._connection.vehicle, vehicle, self._followed)
        batch.send()
