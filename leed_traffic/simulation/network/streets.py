"""Streets of a net as its file names them: edges, lanes, what leads where. Signals are `network_import`'s.

Read in one pass by the screened XML reader: a net of 900 signals (13.5 MB) takes 0.3 s and 8 MiB here, 1.4 s and
103 MiB as objects of sumolib.
"""

import heapq
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.errors import ScenarioError

STRAIGHT = "s"  # SUMO's letter for a connection straight on
Point = tuple[float, float]
Way = tuple[str, ...]  # edges in the order in which they are driven


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetLane:
    """One lane; `allowed` is None where everybody but the `disallowed` may use it."""

    length_m: float
    speed_mps: float
    allowed: frozenset[str] | None
    disallowed: frozenset[str]
    shape: tuple[Point, ...]  # from begin to end, in m of the net's own plane

    def permits(self, vehicle_class: str) -> bool:
        """Return whether a class of SUMO's may use it."""
        if self.allowed is not None:
            return bool(self.allowed & {vehicle_class, "all"})
        return not self.disallowed & {vehicle_class, "all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """One edge outside junctions, from node to node."""

    origin: str
    target: str
    lanes: tuple[StreetLane, ...]

    def permits(self, vehicle_class: str) -> bool:
        """Return whether a class may use any of its lanes."""
        return any(lane.permits(vehicle_class) for lane in self.lanes)

    @property
    def road_lanes(self) -> tuple[StreetLane, ...]:
        """Lanes but for those of pedestrians alone, the outermost first."""
        return tuple(lane for lane in self.lanes if lane.allowed != frozenset({"pedestrian"}))


@dataclass(frozen=True)
class StreetNet:
    """Edges of a net by id, and the lanes by which each leads into others."""

    by_id: dict[str, Street]
    connections: dict[tuple[str, str], list[tuple[int, int]]] = field(
        default_factory=dict
    )  # pairs of lane numbers
    straight: frozenset[tuple[str, str]] = frozenset()  # pairs of edges
    extent_m: float = 0.0  # the longer side of the net

    def joins(self, a: str, b: str, vehicle_class: str) -> bool:
        """Return whether a class can drive from an edge into the next."""
        before = self.by_id[a].lanes
        after = self.by_id[b].lanes
        return any(
            before[i].permits(vehicle_class) and after[k].permits(vehicle_class)
            for i, k in self.connections.get((a, b), ())
        )

    def rim(self) -> list[str]:
        """Edges into which nothing leads but a turn back."""
        ends = {name: (street.origin, street.target) for name, street in self.by_id.items()}
        entered = {b for a, b in self.connections if ends[a] != ends[b][::-1]}
        return [name for name in self.by_id if name not in entered]

    def travel_time_s(self, edge: str) -> float:
        """Time that the fastest lane of an edge takes at free flow; 0 for one that the net does not have."""
        lanes = self.by_id[edge].lanes if edge in self.by_id else ()
        return lanes[0].length_m / max(*(lane.speed_mps for lane in lanes), 0.1) if lanes else 0.0

    @cached_property
    def followers(self) -> dict[str, tuple[str, ...]]:
        """Edges into which each leads, in the order of the file."""
        followers: dict[str, list[str]] = {}
        for a, b in self.connections:
            followers.setdefault(a, []).append(b)
        return {edge: tuple(onwards) for edge, onwards in followers.items()}

    def fastest_way(self, origin: str, destination: str) -> Way:
        """Edges from one to the other at free flow (Dijkstra 1959), as SUMO routes a trip; empty if there is none."""
        queue: list[tuple[float, Way]] = [(0.0, (origin,))]
        settled: set[str] = set()
        while queue:
            time_s, way = heapq.heappop(queue)
            if way[-1] == destination:
                return way
            if way[-1] in settled:
                continue
            settled.add(way[-1])
            for edge in self.followers.get(way[-1], ()):
                if edge not in settled:
                    heapq.heappush(queue, (time_s + self.travel_time_s(edge), (*way, edge)))
        return ()


def read_streets(net_file: Path) -> StreetNet:
    """Read a net's edges and connections, junction interiors, crossings and walking areas left out.

    Raises:
        ScenarioError: the file cannot be read, or is no SUMO net.
    """
    by_id: dict[str, Street] = {}
    connections: dict[tuple[str, str], list[tuple[int, int]]] = {}
    straight: set[tuple[str, str]] = set()
    extent_m = 0.0
    try:
        for item in top_level(net_file):
            if item.tag == "edge" and item.get("function", "normal") in ("normal", "connector"):
                by_id[item.get("id", "")] = _street(item)
            elif item.tag == "connection" and {item.get("from"), item.get("to")} <= by_id.keys():
                pair = (item.get("from", ""), item.get("to", ""))
                lanes = (int(item.get("fromLane", 0)), int(item.get("toLane", 0)))
                connections.setdefault(pair, []).append(lanes)
                if item.get("dir") == STRAIGHT:
                    straight.add(pair)
            elif item.tag == "location":
                x1, y1, x2, y2 = (float(number) for number in item.get("convBoundary", "0,0,0,0").split(","))
                extent_m = max(x2 - x1, y2 - y1)
    except (ValueError, IndexError) as err:
        raise ScenarioError(f"{net_file}: its streets make no sense ({err}); give a SUMO net") from err
    return StreetNet(by_id, connections, frozenset(straight), extent_m)


def _street(edge: ET.Element) -> Street:
    lanes = tuple(_lane(lane) for lane in edge.iter("lane"))
    return Street(origin=edge.get("from", ""), target=edge.get("to", ""), lanes=lanes)


def _lane(lane: ET.Element) -> StreetLane:
    corners = [pair.split(",") for pair in lane.get("shape", "").split()]  # `x,y`, perhaps with a height behind
    return StreetLane(
        length_m=float(lane.get("length", 0)),
        speed_mps=float(lane.get("speed", "13.9")),
        allowed=frozenset(lane.get("allow", "").split()) if lane.get("allow") else None,
        disallowed=frozenset(lane.get("disallow", "").split()),
        shape=tuple((float(corner[0]), float(corner[1])) for corner in corners),
    )
