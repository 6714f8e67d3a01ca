"""Queue and vehicles of a lane, estimated from two loops: no more than counts and occupancy at two points give.

Input-output counting between the advance loop and the stop loop, with b vehicles between them and p = 1 while one
stands on the stop loop (the store-and-forward balance; SCOOT's queue model is of this kind):

    b <- b + in - out              in, out: vehicles onto the advance and the stop loop since the last reading
    m <- m e^(-T/tau) + in (1 - e^(-T/tau)) tau / T        still under way: tau = d / v, arrivals spread over T
    n = b + p                      vehicles
    q = n - m                      who has come, had the time to arrive and has not left, stands

The balance drifts (lane changes, missed counts); it is corrected wherever a loop knows better:

    gap    the stop loop has been free for `GAP_S`: nobody stands, b = m
    full   the advance loop is covered: the queue stands back to it, n = q = what fits between the loops

A lane with a stop loop alone tells presence: n = q = p. Beyond the advance loop nothing is known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leed_traffic.domain.detectors.detection import Array
from leed_traffic.domain.network import JAM_SPACING_M

GAP_S = 4.0  # s without presence: longer than the headway of a queue that discharges (2 to 3 s)
COVERED = 0.8 - 1e-6  # share of an interval in which a loop is covered, above which somebody stands on it
NOBODY_VEH = 0.1  # of those under way: an exponential never ends by itself
FREE = 0.02 + 1e-6  # below which nobody was there


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCounts:
    """Counters of the stop and advance loops of L lanes, running on from any start; NaN: dead, or no such loop."""

    stop_passed_veh: Array
    stop_covered_s: Array
    advance_passed_veh: Array
    advance_covered_s: Array

    def since(self, before: "LoopCounts") -> "LoopCounts":
        """Return the counts since an earlier reading; a restarted counter's from 0, a revived one's from now."""
        names = self.__dataclass_fields__
        return LoopCounts(**{name: _grown(getattr(self, name), getattr(before, name)) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLanes:
    """Places of the loops of L lanes."""

    distance_m: Array  # (L,) from the stop line to the advance loop; NaN: there is none
    speed_mps: Array  # (L,) limit

    def __post_init__(self) -> None:
        if len(self.distance_m) != len(self.speed_mps) or not (self.speed_mps > 0.0).all():
            raise ValueError(
                f"need L distances and L speeds over 0, got {len(self.distance_m)} and {self.speed_mps}"
            )

    @property
    def room_veh(self) -> Array:
        """(L,) vehicles that fit between stop line and advance loop; one where there is a stop loop alone."""
        fits: Array = np.maximum(1.0, np.floor(np.nan_to_num(self.distance_m) / JAM_SPACING_M))
        return fits


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopMemory:
    """The balance of L lanes; NaN where a loop is dead."""

    between_veh: Array  # b
    moving_veh: Array  # m
    standing_veh: Array  # p
    free_s: Array  # since the stop loop was last covered

    @classmethod
    def fresh(cls, n_lanes: int) -> "LoopMemory":
        """An empty road."""
        zeros = np.zeros(n_lanes)
        return cls(between_veh=zeros, moving_veh=zeros, standing_veh=zeros, free_s=np.full(n_lanes, math.inf))

    @property
    def count_veh(self) -> Array:
        """(L,) n."""
        count: Array = self.between_veh + self.standing_veh
        return count

    @property
    def queue_veh(self) -> Array:
        """(L,) q."""
        queue: Array = np.maximum(self.count_veh - self.moving_veh, 0.0)
        return queue


def balance(memory: LoopMemory, seen: LoopCounts, lanes: LoopLanes, elapsed_s: float) -> LoopMemory:
    """Advance the balance of L lanes by one reading of their loops; see the module's head. Pure.

    Args:
        memory: before; a lane that was dead begins anew from what is known now.
        seen: counted since then.
        lanes: where the loops lie.
        elapsed_s: since then, T.
    """
    if elapsed_s <= 0.0:
        return memory
    covered = seen.stop_covered_s / elapsed_s
    standing = np.where(np.isnan(covered), math.nan, np.where(covered >= COVERED, 1.0, 0.0))
    free_s = np.where(covered <= FREE, memory.free_s + elapsed_s, 0.0)
    # m <- m e^(-T/tau) + in (1 - e^(-T/tau)) tau / T
    has_advance = ~np.isnan(lanes.distance_m)
    tau_s = np.where(has_advance, lanes.distance_m, 1.0) / lanes.speed_mps
    fades = np.exp(-elapsed_s / tau_s)
    moving = np.nan_to_num(memory.moving_veh) * fades + seen.advance_passed_veh * (1.0 - fades) * tau_s / elapsed_s
    # b <- b + in - out
    between = np.maximum(np.nan_to_num(memory.between_veh) + seen.advance_passed_veh - seen.stop_passed_veh, 0.0)
    moving = np.where(moving < NOBODY_VEH, 0.0, moving)
    between = np.where(
        free_s >= GAP_S, np.minimum(between, moving), np.minimum(between, lanes.room_veh - standing)
    )  # gap
    is_full = seen.advance_covered_s / elapsed_s >= COVERED
    between = np.where(is_full, lanes.room_veh - standing, between)  # full
    moving = np.where(is_full, 0.0, np.minimum(moving, between))
    presence = np.where(covered > FREE, 1.0, standing)
    return LoopMemory(
        between_veh=np.where(has_advance, between, 0.0),
        moving_veh=np.where(has_advance, moving, 0.0),
        standing_veh=np.where(has_advance, standing, presence),
        free_s=free_s,
    )


def within_room(count_veh: Array, queue_veh: Array, room_veh: Array) -> tuple[Array, Array]:
    """(L,) vehicles and queue, no more of them than fit within the reach of whoever asks; NaN stays."""
    count = np.minimum(count_veh, room_veh)
    return count, np.minimum(queue_veh, count)


def lanes_of(distances_m: Sequence[float | None], speeds_mps: Sequence[float]) -> LoopLanes:
    """Make the places of the loops from (L,) distances of the advance loops, None where there is none."""
    return LoopLanes(
        distance_m=np.array([math.nan if d is None else d for d in distances_m], dtype=np.float64),
        speed_mps=np.array(speeds_mps, dtype=np.float64),
    )


def _grown(now: Array, before: Array) -> Array:
    known = np.where(np.isnan(before), now, before)
    grown: Array = np.where(now >= known - 1e-9, np.maximum(now - known, 0.0), now)
    return grown
