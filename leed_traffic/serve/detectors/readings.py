"""Readings of a site's own detectors, where a controller sees no vehicles: zones by counts, loops by balance.

The device hands over one pair of numbers per detector id: of a zone or an exit the vehicles in it and those that
stand (at an exit: are slow), of a loop its two counters, vehicles that came onto it and seconds for which it was
covered.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from leed_traffic.domain.detectors.detection import BLOCKED_EXIT_M, Array, Detection, Readings, capacity_veh
from leed_traffic.domain.detectors.layout import Detector, DetectorKind, loops_by_lane, place_zones
from leed_traffic.domain.detectors.loops import LoopCounts, LoopMemory, balance, within_room
from leed_traffic.domain.detectors.sensing import Sensing, SensingKind, installed, loop_lanes
from leed_traffic.domain.network import JAM_SPACING_M, Intersection
from leed_traffic.serve.device.contract import Snapshot

Detected = Mapping[str, tuple[float, float]]
_NOTHING = (math.nan, math.nan)


def site_detectors(
    sensing: Sensing, intersections: Sequence[Intersection], reach_m: float
) -> tuple[Detector, ...]:
    """The detectors that are read; where the file lists none, those that an installer would put there.

    Args:
        sensing: of the site.
        intersections: whose detectors.
        reach_m: of the policies' observation: no zone of ours is longer.
    """
    if sensing.kind is SensingKind.IDEAL:
        return ()
    ids = {i.id for i in intersections}
    if sensing.kind is SensingKind.LOOPS:
        kinds = {DetectorKind.STOP, DetectorKind.ADVANCE}
        every = installed(sensing, intersections).detectors
    else:
        kinds = {DetectorKind.ZONE, DetectorKind.EXIT} if sensing.sees_exits else {DetectorKind.ZONE}
        every = sensing.detectors or tuple(
            d for i in intersections for d in place_zones(i, sensing.seen_m(reach_m))
        )
    return tuple(d for d in every if d.signal in ids and d.kind in kinds)


class FieldDetectors:
    """Detectors of N intersections. Loops keep a balance: one object for each rhythm in which it is read."""

    def __init__(self, intersections: Sequence[Intersection], sensing: Sensing, reach_m: float) -> None:
        """Lay them out.

        Args:
            intersections: N of them.
            sensing: of the site.
            reach_m: of the policies' observation.
        """
        self._kind = sensing.kind
        self._detectors = site_detectors(sensing, intersections, reach_m)
        lanes = [(i.id, lane.id) for i in intersections for lane in i.lanes]
        self._lane = {key: k for k, key in enumerate(lanes)}
        exits = [
            (i.id, m.exit_span.lane if m.exit_span else "") for i in intersections for m in i.vehicle_movements
        ]
        self._exits: dict[tuple[str, str], list[int]] = {}
        for k, key in enumerate(exits):
            self._exits.setdefault(key, []).append(k)
        self._n_exits = len(exits)
        self._lane_starts = tuple(np.cumsum([0, *(i.n_lanes for i in intersections)]).tolist())
        self._movement_starts = tuple(np.cumsum([0, *(len(i.vehicle_movements) for i in intersections)]).tolist())
        pairs = loops_by_lane(intersections, self._detectors)
        self._stop = [stop for stop, _ in pairs]
        self._advance = [advance for _, advance in pairs]
        self._loop_lanes = loop_lanes(intersections, installed(sensing, intersections))
        self._memory, self._before = LoopMemory.fresh(len(lanes)), self._counts({})

    def measure(self, detected: Detected, elapsed_s: float) -> tuple[Readings, Array]:
        """Readings of this moment, and (L,) a number per lane that changes when anything there moves.

        Args:
            detected: by detector id; one that is missing is dead.
            elapsed_s: since the last call, or since the counters began.
        """
        if self._kind is SensingKind.LOOPS:
            return self._by_loops(detected, elapsed_s)
        count = np.zeros(len(self._lane))
        queue = np.zeros(len(self._lane))
        exit_count, slow, room = (
            np.full(self._n_exits, x) for x in (math.nan, math.nan, BLOCKED_EXIT_M / JAM_SPACING_M)
        )
        seen: set[int] = set()
        for zone in self._detectors:
            vehicles, standing = detected.get(zone.id, _NOTHING)
            for lane, share in zone.informs:
                if zone.kind is DetectorKind.EXIT:
                    for k in self._exits[zone.signal, lane]:
                        exit_count[k], slow[k] = vehicles, standing
                        room[k] = max(1.0, (zone.to_m - zone.from_m) / JAM_SPACING_M)
                else:
                    k = self._lane[zone.signal, lane]
                    seen.add(k)
                    count[k] += share * vehicles
                    queue[k] += share * standing
        unseen = sorted(set(self._lane.values()) - seen)
        count[unseen] = queue[unseen] = math.nan
        return self._readings(queue, count, exit_count, np.minimum(1.0, slow / room)), queue

    def _by_loops(self, detected: Detected, elapsed_s: float) -> tuple[Readings, Array]:
        now = self._counts(detected)
        self._memory = balance(self._memory, now.since(self._before), self._loop_lanes, elapsed_s)
        self._before = now
        unseen = np.full(self._n_exits, math.nan)
        readings = self._readings(self._memory.queue_veh, self._memory.count_veh, unseen, unseen)
        return readings, now.stop_passed_veh + np.nan_to_num(now.advance_passed_veh)

    def _counts(self, detected: Detected) -> LoopCounts:
        passed, covered_s = self._columns(self._stop, detected)
        arrived, behind_s = self._columns(self._advance, detected)
        return LoopCounts(
            stop_passed_veh=passed,
            stop_covered_s=covered_s,
            advance_passed_veh=arrived,
            advance_covered_s=behind_s,
        )

    @staticmethod
    def _columns(ids: Sequence[str | None], detected: Detected) -> tuple[Array, Array]:
        rows = np.array(
            [_NOTHING if name is None else detected.get(name, _NOTHING) for name in ids], dtype=np.float64
        )
        return rows[:, 0], rows[:, 1]

    def _readings(self, queue: Array, count: Array, exit_count: Array, exit_fill: Array) -> Readings:
        return Readings(
            queue_veh=queue, count_veh=count, exit_count_veh=exit_count, exit_fill=exit_fill,
            lane_starts=self._lane_starts, movement_starts=self._movement_starts,
        )  # fmt: skip


class DetectorReader(Protocol):
    """Turns snapshots into readings of the detectors."""

    def read_tick(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """Return the readings of a tick, and (L,) numbers that change when anything on a lane moves.

        The numbers are None where vehicles are seen.
        """

    def read_decision(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """Return what a policy sees at a decision, in the rhythm of training; `readings` are the tick's."""


