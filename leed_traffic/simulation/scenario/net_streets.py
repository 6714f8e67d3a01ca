"""A net's streets as its file names them: edges, who may drive there, what leads where. Signals are `network_import`'s."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.errors import ScenarioError


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetLane:
    """One lane; `allowed` is None where everybody but the `disallowed` may use it."""

    length_m: float
    allowed: frozenset[str] | None
    disallowed: frozenset[str]

    def permits(self, vehicle_class: str) -> bool:
        """Whether a class of SUMO's may use it."""
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
        """Whether a class may use any of its lanes."""
        return any(lane.permits(vehicle_class) for lane in self.lanes)


@dataclass(frozen=True)
class StreetNet:
    """The edges of a net by id, and the lanes by which each leads into others."""

    by_id: dict[str, Street]
    ways: dict[tuple[str, str], list[tuple[int, int]]] = field(
        default_factory=dict
    )  # (from, to): pairs of lane numbers
    extent_m: float = 0.0  # the longer side of the net

    def joins(self, a: str, b: str, vehicle_class: str) -> bool:
        """Whether a class can drive from an edge into the next."""
        before = self.by_id[a].lanes
        after = self.by_id[b].lanes
        return any(
            before[i].permits(vehicle_class) and after[k].permits(vehicle_class)
            for i, k in self.ways.get((a, b), ())
        )

    def rim(self) -> list[str]:
        """Edges into which nothing leads but a turn back."""
        ends = {name: (street.origin, street.target) for name, street in self.by_id.items()}
        entered = {b for a, b in self.ways if ends[a] != ends[b][::-1]}
        return [name for name in self.by_id if name not in entered]


def read_streets(net_file: Path) -> StreetNet:
    """Read a net's edges and connections, junction interiors, crossings and walking areas left out.

    Raises:
        ScenarioError: the file cannot be read, or is no SUMO net.
    """
    by_id: dict[str, Street] = {}
    ways: dict[tuple[str, str], list[tuple[int, int]]] = {}
    extent_m = 0.0
    try:
        for item in top_level(net_file):
            if item.tag == "edge" and item.get("function", "normal") == "normal":
                by_id[item.get("id", "")] = _street(item)
            elif item.tag == "connection" and {item.get("from"), item.get("to")} <= by_id.keys():
                pair = (item.get("from", ""), item.get("to", ""))
                ways.setdefault(pair, []).append((int(item.get("fromLane", 0)), int(item.get("toLane", 0))))
            elif item.tag == "location":
                x1, y1, x2, y2 = (float(number) for number in item.get("convBoundary", "0,0,0,0").split(","))
                extent_m = max(x2 - x1, y2 - y1)
    except ValueError as err:
        raise ScenarioError(f"{net_file}: not a usable SUMO net ({err})") from err
    return StreetNet(by_id, ways, extent_m)


def _street(edge: ET.Element) -> Street:
    return Street(
        origin=edge.get("from", ""),
        target=edge.get("to", ""),
        lanes=tuple(
            StreetLane(
                length_m=float(lane.get("length", 0)),
                allowed=frozenset(lane.get("allow", "").split()) if lane.get("allow") else None,
                disallowed=frozenset(lane.get("disallow", "").split()),
            )
            for lane in edge.iter("lane")
        ),
    )
