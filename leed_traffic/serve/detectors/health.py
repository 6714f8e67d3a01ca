"""Health of the detectors: a table of six faults per lane, judged tick by tick; nothing is guessed in their place.

    missing        the lane's detectors report nothing
    out_of_range   negative, not finite, more queued than present, or more vehicles than the lane could hold
    stale          vehicles said to move, and none of them does
    stuck_on       vehicles present, none of them moves through so much green with a free exit
    stuck_off      nothing for so long while the intersection's other lanes have seen so many vehicles
    chattering     present, gone, present, gone: more changes a minute than traffic makes

A fault stands from the moment its condition has lasted, and goes when no condition has been met for `return_s`:
one good tick brings nothing back. Arrays are over the lanes of all intersections in turn, (L,).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.detectors.detection import (
    Array,
    Readings,
    SpanTable,
    Vehicles,
    capacity_veh,
    within_reach,
)
from leed_traffic.domain.network import Intersection

MOVING_MPS = 1.0  # m/s, above which a vehicle is somewhere else a second later
_STILL_M = 0.01  # m, below which nothing has moved


class SensingFault(IntEnum):
    """Faults of a lane's detectors; the worst is named first."""

    NONE = 0
    MISSING = 1
    OUT_OF_RANGE = 2
    STALE = 3
    STUCK_ON = 4
    STUCK_OFF = 5
    CHATTERING = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SensingLimits:
    """Limits from which on a reading is not believed."""

    missing_s: float = 2.0  # also for values out of range
    stale_s: float = 4.0
    stuck_on_green_s: float = 40.0  # s of green; a turn that has to yield counts a quarter
    stuck_off_s: float = 7200.0
    stuck_off_veh: float = 500.0  # on the other lanes meanwhile
    changes_per_min: float = 36.0
    full_factor: float = 2.5  # of the queued cars that fit: bicycles and motorcycles are shorter
    full_room_veh: float = 3.0
    return_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSample:
    """Sample of all lanes at one tick."""

    count_veh: Array  # NaN: missing
    queue_veh: Array
    moving_veh: Array  # faster than MOVING_MPS
    position_sum_m: Array  # of all vehicles seen: changes when anything moves
    green: Array  # 0 to 1, how far the lane has green now
    exit_is_free: NDArray[np.bool_]
    capacity_veh: Array
    others_veh: Array  # arrivals on the intersection's other lanes since the last tick


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneMemory:
    """Memory of the judge."""

    count_veh: Array
    position_sum_m: Array
    missing_s: Array
    odd_s: Array
    stale_s: Array
    still_green_s: Array
    empty_s: Array
    others_veh: Array
    changes: Array  # of a minute, older ones fading
    good_s: Array  # since the last condition was met
    fault: NDArray[np.intp]

    @classmethod
    def fresh(cls, n_lanes: int) -> "LaneMemory":
        """Return a memory with nothing seen and everything believed."""
        zeros = np.zeros(n_lanes)
        return cls(
            count_veh=np.full(n_lanes, math.nan), position_sum_m=np.full(n_lanes, math.nan),
            missing_s=zeros, odd_s=zeros, stale_s=zeros, still_green_s=zeros, empty_s=zeros, others_veh=zeros,
            changes=zeros,
            good_s=np.full(n_lanes, math.inf), fault=np.zeros(n_lanes, dtype=np.intp),
        )  # fmt: skip


def judge(memory: LaneMemory, sample: LaneSample, elapsed_s: float, limits: SensingLimits) -> LaneMemory:
    """The table: one more tick of all lanes. Pure; `fault` of the result is what stands now.

    Args:
        memory: before.
        sample: of this tick.
        elapsed_s: since the last tick.
        limits: from when on.
    """
    count = sample.count_veh
    before = memory.count_veh
    missing = np.isnan(count) | np.isnan(sample.queue_veh)
    with np.errstate(invalid="ignore"):
        too_many = count > limits.full_factor * sample.capacity_veh + limits.full_room_veh
        odd = ~missing & ((count < 0.0) | (sample.queue_veh < 0.0) | (sample.queue_veh > count + 1e-6) | too_many)
        same = (count == before) & (count > 0.0)
        still = same & (np.abs(sample.position_sum_m - memory.position_sum_m) < _STILL_M)
        changed = ((count > 0.0) != (before > 0.0)) & ~missing & ~np.isnan(before)
        empty = count == 0.0
    stale = still & (sample.moving_veh > 0.5)
    green_s = memory.still_green_s + sample.green * sample.exit_is_free * elapsed_s
    seen = replace(
        memory,
        count_veh=count,
        position_sum_m=sample.position_sum_m,
        missing_s=np.where(missing, memory.missing_s + elapsed_s, 0.0),
        odd_s=np.where(odd, memory.odd_s + elapsed_s, 0.0),
        stale_s=np.where(stale, memory.stale_s + elapsed_s, 0.0),
        still_green_s=np.where(still, green_s, 0.0),
        empty_s=np.where(empty, memory.empty_s + elapsed_s, 0.0),
        others_veh=np.where(empty, memory.others_veh + sample.others_veh, 0.0),
        changes=memory.changes * math.exp(-elapsed_s / 60.0) + changed,
    )
    return _with_fault(seen, _conditions(seen, limits), elapsed_s, limits)


def _conditions(seen: LaneMemory, limits: SensingLimits) -> NDArray[np.intp]:
    """(L,) the worst condition that is met now."""
    return np.select(
        [
            seen.missing_s >= limits.missing_s,
            seen.odd_s >= limits.missing_s,
            seen.stale_s >= limits.stale_s,
            seen.still_green_s >= limits.stuck_on_green_s,
            (seen.empty_s >= limits.stuck_off_s) & (seen.others_veh >= limits.stuck_off_veh),
            seen.changes >= limits.changes_per_min,
        ],
        [int(fault) for fault in SensingFault if fault],
        default=0,
    )


