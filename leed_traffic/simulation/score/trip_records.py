"""Travellers of one recorded run: SUMO's trip records, the demand files for those who never set out, and everybody's class.

A class is who an engineer counts apart: SUMO's vehicle class, close ones joined; people on foot are walkers,
people who ride in a vehicle riders.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.sumo.time import departure_seconds
from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.route_order import DepartureOrder
from leed_traffic.simulation.demand.vehicle_types import CLASSES, OTHER, VehicleTypes

_THINNED = ("--scale", "--ignore-route-errors")  # with these SUMO leaves out vehicles that the files name
WALKER = "walker"
RIDER = "rider"


@dataclass(frozen=True, slots=True, kw_only=True)
class TripRecord:
    """One vehicle or person that was scheduled to depart."""

    of_class: str
    scheduled_s: float
    has_departed: bool
    has_finished: bool
    delay_s: float
    duration_s: float
    waiting_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandNames:
    """Names in demand files: vehicles with departure (s) and type, the types, and whom SUMO leaves out for their order."""

    vehicles: dict[str, tuple[float, str]]
    types: VehicleTypes
    out_of_order: tuple[str, ...]  # vehicles, persons and flows

    def class_of(self, vehicle_type: str) -> str:
        """See `VehicleTypes`."""
        return self.types.class_of(vehicle_type)


def read_trips(
    trips_file: Path, scenario: Scenario, demand: DemandNames
) -> tuple[tuple[TripRecord, ...], tuple[TripRecord, ...]]:
    """Everybody scheduled within the hour, whether they set out or not: (vehicles, persons).

    SUMO tells the time lost of a finished walk only: of a person under way the time standing counts as delay.

    Raises:
        OSError, ParseError, ValueError: the record cannot be read.
    """
    vehicles: dict[str, TripRecord] = {}
    persons = []
    for _, item in ET.iterparse(trips_file):
        if item.tag not in ("tripinfo", "personinfo"):
            continue
        trip = _vehicle(item, scenario, demand) if item.tag == "tripinfo" else _person(item, scenario)
        if scenario.begin_s <= round(trip.scheduled_s, 3) < scenario.end_s:
            if item.tag == "tripinfo":
                vehicles[item.get("id", "")] = trip
            else:
                persons.append(trip)
        item.clear()
    if not set(scenario.options) & set(_THINNED):
        for name, (depart_s, vehicle_type) in demand.vehicles.items():
            # of a scaled type SUMO draws how many there are: its records alone tell who was scheduled
            if scenario.begin_s <= depart_s < scenario.end_s and demand.types.scale_of(vehicle_type) == 1.0:
                vehicles.setdefault(name, _never_departed(depart_s, scenario, demand.class_of(vehicle_type)))
    return tuple(vehicles.values()), tuple(persons)


def read_demand(
    route_files: Iterable[Path], additional_files: Iterable[Path] = (), *, begin_s: float = 0.0
) -> DemandNames:
    """Vehicles, trips and vehicle types that demand files name; without vehicles that wait for a person.

    Args:
        route_files: what is out of order in one is left out, as SUMO does.
        additional_files: may name vehicles, too, in any order.
        begin_s: of the simulation.

    Raises:
        ScenarioError: a file cannot be read, or a type's figure is none.
    """
    vehicles: dict[str, tuple[float, str]] = {}
    types = VehicleTypes()
    out_of_order = []
    whole = [(path, None) for path in additional_files]  # SUMO reads these first, and in any order
    for path, order in [*whole, *((path, DepartureOrder()) for path in route_files)]:
        for item in top_level(path, with_included=True):
            if order is not None and order.leaves_out(item):
                out_of_order.append(item.get("id", ""))
                continue
            try:
                types.add(item)
            except ValueError as err:
                raise ScenarioError(f"{path}: {item.tag} {item.get('id')}: {err}") from err
            if item.tag in ("vehicle", "trip"):
                depart_s = departure_seconds(item.get("depart", ""), begin_s)
                if depart_s is not None:
                    vehicles[item.get("id", "")] = (depart_s, item.get("type", ""))
    return DemandNames(vehicles=vehicles, types=types, out_of_order=tuple(out_of_order))


def _vehicle(item: ET.Element, scenario: Scenario, demand: DemandNames) -> TripRecord:
    depart_s = float(item.get("depart", -1))
    wait_to_enter_s = float(item.get("departDelay", 0))
    of_class = demand.class_of(item.get("vType", ""))
    if depart_s < 0.0:
        return _never_departed(scenario.end_s - wait_to_enter_s, scenario, of_class)
    return TripRecord(
        of_class=of_class,
        scheduled_s=depart_s - wait_to_enter_s,
        has_departed=True,
        has_finished=float(item.get("arrival", -1)) >= 0.0,
        delay_s=float(item.get("timeLoss", 0)) + wait_to_enter_s,
        duration_s=float(item.get("duration", 0)),
        waiting_s=float(item.get("waitingTime", 0)),
    )


def _never_departed(depart_s: float, scenario: Scenario, of_class: str) -> TripRecord:
    return TripRecord(
        of_class=of_class,
        scheduled_s=depart_s,
        has_departed=False,
        has_finished=False,
        delay_s=scenario.end_s - depart_s,
        duration_s=0.0,
        waiting_s=0.0,
    )


def _person(item: ET.Element, scenario: Scenario) -> TripRecord:
    depart_s = float(item.get("depart", -1))
    stages = [stage for stage in item if stage.tag in ("walk", "access", "ride", "transship")]
    has_finished = all(float(stage.get("arrival", -1)) >= 0.0 for stage in stages)
    waiting_s = float(item.get("waitingTime", 0))
    duration_s = float(item.get("duration", scenario.end_s - depart_s))
    return TripRecord(
        of_class=RIDER if any(stage.tag == "ride" for stage in stages) else WALKER,
        scheduled_s=depart_s,
        has_departed=True,
        has_finished=has_finished,
        delay_s=max(float(item.get("timeLoss", 0)), waiting_s),
        duration_s=max(0.0, duration_s),
        waiting_s=waiting_s,
    )


def classes_in(trips: Sequence[TripRecord]) -> tuple[str, ...]:
    """The classes that travelled, in the order in which they are listed."""
    order = (*CLASSES, OTHER, WALKER, RIDER)
    present = {trip.of_class for trip in trips}
    return tuple(name for name in order if name in present)
