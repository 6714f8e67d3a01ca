"""How a controller sees: vehicles on lanes, as a simulator knows them, or the detectors that the site has."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from leed_traffic.domain.detection import Array, Detection, Readings, capacity_veh
from leed_traffic.domain.loops import within_room
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.sensing import Sensing, SensingKind
from leed_traffic.serve.device import Snapshot
from leed_traffic.serve.field_detectors import FieldDetectors


class Eyes(Protocol):
    """Turns snapshots into readings."""

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """Every tick: readings, and (L,) numbers that change when anything on a lane moves, where no vehicles are seen."""

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """At a decision, in the rhythm of training: what the policy sees; `readings` are those of the tick."""


class LaneEyes:
    """Sees vehicles."""

    def __init__(self, intersections: Sequence[Intersection], reach_m: float, lane_index: dict[str, int]) -> None:
        self._detection = Detection(intersections, reach_m, lane_index)

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `Eyes`."""
        return self._detection.measure(snapshot.vehicles), None

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `Eyes`."""
        return readings


class FieldEyes:
    """Sees what zones and loops report; loops keep one balance a tick, and one a decision, as in training.

    The policies are told of no more vehicles than fit within their reach, as in training; an advance loop may lie farther out.
    """

    def __init__(self, intersections: Sequence[Intersection], sensing: Sensing, reach_m: float) -> None:
        self._street, self._policy = (FieldDetectors(intersections, sensing, reach_m) for _ in range(2))
        self._counts_loops, seen_m = sensing.kind is SensingKind.LOOPS, sensing.seen_m(reach_m)
        self._room_veh = np.array([capacity_veh(lane, seen_m) for i in intersections for lane in i.lanes])

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `Eyes`."""
        return self._street.measure(snapshot.detected, elapsed_s)

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `Eyes`."""
        seen = self._policy.measure(snapshot.detected, elapsed_s)[0]
        if not self._counts_loops:
            return seen
        count, queue = within_room(seen.count_veh, seen.queue_veh, self._room_veh)
        return replace(seen, count_veh=count, queue_veh=queue)


def open_eyes(intersections: Sequence[Intersection], sensing: Sensing, *, reach_m: float, lane_index: dict[str, int]) -> Eyes:
    """The eyes that fit a site's sensing."""
    if sensing.kind is SensingKind.IDEAL:
        return LaneEyes(intersections, reach_m, lane_index)
    return FieldEyes(intersections, sensing, reach_m)
