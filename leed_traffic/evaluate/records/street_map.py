"""Streets of a net for drawings and corridors: the shape of each edge, and the edge straight on."""

from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.errors import ScenarioError

STRAIGHT = "s"  # SUMO's letter for a connection straight on
Point = tuple[float, float]


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
    streets: dict[str, MapStreet] = {}
    straight: list[tuple[str, str]] = []
    try:
        for item in top_level(net_file):
            if item.tag == "edge":
                lanes = [lane for lane in item.findall("lane") if lane.get("allow") != "pedestrian"]
                if lanes and item.get("function") not in ("internal", "crossing", "walkingarea", "connector"):
                    streets[item.get("id", "")] = MapStreet(
                        shape=_points(lanes[0].get("shape", "")),
                        length_m=float(lanes[0].get("length", 0)),
                        n_lanes=len(lanes),
                    )
            elif item.get("dir") == STRAIGHT and not item.get("from", ":").startswith(":"):
                straight.append((item.get("from", ""), item.get("to", "")))
    except (ValueError, IndexError) as err:
        raise ScenarioError(f"{net_file}: its streets make no sense ({err}); give a SUMO net") from err
    ahead: dict[str, str] = {}
    for edge, onwards in sorted(set(straight)):
        if edge in streets and onwards in streets:
            before = ahead.get(edge)
            if before is None or streets[onwards].n_lanes > streets[before].n_lanes:
                ahead[edge] = onwards
    return StreetMap(streets=streets, ahead=ahead)


def _points(text: str) -> tuple[Point, ...]:
    """`x,y x,y ...`; a height behind is left out."""
    corners = [pair.split(",") for pair in text.split()]
    return tuple((float(corner[0]), float(corner[1])) for corner in corners)
