"""Another day around a given one: the departures of route files, drawn anew by a seed.

Days differ by their volumes and by who comes when. With s the spread, o a relation (where from, where to) and p a
quarter of an hour, the volume of o in p is the given one times

    f = exp(a + b_op),   a, b_op ~ N(-s^2 / 4, s^2 / 2)

where a is one draw for the whole day and b_op one per relation and quarter: f has the mean 1 and a coefficient of
variation of sqrt(exp(s^2) - 1), about s; the sum over many relations still varies by about s / sqrt(2). Everybody
sets out floor(f + u) times, u uniform in [0, 1), each time shifted by up to a minute: about a cycle, so that
nobody meets the same red every day. Flows are drawn as single vehicles, at any time of the quarter. What keeps a
timetable (a line, a stop, a vehicle that somebody means to ride in) comes as given, and so does who departs at no
stated time. Whom SUMO leaves out of the given day, for it is named out of order, is in no other day either.
"""

import copy
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.sumo.time import clock_seconds
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.route_flow import FIGURES, RouteFlow, read_flow
from leed_traffic.simulation.demand.route_order import DepartureOrder
from leed_traffic.simulation.sumo.foreign_file import freestanding

QUARTER_S = 900.0  # s, the period in which traffic is counted
SHIFT_S = 60.0  # s either way
_SINGLE = ("vehicle", "trip", "person")
_FLOWS = ("flow", "personFlow")
_ON_FOOT = ("walk", "param")  # of a person's plan: no other traveller takes part


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenDay:
    """Route files, and the hour that is simulated of them."""

    route_files: tuple[Path, ...]
    begin_s: float
    end_s: float
    step_length_s: float


def draw_day(day: GivenDay, *, spread: float, seed: int) -> bytes:
    """One route file with the seed's day: definitions first, then everybody by departure.

    Args:
        day: the given one.
        spread: s above, over 0.
        seed: of the day; the same seed gives the same bytes.

    Raises:
        ScenarioError: a route file cannot be read.
    """
    items = [(path, item) for path in day.route_files for item in _read(path)]
    drawing = _Drawing(day, [item for _, item in items], spread, np.random.default_rng(seed))
    definitions: list[ET.Element] = []
    departures: list[tuple[float, ET.Element]] = []
    for path, item in items:
        try:
            drawn = drawing.departures(item)
        except ValueError as err:
            raise ScenarioError(f"{path}: {item.tag} {item.get('id')}: {err}") from err
        if drawn is None:
            definitions.append(item)
        else:
            departures += drawn
    departures.sort(key=lambda departure: departure[0])
    root = ET.Element("routes")
    for item in (*definitions, *(item for _, item in departures)):
        item.tail = "\n"
        root.append(item)
    return (ET.tostring(root, encoding="unicode") + "\n").encode()


def _read(path: Path) -> list[ET.Element]:
    order = DepartureOrder()
    return [item for item in freestanding(path) if not order.leaves_out(item)]


