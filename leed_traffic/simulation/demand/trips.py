"""Trips from route files, with the way that SUMO would take where a file names only its ends."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.sumo.time import departure_seconds
from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.demand import draw_departures
from leed_traffic.simulation.demand.route_flow import EVENTS, read_flow
from leed_traffic.simulation.demand.route_order import in_order
from leed_traffic.simulation.demand.vehicle_types import VehicleTypes
from leed_traffic.simulation.network.streets import StreetNet, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """Vehicles that leave at about one time along one way; a flow is cut into slices."""

    depart_s: float
    edges: Way
    vehicles: float = 1.0


def trips_of_day(scenario: Scenario, streets: StreetNet, seed: int) -> list[Trip]:
    """All vehicles of one day of the scenario's hour; a foreign scenario has the same ones every day.

    Raises:
        ScenarioError: a route file is broken.
    """
    if scenario.demand is not None:
        vehicles = {flow.name for flow in scenario.demand.vehicles}
        return [
            Trip(depart_s=d.depart_s, edges=d.flow.edges)
            for d in draw_departures(scenario, seed)
            if d.kind != "pedestrian" and d.flow.name in vehicles
        ]
    return [trip for trip in _read_routes(scenario, streets) if scenario.begin_s <= trip.depart_s < scenario.end_s]


def _read_routes(scenario: Scenario, streets: StreetNet) -> Iterator[Trip]:
    """Vehicles, trips and flows of additional and route files; persons, what has no way and whom SUMO ignores are left out."""
    types = VehicleTypes()
    scale = _option(scenario, "--scale", 1.0)
    named: dict[str, Way] = {}
    found: dict[tuple[str, str], Way] = {}
    files = [*((path, top_level(path, with_included=True)) for path in scenario.additional_files)]
    files += [(path, in_order(path)) for path in scenario.route_files]
    for path, items in files:
        for item in items:
            try:
                types.add(item)
                if item.tag == "route":
                    named[item.get("id", "")] = tuple(item.get("edges", "").split())
                elif item.tag == "routeDistribution":
                    named[item.get("id", "")] = _likeliest(item, named)
                elif item.tag in {"vehicle", "trip", "flow"} and (way := _way(item, named, found, streets)):
                    made_of_one = scale * types.scale_of(item.get("type", ""))
                    for trip in _trips(item, way, scenario):
                        yield replace(trip, vehicles=trip.vehicles * made_of_one)
            except ValueError as err:
                raise ScenarioError(f"{path}: {item.tag} {item.get('id')}: {err}") from err


def _option(scenario: Scenario, name: str, default: float) -> float:
    options = scenario.options
    return float(options[options.index(name) + 1]) if name in options else default


def _way(item: ET.Element, named: dict[str, Way], found: dict[tuple[str, str], Way], streets: StreetNet) -> Way:
    inner = item.find("route")
    if inner is not None:
        return tuple(inner.get("edges", "").split())
    if "route" in item.attrib:
        return named.get(item.attrib["route"], ())
    stops = [item.get("from", ""), *item.get("via", "").split(), item.get("to", "")]
    way: Way = (stops[0],)
    for ends in pairwise(stops):
        if ends not in found:
            found[ends] = streets.fastest_way(*ends)
        if not found[ends]:
            return ()
        way += found[ends][1:]
    return way


def _likeliest(item: ET.Element, named: dict[str, Way]) -> Way:
    routes = item.findall("route")
    if not routes:
        names = item.get("routes", "").split()
        return named.get(names[0], ()) if names else ()
    best = max(routes, key=lambda route: float(route.get("probability", "1")))
    return tuple(best.get("edges", "").split()) or named.get(best.get("refId", ""), ())


def _trips(item: ET.Element, way: Way, scenario: Scenario) -> Iterator[Trip]:
    if item.tag != "flow":
        depart = item.get("depart", "")
        depart_s = departure_seconds(depart, scenario.begin_s)
        if depart_s is None and depart[:1].isdigit():
            raise ValueError(f"departs at {depart!r}, expected seconds or H:M:S")
        if depart_s is not None:  # `triggered` and the like tell no time
            yield Trip(depart_s=depart_s, edges=way)
        return
    if item.get("begin") in EVENTS:
        return
    flow = read_flow(item, scenario.begin_s, scenario.end_s)
    slices = max(1, round(flow.vehicles))
    for k in range(slices):
        middle_s = flow.begin_s + (k + 0.5) * (flow.end_s - flow.begin_s) / slices
        yield Trip(depart_s=middle_s, edges=way, vehicles=flow.vehicles / slices)