def _with_fault(seen: LaneMemory, now: NDArray[np.intp], elapsed_s: float, limits: SensingLimits) -> LaneMemory:
    good_s = np.where(now > 0, 0.0, seen.good_s + elapsed_s)
    fault = np.where(now > 0, now, np.where(good_s >= limits.return_s, 0, seen.fault))
    return replace(seen, good_s=good_s, fault=fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbelief:
    """Reason why an intersection's detectors are not believed."""

    fault: SensingFault
    lane: str
    number: int  # of the lane at its intersection, from 1


class DetectorJudge:
    """Judges the detectors of N intersections."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        reach_m: float,
        lane_index: dict[str, int],
        limits: SensingLimits | None = None,
    ) -> None:
        """Lay out the lanes.

        Args:
            intersections: N of them.
            reach_m: of the detectors.
            lane_index: position of every lane that is read.
            limits: from when on a reading is not believed.
        """
        self._intersections = tuple(intersections)
        self._limits = limits or SensingLimits()
        lanes = [(n, lane) for n, i in enumerate(intersections) for lane in i.lanes]
        spans = [(k, span) for k, (_, lane) in enumerate(lanes) for span in within_reach(lane, reach_m)]
        spans = [
            (k, span) for k, span in spans if span.lane in lane_index
        ]  # none where a site's own detectors are read
        self._table = SpanTable(spans, len(lanes), lane_index)
        self._row = np.array([n for n, _ in lanes], dtype=np.intp)
        self._names = [lane.id for _, lane in lanes]
        self._starts = np.searchsorted(self._row, np.arange(len(self._intersections) + 1)).tolist()
        self._capacity = np.array([capacity_veh(lane, reach_m) for _, lane in lanes])
        self._shares = [
            [i.lane_shares(s, permissive=0.25) for s in range(i.n_stages)] for i in self._intersections
        ]
        self._dark = [(0.0,) * i.n_lanes for i in self._intersections]
        self._reads: dict[int, list[int]] = {}  # lane read -> lanes of ours whose detectors stand there
        for k, span in spans:
            self._reads.setdefault(lane_index[span.lane], []).append(k)
        self._exit_lane, self._exit_row = self._exits()
        self._memory = LaneMemory.fresh(len(lanes))

    def mask(self, readings: Readings, missing: frozenset[int]) -> Readings:
        """The readings with NaN wherever a lane that was to be read is missing."""
        gone = sorted({k for lane in missing for k in self._reads.get(lane, ())})
        if not gone:
            return readings
        queue = readings.queue_veh.copy()
        count = readings.count_veh.copy()
        queue[gone] = count[gone] = math.nan
        return replace(readings, queue_veh=queue, count_veh=count)

    def judge(
        self,
        vehicles: Vehicles,
        readings: Readings,
        greens: Sequence[int | None],
        elapsed_s: float,
        marks: Array | None = None,
    ) -> list[Disbelief | None]:
        """(N,) what is not believed at each intersection, None where all is well.

        Args:
            vehicles: as read.
            readings: of the same moment, masked.
            greens: (N,) the stage that stands, None during a clearance.
            elapsed_s: since the last tick.
            marks: (L,) numbers that change when anything on a lane moves, where no vehicles are seen.
        """
        sample = self._sample(vehicles, readings, greens)
        if marks is not None:
            sample = replace(sample, position_sum_m=marks)
        self._memory = judge(self._memory, sample, elapsed_s, self._limits)
        faults = self._memory.fault
        found: list[Disbelief | None] = [None] * len(self._intersections)
        for k in np.flatnonzero(faults)[::-1]:  # the first lane's fault is the one that is named
            n = int(self._row[k])
            found[n] = Disbelief(
                fault=SensingFault(int(faults[k])), lane=self._names[k], number=int(k) - self._starts[n] + 1
            )
        return found

    def _sample(self, vehicles: Vehicles, readings: Readings, greens: Sequence[int | None]) -> LaneSample:
        moving = (vehicles.speed_mps > MOVING_MPS).astype(np.float64)
        n_moving, position = self._table.add_up(vehicles.key, [moving, vehicles.position_m])
        count = readings.count_veh
        arrived = np.nan_to_num(np.maximum(count - self._memory.count_veh, 0.0), nan=0.0, posinf=0.0)
        whole = np.bincount(self._row, weights=arrived, minlength=len(self._intersections))[self._row]
        green = [self._dark[n] if stage is None else self._shares[n][stage] for n, stage in enumerate(greens)]
        is_free = np.ones(len(self._names), dtype=bool)
        is_free[self._exit_lane[readings.exit_fill[self._exit_row] > 0.5]] = False
        return LaneSample(
            count_veh=count,
            queue_veh=readings.queue_veh,
            moving_veh=n_moving,
            position_sum_m=position,
            green=np.concatenate([np.array(row) for row in green]),
            exit_is_free=is_free,
            capacity_veh=self._capacity,
            others_veh=whole - arrived,
        )

    def _exits(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of an incoming lane and the reading of an exit that it leads to."""
        lanes: list[int] = []
        rows: list[int] = []
        first = 0
        for n, intersection in enumerate(self._intersections):
            own = {lane.id: self._starts[n] + k for k, lane in enumerate(intersection.lanes)}
            for m, movement in enumerate(intersection.vehicle_movements, first):
                if movement.from_lane in own:
                    lanes.append(own[movement.from_lane])
                    rows.append(m)
            first += len(intersection.vehicle_movements)
        return np.array(lanes, dtype=np.intp), np.array(rows, dtype=np.intp)
