"""Places of signals, by the names of their streets: SUMO's ids of real towns tell nobody."""

from collections.abc import Sequence
from pathlib import Path

from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.domain.network import Intersection, edge_of

SHOWN_STREETS = 3  # of a signal: more would be no shorter than its id


def read_places(net_file: Path, intersections: Sequence[Intersection]) -> dict[str, str]:
    """`Hauptstrasse / Bahnhofstrasse` by signal, the streets with the most approaches first; without those that have no name.

    Raises:
        ScenarioError: the net cannot be read.
    """
    names = {
        item.get("id", ""): name
        for item in top_level(net_file)
        if item.tag == "edge" and (name := " ".join(item.get("name", "").split()))
    }
    places = {}
    for intersection in intersections:
        approaches = dict.fromkeys(lane.approach for lane in intersection.lanes)
        exits = dict.fromkeys(edge_of(m.to_lane) for m in intersection.vehicle_movements)
        met = [names[edge] for edge in (*approaches, *exits) if edge in names]
        streets = sorted(dict.fromkeys(met), key=lambda name: -met.count(name))
        if streets:
            places[intersection.id] = " / ".join(streets[:SHOWN_STREETS])
    return places
