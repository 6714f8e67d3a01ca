"""Diagnosis of an intersection while a plan ran, in the figures that a signal engineer asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.detectors.detection import Array, capacity_veh
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.observation import CLEARING, COUNT, EXIT_FILL, QUEUE, SHOWN, decode

BLOCKED_FILL = 0.5  # of an exit with slow vehicles: the green that leads there moves hardly anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One intersection over one or more runs."""

    queue_veh: tuple[float, ...]  # (approaches) mean queue within reach, in the order of their first lanes
    longest_veh: tuple[float, ...]  # (approaches) longest queue
    green_share: tuple[float, ...]  # (S,) of the time
    wasted_share: float  # of the green: nobody came on the lanes served while others queued
    blocked_share: float  # of the green: its exits were full of slow vehicles (spillback)


def diagnose(observation: NDArray[np.floating], intersection: Intersection, reach_m: float) -> Diagnosis:
    """Read the figures from what the intersection saw and showed.

    Args:
        observation: (T, D) as encoded, the stage shown included; entries beyond D do not matter.
        intersection: whose lanes and stages the entries are.
        reach_m: of the observation's detectors.
    """
    stages = range(intersection.n_stages)
    capacity = np.array([capacity_veh(lane, reach_m) for lane in intersection.lanes])
    queue = np.maximum(decode(observation, intersection, QUEUE), 0.0) * capacity
    count = np.maximum(decode(observation, intersection, COUNT), 0.0) * capacity
    fill = decode(observation, intersection, EXIT_FILL)
    shown = decode(observation, intersection, SHOWN).argmax(axis=1)
    green = decode(observation, intersection, CLEARING)[:, 0] < 0.5
    shares = np.array([intersection.lane_shares(s, permissive=1.0) for s in stages])
    served = shares.reshape(len(stages), intersection.n_lanes)[shown] > 0.0  # (T, L)
    wasted = green & ((count * served).sum(axis=1) < 1.0) & ((queue * ~served).sum(axis=1) >= 1.0)
    blocked = green & (np.take_along_axis(fill, shown[:, None], axis=1)[:, 0] > BLOCKED_FILL)
    by_approach = _by_approach(queue, intersection)
    n_green = max(int(green.sum()), 1)
    return Diagnosis(
        queue_veh=tuple(_round(by_approach.mean(axis=0))),
        longest_veh=tuple(_round(by_approach.max(axis=0, initial=0.0))),
        green_share=tuple(_round(np.array([(green & (shown == s)).mean() for s in stages]))),
        wasted_share=round(float(wasted.sum()) / n_green, 3),
        blocked_share=round(float(blocked.sum()) / n_green, 3),
    )


def mean_diagnosis(several: Sequence[Diagnosis]) -> Diagnosis | None:
    """The mean over runs; of the longest queues, the longest."""
    if not several:
        return None
    return Diagnosis(
        queue_veh=tuple(_round(np.mean([d.queue_veh for d in several], axis=0))),
        longest_veh=tuple(_round(np.max([d.longest_veh for d in several], axis=0))),
        green_share=tuple(_round(np.mean([d.green_share for d in several], axis=0))),
        wasted_share=round(float(np.mean([d.wasted_share for d in several])), 3),
        blocked_share=round(float(np.mean([d.blocked_share for d in several])), 3),
    )


def _by_approach(queue: Array, intersection: Intersection) -> Array:
    """(T, approaches) sums over the lanes of each approach."""
    approaches = list(dict.fromkeys(lane.approach for lane in intersection.lanes))
    member = np.array([[lane.approach == a for a in approaches] for lane in intersection.lanes], dtype=float)
    total: Array = queue @ member.reshape(intersection.n_lanes, len(approaches))
    return total


def _round(values: Array) -> list[float]:
    rounded: list[float] = np.round(np.asarray(values, dtype=float), 3).tolist()
    return rounded
