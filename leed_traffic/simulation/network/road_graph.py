"""Lanes and the connections between them, junction interiors left out: what detectors and neighbours are found on."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from leed_traffic.domain.network import MAX_REACH_M, Neighbour, Span

MOST_WAYS = 20_000  # upstream of one stop line; streets have some ten, a car park of 20 m edges has millions
LEAST_SHARE = 0.01  # of a lane's vehicles on one way, where there are more ways than that
NEIGHBOUR_RANGE_M = 2000.0  # m upstream within which another signal counts as a neighbour

Stretch = tuple[
    str, float, float, float
]  # of a lane: its id, from where to where, and how far before the stop line


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadLane:
    """A lane outside junctions."""

    id: str
    edge: str
    length_m: float
    speed_mps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadLink:
    """One way from a lane to a lane of another edge, and the signal that guards it."""

    from_lane: str
    to_lane: str
    signal: str | None


class RoadGraph:
    """The lanes of a net by id, and what leads into each."""

    def __init__(self, lanes: Iterable[RoadLane], links: Iterable[RoadLink]) -> None:
        self.lanes: Mapping[str, RoadLane] = {lane.id: lane for lane in lanes}
        self._into: dict[str, list[RoadLink]] = {}
        self._into_edge: dict[str, list[RoadLink]] = {}
        targets: dict[str, set[str]] = {}
        for link in sorted(links, key=lambda link: (link.from_lane, link.to_lane)):
            self._into.setdefault(link.to_lane, []).append(link)
            self._into_edge.setdefault(self.lanes[link.to_lane].edge, []).append(link)
            targets.setdefault(link.from_lane, set()).add(link.to_lane)
        self._branches = {lane: len(names) for lane, names in targets.items()}
        self._length_m: dict[str, float] = {}
        self._speed_mps: dict[str, float] = {}
        for lane in self.lanes.values():
            self._length_m[lane.edge] = lane.length_m
            self._speed_mps[lane.edge] = max(self._speed_mps.get(lane.edge, 0.0), lane.speed_mps)

    def spans(self, lane: str, reach_m: float = MAX_REACH_M) -> tuple[Span, ...]:
        """The stretches of road that lead to a stop line without passing another signal, nearest first.

        A lane shorter than the reach goes on into the lanes that feed it. Of a feeding lane that leads to n lanes,
        1/n of its vehicles counts here: the n shares together count each vehicle once. No lane is passed twice on
        one way. A mesh of short edges has millions of ways: of more than MOST_WAYS those that a share under
        LEAST_SHARE takes are left out.
        """
        ways = list(islice(self._ways(lane, reach_m), MOST_WAYS + 1))
        if len(ways) > MOST_WAYS:
            ways = list(self._ways(lane, reach_m, least=LEAST_SHARE))
        spans: dict[Stretch, float] = {}
        for stretch, share in ways:
            spans[stretch] = min(1.0, spans.get(stretch, 0.0) + share)
        return tuple(
            Span(lane=name, from_m=from_m, to_m=to_m, distance_m=distance_m, share=share)
            for (name, from_m, to_m, distance_m), share in sorted(
                spans.items(), key=lambda item: (item[0][3], item[0])
            )
        )

    def _ways(self, lane: str, reach_m: float, least: float = 0.0) -> Iterator[tuple[Stretch, float]]:
        """The farthest stretch of every way to a stop line, with the share of its vehicles that takes this way."""
        ways = [(lane, 0.0, 1.0, frozenset[str]())]
        while ways:
            here, distance_m, share, passed = ways.pop()
            length_m = self.lanes[here].length_m
            yield (here, max(0.0, length_m - (reach_m - distance_m)), length_m, distance_m), share
            if distance_m + length_m >= reach_m:
                continue
            for link in self._into.get(here, ()):
                part = share / self._branches[link.from_lane]
                if link.signal is None and part >= least and link.from_lane not in passed | {here}:
                    ways.append((link.from_lane, distance_m + length_m, part, passed | {here}))

    def feeders(self, signal: str, approach: str) -> tuple[Neighbour, ...]:
        """The signals upstream of an approach, each at its shortest distance from stop line to stop line."""
        found: dict[str, Neighbour] = {}
        queue = [(self._length_m[approach], self._travel_time_s(approach), approach)]
        done: set[str] = set()
        while queue:
            distance_m, time_s, edge = heapq.heappop(queue)
            if edge in done or distance_m > NEIGHBOUR_RANGE_M:
                continue
            done.add(edge)
            for link in self._into_edge.get(edge, ()):
                before = self.lanes[link.from_lane].edge
                if link.signal is None:
                    queue_entry = (
                        distance_m + self._length_m[before],
                        time_s + self._travel_time_s(before),
                        before,
                    )
                    heapq.heappush(queue, queue_entry)
                elif link.signal != signal and link.signal not in found:
                    found[link.signal] = Neighbour(
                        id=link.signal, to_approach=approach, distance_m=distance_m, travel_time_s=time_s
                    )
        return tuple(found[name] for name in sorted(found))

    def _travel_time_s(self, edge: str) -> float:
        return self._length_m[edge] / self._speed_mps[edge]
