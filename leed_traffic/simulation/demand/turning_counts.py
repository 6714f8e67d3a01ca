"""Turning counts of every signal, taken from the demand: what a signal engineer would ask a traffic count for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Intersection, Network, edge_of
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.demand.trips import Trip, trips_of_day
from leed_traffic.simulation.network.streets import StreetNet, read_streets

PERIOD_S = 900.0  # s, traffic counts come in quarters of an hour
MAX_PERIODS = 6  # a plan has no more (domain/plan.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Vehicles from one edge to another through the junction, per period."""

    from_edge: str
    to_edge: str
    links: tuple[int, ...]
    lanes: tuple[str, ...]  # incoming lanes from which the turn is allowed
    flow_vehph: tuple[float, ...]  # per period


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Vehicles that come straight from another signal."""

    neighbour: str
    from_approach: str  # the edge on which they waited there
    to_approach: str  # the edge on which they arrive here
    travel_time_s: float  # from stop line to stop line at free flow
    flow_vehph: tuple[float, ...]  # per period


@dataclass(frozen=True, slots=True, kw_only=True)
class TurningCounts:
    """Demand at one intersection, with the limits that a plan for it has to keep."""

    intersection: Intersection
    timing: Timing
    period_starts_s: tuple[float, ...]
    turns: tuple[Turn, ...]
    upstream: tuple[Upstream, ...]


def period_starts(horizon_s: float) -> tuple[float, ...]:
    """Quarters of an hour from the scenario's begin on; longer periods where there would be more than a plan may have.

    A rest shorter than half a quarter joins the period before: a vehicle in five seconds is no flow of 720 an
    hour.
    """
    length_s = max(PERIOD_S, math.ceil(horizon_s / MAX_PERIODS / PERIOD_S) * PERIOD_S)
    whole, rest_s = divmod(horizon_s, length_s)
    return tuple(k * length_s for k in range(max(1, int(whole) + (rest_s >= PERIOD_S / 2.0))))


def count_turns(
    scenario: Scenario, network: Network, timings: Sequence[Timing], seeds: Sequence[int], starts: Sequence[float]
) -> tuple[TurningCounts, ...]:
    """Demand at every intersection, in the network's order: the mean count over the days of some seeds.

    A vehicle counts in the period in which it would reach the stop line at free flow.

    Args:
        scenario: whose route files (or demand means) name every vehicle's way.
        network: its signals.
        timings: limits in the order of `network.intersections`.
        seeds: days on which is counted; never the evaluation's.
        starts: when each period begins, in s since the scenario's begin.
    """
    streets = read_streets(scenario.net_file)
    days = [
        trips_of_day(scenario, streets, seed) for seed in (seeds if scenario.demand is not None else seeds[:1])
    ]
    counts = _Counts(network, streets, (*starts, scenario.end_s - scenario.begin_s), len(days))
    for day in days:
        for trip in day:
            counts.add(trip, scenario.begin_s)
    return tuple(
        TurningCounts(
            intersection=intersection,
            timing=timing,
            period_starts_s=tuple(starts),
            turns=counts.turns(intersection),
            upstream=counts.upstream(intersection),
        )
        for intersection, timing in zip(network.intersections, timings, strict=True)
    )


class _Counts:
    """Vehicles by turn, and by the pair of signals that they cross one after the other."""

    def __init__(self, network: Network, streets: StreetNet, bounds_s: Sequence[float], n_days: int) -> None:
        self._streets = streets
        self._bounds_s = bounds_s
        self._to_vehph = 3600.0 / (np.diff(bounds_s) * n_days)
        self._signal = {
            (edge_of(m.from_lane), edge_of(m.to_lane)): i.id
            for i in network.intersections
            for m in i.vehicle_movements
        }
        self._turned: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._linked: dict[tuple[str, str, str, str], NDArray[np.float64]] = {}
        self._link_time_s: dict[tuple[str, str, str, str], float] = {}

    def add(self, trip: Trip, begin_s: float) -> None:
        """Follow one trip through the net at free flow."""
        time_s = trip.depart_s - begin_s
        last = ("", "", 0.0)
        for way in pairwise(trip.edges):
            time_s += self._streets.travel_time_s(way[0])
            signal = self._signal.get(way)
            if signal is None:
                continue
            period = min(int(np.searchsorted(self._bounds_s, time_s, "right")) - 1, len(self._to_vehph) - 1)
            self._turned.setdefault(way, np.zeros(len(self._to_vehph)))[period] += trip.vehicles
            if last[0]:
                link = (last[0], last[1], signal, way[0])
                self._linked.setdefault(link, np.zeros(len(self._to_vehph)))[period] += trip.vehicles
                self._link_time_s[link] = time_s - last[2]
            last = (signal, way[0], time_s)

    def turns(self, intersection: Intersection) -> tuple[Turn, ...]:
        """Turns through the junction, used or not."""
        parts: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for movement in intersection.vehicle_movements:
            way = (edge_of(movement.from_lane), edge_of(movement.to_lane))
            parts.setdefault(way, []).append((movement.link, movement.from_lane))
        nobody = np.zeros(len(self._to_vehph))
        return tuple(
            Turn(
                from_edge=way[0],
                to_edge=way[1],
                links=tuple(sorted({link for link, _ in pairs})),
                lanes=tuple(sorted({lane for _, lane in pairs})),
                flow_vehph=self._rates(self._turned.get(way, nobody)),
            )
            for way, pairs in parts.items()
        )

    def upstream(self, intersection: Intersection) -> tuple[Upstream, ...]:
        """Flows from other signals, in order of their names."""
        return tuple(
            Upstream(
                neighbour=link[0],
                from_approach=link[1],
                to_approach=link[3],
                travel_time_s=self._link_time_s[link],
                flow_vehph=self._rates(self._linked[link]),
            )
            for link in sorted(self._linked)
            if link[2] == intersection.id and link[0] != intersection.id
        )

    def _rates(self, counts: NDArray[np.float64]) -> tuple[float, ...]:
        return tuple((counts * self._to_vehph).tolist())
