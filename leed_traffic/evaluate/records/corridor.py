"""The main corridor of a network: the longest route straight on through its signals, for a time-space diagram.

Of two routes through as many signals the wider one (lanes at the stop lines) is taken, then the longer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from leed_traffic.domain.network import Intersection, edge_of
from leed_traffic.evaluate.records.street_map import StreetMap

MAX_STOPS = 8  # more signals than that cannot be read in one diagram
MIN_STOPS = 2

Turns = dict[tuple[str, str], tuple[str, list[int]]]  # signal and links, by edges from and to


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop line on the corridor."""

    intersection: str
    at_m: float  # from the corridor's beginning
    links: tuple[int, ...]  # of the signal, that lead on along the corridor


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """Edges in driving order, each with the metre at which it begins, and the stop lines on it."""

    edges: tuple[str, ...]
    begins_m: tuple[float, ...]
    stops: tuple[Stop, ...]
    length_m: float


def find_corridor(street_map: StreetMap, intersections: Sequence[Intersection]) -> Corridor | None:
    """The main corridor; None where no two signals follow each other straight on."""
    turns: Turns = {}
    for intersection in intersections:
        for movement in intersection.vehicle_movements:
            turn = (edge_of(movement.from_lane), edge_of(movement.to_lane))
            turns.setdefault(turn, (intersection.id, []))[1].append(movement.link)
    routes = [_route(edge, street_map) for edge in sorted(street_map.streets)]
    found = [corridor for route in routes if (corridor := _corridor(route, turns, street_map)) is not None]
    if not found:
        return None
    return max(found, key=lambda c: (len(c.stops), _width(c, street_map), c.length_m))


def _route(edge: str, street_map: StreetMap) -> list[str]:
    """Straight on from an edge, until the road ends or comes back to itself."""
    route = [edge]
    passed = {edge}
    while (onwards := street_map.ahead.get(route[-1])) is not None and onwards not in passed:
        route.append(onwards)
        passed.add(onwards)
    return route


def _corridor(route: Sequence[str], turns: Turns, street_map: StreetMap) -> Corridor | None:
    """Cut a route from its beginning to one edge behind its last signal."""
    begins_m = [0.0]
    last = 0
    stops: list[Stop] = []
    for k, turn in enumerate(pairwise(route)):
        begins_m.append(begins_m[-1] + street_map.streets[turn[0]].length_m)
        if turn in turns and len(stops) < MAX_STOPS:
            name, links = turns[turn]
            stops.append(Stop(intersection=name, at_m=begins_m[-1], links=tuple(sorted(set(links)))))
            last = k + 1
    if len({stop.intersection for stop in stops}) < MIN_STOPS:
        return None
    edges = tuple(route[: last + 1])
    length_m = begins_m[last] + street_map.streets[edges[-1]].length_m
    return Corridor(edges=edges, begins_m=tuple(begins_m[: last + 1]), stops=tuple(stops), length_m=length_m)


def _width(corridor: Corridor, street_map: StreetMap) -> int:
    before = {begin: edge for edge, begin in zip(corridor.edges[:-1], corridor.begins_m[1:], strict=True)}
    return sum(street_map.streets[before[stop.at_m]].n_lanes for stop in corridor.stops)
