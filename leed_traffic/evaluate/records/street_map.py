"""Streets of a net for drawings and corridors: the shape of each edge, and the edge straight on."""

from dataclasses import dataclass
from pathlib import Path

from leed_traffic.simulation.network.streets import Point, read_streets


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStreet:
    """One edge; `shape` is its outermost lane's, from begin to end, in m of the net's own plane."""

    shape: tuple[Point, ...]
    length_m: float
    n_lanes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetMap:
    """All edges for vehicles, and for each the edge that lies straight ahead (of several the widest)."""

    streets: dict[str, MapStreet]
    ahead: dict[str, str]


def read_street_map(net_file: Path) -> StreetMap:
    """Edges with their shapes, and where one gets by driving straight on.

    Raises:
        ScenarioError: the net cannot be read.
    """
    net = read_streets(net_file)
    streets = {
        edge: MapStreet(shape=lanes[0].shape, length_m=lanes[0].length_m, n_lanes=len(lanes))
        for edge, street in net.by_id.items()
        if (lanes := street.road_lanes)
    }
    ahead: dict[str, str] = {}
    for edge, onwards in sorted(net.straight):
        if edge in streets and onwards in streets:
            before = ahead.get(edge)
            if before is None or streets[onwards].n_lanes > streets[before].n_lanes:
                ahead[edge] = onwards
    return StreetMap(streets=streets, ahead=ahead)
