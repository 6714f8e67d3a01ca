"""Detectors at the stop lines: vehicles on lanes, counted by stretch of lane.

The simulator and the TraCI device both hand over `Vehicles`; the counting has one home, here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.network import JAM_SPACING_M, Intersection, Lane, Span

Array = NDArray[np.float64]

QUEUE_SPEED_MPS = 0.1  # m/s, below which a vehicle stands in a queue (SUMO's halting speed)
BLOCKED_SPEED_MPS = 3.0  # m/s, below which a vehicle on the exit lane blocks it
BLOCKED_EXIT_M = 60.0  # m of the exit lane that must be free for a stage to be worth its green
_LANE_KEY_M = 1e6  # m, longer than any lane: sorts vehicles by lane, then by position


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicles:
    """Vehicles on the lanes that are read, given in any order, kept by lane and then by position."""

    lane: NDArray[np.intp]  # (V,) index into the lanes read
    position_m: Array  # (V,) along the lane
    speed_mps: Array  # (V,)
    weight: Array | None = None  # (V,) what each counts, in cars; None: one each
    key: Array = field(init=False)  # (V,) the number by which they are sorted

    def __post_init__(self) -> None:
        key = self.lane * _LANE_KEY_M + self.position_m
        order = np.argsort(key, kind="stable")
        object.__setattr__(self, "key", key[order])
        for name in ("lane", "position_m", "speed_mps"):
            object.__setattr__(self, name, getattr(self, name)[order])
        if self.weight is not None:
            object.__setattr__(self, "weight", self.weight[order])


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReadings:
    """Readings of one intersection's detectors; NaN where a detector is dead."""

    queue_veh: Array  # (L,) vehicles under 0.1 m/s within reach
    count_veh: Array  # (L,) vehicles within reach
    exit_count_veh: Array  # (M,) vehicles within reach on the exit lane of each vehicle movement
    exit_fill: Array  # (M,) share of the exit lane's first 60 m that vehicles under 3 m/s fill, 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Readings of the detectors of N intersections, one after the other."""

    queue_veh: Array
    count_veh: Array
    exit_count_veh: Array
    exit_fill: Array
    lane_starts: tuple[int, ...]  # (N + 1,)
    movement_starts: tuple[int, ...]  # (N + 1,)

    def of(self, n: int) -> LocalReadings:
        """The readings of the n-th intersection."""
        lanes = slice(self.lane_starts[n], self.lane_starts[n + 1])
        movements = slice(self.movement_starts[n], self.movement_starts[n + 1])
        return LocalReadings(
            queue_veh=self.queue_veh[lanes],
            count_veh=self.count_veh[lanes],
            exit_count_veh=self.exit_count_veh[movements],
            exit_fill=self.exit_fill[movements],
        )


def within_reach(lane: Lane, reach_m: float) -> tuple[Span, ...]:
    """The spans of a lane cut to a reach upstream of its stop line, in m."""
    spans = []
    for span in lane.spans:
        seen_m = min(span.to_m - span.from_m, reach_m - span.distance_m)
        if seen_m > 0.0:
            spans.append(_cut(span, span.to_m - seen_m, span.to_m))
    return tuple(spans)


def capacity_veh(lane: Lane, reach_m: float) -> float:
    """Return the number of queued vehicles that fit within reach: at least one."""
    return max(
        1.0, sum(span.share * (span.to_m - span.from_m) for span in within_reach(lane, reach_m)) / JAM_SPACING_M
    )


def lanes_to_read(intersections: Sequence[Intersection], reach_m: float) -> tuple[str, ...]:
    """Lanes that any detector of these intersections covers, sorted."""
    lanes = {span.lane for i in intersections for lane in i.lanes for span in within_reach(lane, reach_m)}
    exits = {m.exit_span.lane for i in intersections for m in i.vehicle_movements if m.exit_span}
    return tuple(sorted(lanes | exits))