class VehicleReader:
    """Reads the detectors that we lay out from the vehicles that a device reports."""

    def __init__(self, intersections: Sequence[Intersection], reach_m: float, lane_index: dict[str, int]) -> None:
        self._detection = Detection(intersections, reach_m, lane_index)

    def read_tick(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `DetectorReader`."""
        return self._detection.measure(snapshot.vehicles), None

    def read_decision(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `DetectorReader`."""
        return readings


class SiteDetectorReader:
    """Reads the zones and loops of a site; loops keep one balance a tick, and one a decision, as in training.

    The policies are told of no more vehicles than fit within their reach, as in training; an advance loop may lie
    farther out.
    """

    def __init__(self, intersections: Sequence[Intersection], sensing: Sensing, reach_m: float) -> None:
        self._street, self._policy = (FieldDetectors(intersections, sensing, reach_m) for _ in range(2))
        self._counts_loops = sensing.kind is SensingKind.LOOPS
        seen_m = sensing.seen_m(reach_m)
        self._room_veh = np.array([capacity_veh(lane, seen_m) for i in intersections for lane in i.lanes])

    def read_tick(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `DetectorReader`."""
        return self._street.measure(snapshot.detected, elapsed_s)

    def read_decision(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `DetectorReader`."""
        seen = self._policy.measure(snapshot.detected, elapsed_s)[0]
        if not self._counts_loops:
            return seen
        count, queue = within_room(seen.count_veh, seen.queue_veh, self._room_veh)
        return replace(seen, count_veh=count, queue_veh=queue)


def open_detectors(
    intersections: Sequence[Intersection], sensing: Sensing, *, reach_m: float, lane_index: dict[str, int]
) -> DetectorReader:
    """Open the detectors that fit a site's sensing."""
    if sensing.kind is SensingKind.IDEAL:
        return VehicleReader(intersections, reach_m, lane_index)
    return SiteDetectorReader(intersections, sensing, reach_m)