class _Drawing:
    """The factors of one day, and whom they bring."""

    def __init__(
        self, day: GivenDay, items: Sequence[ET.Element], spread: float, rng: np.random.Generator
    ) -> None:
        self._day = day
        self._spread = spread
        self._rng = rng
        self._names = {item.get("id", "") for item in items}
        self._ridden = {
            word for item in items for ride in item.iter("ride") for word in ride.get("lines", "").split()
        }
        self._routes = {item.get("id", ""): item.get("edges", "").split() for item in items if item.tag == "route"}
        self._of_day = self._log_factor()
        self._of_relation: dict[tuple[str, str, str, int], float] = {}

    def departures(self, item: ET.Element) -> list[tuple[float, ET.Element]] | None:
        """Departures of an element within the hour; None for one that is no traveller with a time.

        Raises:
            ValueError: its figures are none.
        """
        day = self._day
        if item.tag in _SINGLE and (depart_s := clock_seconds(item.get("depart", ""))) is not None:
            if not day.begin_s <= depart_s < day.end_s:
                return []  # SUMO leaves it out, too
            return [(depart_s, item)] if self._is_fixed(item) else list(self._single(item, depart_s))
        if item.tag in _FLOWS and item.get("begin", "0")[:1].isdigit():
            flow = read_flow(item, day.begin_s, day.end_s)
            return [(flow.begin_s, item)] if self._is_fixed(item) else list(self._flow(item, flow))
        return None

    def _is_fixed(self, item: ET.Element) -> bool:
        """Return whether it keeps a timetable, or somebody means to ride in it."""
        if item.tag in ("person", "personFlow"):
            return any(stage.tag not in _ON_FOOT for stage in item)
        is_ridden = item.get("id") in self._ridden or any(
            word.startswith(f"{item.get('id')}.") for word in self._ridden
        )
        return "line" in item.attrib or is_ridden or item.find("stop") is not None

    def _single(self, item: ET.Element, depart_s: float) -> Iterator[tuple[float, ET.Element]]:
        day = self._day
        for k in range(math.floor(self._factor(item, depart_s) + self._rng.random())):
            shifted_s = depart_s + self._rng.uniform(-SHIFT_S, SHIFT_S)
            if not day.begin_s <= shifted_s < day.end_s:
                shifted_s = 2.0 * depart_s - shifted_s  # the other way: nobody leaves the hour
            twin = copy.deepcopy(item)
            if k:
                twin.set("id", self._new_name(f"{item.get('id')}+{k}"))
            yield self._departure(twin, min(max(shifted_s, day.begin_s), day.end_s))

    def _flow(self, item: ET.Element, flow: RouteFlow) -> Iterator[tuple[float, ET.Element]]:
        day = self._day
        number = 0
        mean_per_s = flow.vehicles / (flow.end_s - flow.begin_s) if flow.end_s > flow.begin_s else 0.0
        begin_s = max(flow.begin_s, day.begin_s)
        last_s = min(flow.end_s, day.end_s)
        while begin_s < last_s:
            end_s = min(last_s, day.begin_s + QUARTER_S * (1 + (begin_s - day.begin_s) // QUARTER_S))
            mean = mean_per_s * (end_s - begin_s) * self._factor(item, begin_s)
            n = int(self._rng.poisson(mean)) if flow.is_random else math.floor(mean + self._rng.random())
            for depart_s in np.sort(self._rng.uniform(begin_s, end_s, n)).tolist():
                yield self._departure(self._one_of(item, number), depart_s)
                number += 1
            begin_s = end_s

    def _one_of(self, flow: ET.Element, number: int) -> ET.Element:
        one = copy.deepcopy(flow)
        has_route = "route" in flow.attrib or flow.find("route") is not None
        one.tag = "person" if flow.tag == "personFlow" else "vehicle" if has_route else "trip"
        for figure in FIGURES:
            one.attrib.pop(figure, None)
        one.set("id", self._new_name(f"{flow.get('id')}.{number}"))  # SUMO's own names for them
        return one

    def _departure(self, item: ET.Element, depart_s: float) -> tuple[float, ET.Element]:
        begin_s = self._day.begin_s
        step_s = self._day.step_length_s
        # SUMO inserts at whole steps: a later fraction would only look like delay
        steps = min(math.floor((depart_s - begin_s) / step_s), math.ceil((self._day.end_s - begin_s) / step_s) - 1)
        item.set("depart", f"{begin_s + steps * step_s:.2f}")
        return begin_s + steps * step_s, item

    def _new_name(self, name: str) -> str:
        while name in self._names:
            name += "+"
        self._names.add(name)
        return name

    def _factor(self, item: ET.Element, at_s: float) -> float:
        """The factor f of a traveller's relation and quarter."""
        start, end = self._relation(item)
        key = (item.tag, start, end, int((at_s - self._day.begin_s) // QUARTER_S))
        if key not in self._of_relation:
            self._of_relation[key] = self._log_factor()
        return math.exp(self._of_day + self._of_relation[key])

    def _log_factor(self) -> float:
        # N(-s^2 / 4, s^2 / 2): the mean of exp is 1 when two of them are added
        return float(self._rng.normal(-(self._spread**2) / 4.0, self._spread / math.sqrt(2.0)))

    def _relation(self, item: ET.Element) -> tuple[str, str]:
        """Origin and destination, in the words of the file."""
        parts = [item, *item.iter("walk")]
        inner = item.find("route")
        edges = [] if inner is None else inner.get("edges", "").split()
        edges = (
            edges
            or self._routes.get(item.get("route", ""), [])
            or " ".join(p.get("edges", "") for p in parts).split()
        )
        if edges:
            return edges[0], edges[-1]
        starts = [value for part in parts for name, value in part.attrib.items() if name.startswith("from")]
        ends = [value for part in parts for name, value in part.attrib.items() if name.startswith("to")]
        return (starts or [item.get("route", "")])[0], (ends or [""])[-1]