class SpanTable:
    """Sums over stretches of lanes, added up by target: the arithmetic behind every detector."""

    def __init__(self, spans: Sequence[tuple[int, Span]], n_targets: int, lane_index: dict[str, int]) -> None:
        """Spans as (target, span); every span's lane must be in `lane_index`."""
        lane = np.array([lane_index[s.lane] for _, s in spans], dtype=np.float64) * _LANE_KEY_M
        self._low = lane + np.array([s.from_m for _, s in spans])
        self._high = lane + np.array([s.to_m for _, s in spans])
        self._share = np.array([s.share for _, s in spans], dtype=np.float64)
        self._target = np.array([target for target, _ in spans], dtype=np.intp)
        self._n_targets = n_targets

    def add_up(self, keys: Array, values: Sequence[Array]) -> list[Array]:
        """Sum each array of vehicle values by target: (n_targets,) share-weighted.

        Args:
            keys: (V,) sorted, of `Vehicles`.
            values: arrays (V,) in the same order.
        """
        low = np.searchsorted(keys, self._low, "left")
        high = np.searchsorted(keys, self._high, "right")
        sums: list[Array] = []
        for value in values:
            running = np.zeros(len(value) + 1)
            np.cumsum(value, out=running[1:])
            weights = (running[high] - running[low]) * self._share
            total: Array = np.bincount(self._target, weights=weights, minlength=self._n_targets).astype(np.float64)
            sums.append(total)
        return sums


class Detection:
    """Detectors of N intersections: each lane's detector reaches upstream as far as its intersection's reach."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        reach_m: float | Sequence[float],
        lane_index: dict[str, int],
        *,
        is_weighted: bool = False,
    ) -> None:
        """Lay out the detectors.

        Args:
            intersections: N of them.
            reach_m: for all, or (N,).
            lane_index: position of every lane that is read.
            is_weighted: vehicles count what they weigh, but for the room that they take at an exit.
        """
        n = len(intersections)
        self._is_weighted = is_weighted
        reaches = [float(reach_m)] * n if isinstance(reach_m, (int, float)) else list(reach_m)
        lanes: list[tuple[int, Span]] = []
        exits: list[tuple[int, Span]] = []
        mouths: list[tuple[int, Span]] = []
        lane_starts = [0]
        movement_starts = [0]
        exit_length = []
        for intersection, reach in zip(intersections, reaches, strict=True):
            for k, lane in enumerate(intersection.lanes, lane_starts[-1]):
                lanes += [(k, span) for span in within_reach(lane, reach)]
            for k, movement in enumerate(intersection.vehicle_movements, movement_starts[-1]):
                span = movement.exit_span
                if span is not None:
                    exits.append((k, _cut(span, 0.0, min(span.to_m, reach))))
                    mouths.append((k, _cut(span, 0.0, min(span.to_m, BLOCKED_EXIT_M))))
                exit_length.append(min(span.to_m, BLOCKED_EXIT_M) if span else BLOCKED_EXIT_M)
            lane_starts.append(lane_starts[-1] + intersection.n_lanes)
            movement_starts.append(movement_starts[-1] + len(intersection.vehicle_movements))
        self._lane_starts = tuple(lane_starts)
        self._movement_starts = tuple(movement_starts)
        n_lanes = lane_starts[-1]
        n_exits = movement_starts[-1]
        exits = [(n_lanes + k, span) for k, span in exits]
        mouths = [(n_lanes + n_exits + k, span) for k, span in mouths]
        self._table = SpanTable([*lanes, *exits, *mouths], n_lanes + 2 * n_exits, lane_index)  # one pass for all
        self._mouth_room = np.maximum(1.0, np.array(exit_length, dtype=np.float64) / JAM_SPACING_M)

    def measure(self, vehicles: Vehicles) -> Readings:
        """Read the detectors for these vehicles."""
        speed = vehicles.speed_mps
        flags = (speed < QUEUE_SPEED_MPS, np.ones(len(speed), dtype=bool), speed < BLOCKED_SPEED_MPS)
        halting, present, slow = (flag.astype(np.float64) for flag in flags)
        if self._is_weighted and vehicles.weight is not None:
            halting = halting * vehicles.weight
            present = vehicles.weight
        halting, present, slow = self._table.add_up(vehicles.key, [halting, present, slow])
        n_lanes = self._lane_starts[-1]
        n_exits = self._movement_starts[-1]
        return Readings(
            queue_veh=halting[:n_lanes],
            count_veh=present[:n_lanes],
            exit_count_veh=present[n_lanes : n_lanes + n_exits],
            exit_fill=np.minimum(1.0, slow[n_lanes + n_exits :] / self._mouth_room),
            lane_starts=self._lane_starts,
            movement_starts=self._movement_starts,
        )


def _cut(span: Span, from_m: float, to_m: float) -> Span:
    return Span(lane=span.lane, from_m=from_m, to_m=to_m, distance_m=span.distance_m, share=span.share)
