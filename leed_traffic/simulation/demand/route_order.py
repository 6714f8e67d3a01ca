"""The order that SUMO wants in a route file: who sets out earlier than somebody named before is left out, with a warning.

It reads route files bit by bit as the simulation goes on, each on its own, what they include in its place;
additional files are read as a whole and may have any order.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

from leed_traffic.artifacts.sumo.time import clock_seconds
from leed_traffic.artifacts.xml_file import top_level

SHOWN = 3  # names given as examples
_SETS_OUT = {  # element: the attribute that tells when
    "vehicle": "depart", "trip": "depart", "person": "depart", "container": "depart",
    "flow": "begin", "personFlow": "begin", "containerFlow": "begin",
}  # fmt: skip


class DepartureOrder:
    """The latest departure of one route file so far."""

    def __init__(self) -> None:
        self._latest_s = float("-inf")

    def leaves_out(self, item: ET.Element) -> bool:
        """Return whether SUMO ignores a traveller or flow here; call it for every element of the file, in its order."""
        attribute = _SETS_OUT.get(item.tag)
        depart_s = None if attribute is None else clock_seconds(item.get(attribute, ""))
        if depart_s is None:  # a definition, or one that waits for something else than a time
            return False
        if depart_s < self._latest_s:
            return True
        self._latest_s = depart_s
        return False


def in_order(route_file: Path) -> Iterator[ET.Element]:
    """The elements of a route file, without those that SUMO leaves out for their order.

    Raises:
        ScenarioError: it cannot be read.
    """
    order = DepartureOrder()
    return (item for item in top_level(route_file, with_included=True) if not order.leaves_out(item))


def left_out(route_files: Iterable[Path]) -> str:
    """A sentence on whom SUMO leaves out of route files for their order; empty where it is nobody.

    Raises:
        ScenarioError: a file cannot be read.
    """
    names: list[str] = []
    for path in route_files:
        order = DepartureOrder()
        names += [item.get("id", "") for item in top_level(path, with_included=True) if order.leaves_out(item)]
    if not names:
        return ""
    more = ", ..." if len(names) > SHOWN else ""
    who = f"{len(names)} vehicles, flows or persons ({', '.join(names[:SHOWN])}{more})"
    return f"not sorted by departure: SUMO ignores {who}, and they count nowhere; sort the route file (tools/route/sort_routes.py)"
