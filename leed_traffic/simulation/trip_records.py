"""Who travelled in one recorded run: SUMO's trip records, the demand files for those who never set out, and everybody's class.

A class is who an engineer counts apart: SUMO's vehicle class, close ones joined; people on foot are walkers, people who ride
in a vehicle riders.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.xml_file import top_level

_THINNED = ("--scale", "--ignore-route-errors")  # with these SUMO leaves out vehicles that the files name
WALKER, RIDER, OTHER = "walker", "rider", "other"
_CLASSES = {
    "car": ("passenger", "private", "taxi", "evehicle", "hov", "ignoring", "vip"),
    "truck": ("truck", "trailer", "delivery"),
    "bus": ("bus", "coach"),
    "rail": ("tram", "rail_urban", "rail", "rail_electric", "rail_fast", "subway", "cable_car"),
    "motorcycle": ("motorcycle", "moped"),
    "bicycle": ("bicycle", "scooter"),
    "emergency": ("emergency", "authority", "army"),
}
_CLASS_OF = {vehicle_class: name for name, members in _CLASSES.items() for vehicle_class in members}
_DEFAULT_TYPES = {"DEFAULT_TAXITYPE": "taxi", "DEFAULT_BIKETYPE": "bicycle", "DEFAULT_RAILTYPE": "rail"}  # SUMO's own


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
    """What demand files name: vehicles with departure (s) and type, and the vehicle class of each type."""

    vehicles: dict[str, tuple[float, str]]
    classes: dict[str, str]

    def class_of(self, vehicle_type: str) -> str:
        """The class of a vehicle type; a type that was changed for one vehicle (`bus@b7`) is still its own."""
        vehicle_class = self.classes.get(vehicle_type) or self.classes.get(vehicle_type.partition("@")[0])
        return _CLASS_OF.get(vehicle_class or _DEFAULT_TYPES.get(vehicle_type, "passenger"), OTHER)


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
            if scenario.begin_s <= depart_s < scenario.end_s:
                vehicles.setdefault(name, _never_departed(depart_s, scenario, demand.class_of(vehicle_type)))
    return tuple(vehicles.values()), tuple(persons)


def read_demand(files: Iterable[Path]) -> DemandNames:
    """Vehicles, trips and vehicle types that demand files name; without vehicles that wait for a person.

    Raises:
        ScenarioError: a file cannot be read.
    """
    vehicles: dict[str, tuple[float, str]] = {}
    classes: dict[str, str] = {}
    for item in chain.from_iterable(map(top_level, files)):
        if item.tag in ("vehicle", "trip"):
            depart_s = clock_seconds(item.get("depart", ""))
            if depart_s is not None:
                vehicles[item.get("id", "")] = (depart_s, item.get("type", ""))
        elif item.tag in ("vType", "vTypeDistribution"):
            for kind in item.iter("vType"):
                classes[kind.get("id", "")] = kind.get("vClass", "passenger")
            if members := [*item.get("vTypes", "").split(), *(child.get("id", "") for child in item.iterfind("vType"))]:
                classes[item.get("id", "")] = classes.get(members[0], "passenger")
    return DemandNames(vehicles=vehicles, classes=classes)


def _vehicle(item: ET.Element, scenario: Scenario, demand: DemandNames) -> TripRecord:
    depart_s, wait_to_enter_s = float(item.get("depart", -1)), float(item.get("departDelay", 0))
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


def clock_seconds(text: str) -> float | None:
    """Seconds, or [days:]hours:minutes:seconds; None for a word."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return None
    return sum(part * unit for part, unit in zip(reversed(parts), (1.0, 60.0, 3600.0, 86400.0), strict=False))


def classes_in(trips: Sequence[TripRecord]) -> tuple[str, ...]:
    """The classes that travelled, in the order in which they are listed."""
    order = (*_CLASSES, OTHER, WALKER, RIDER)
    present = {trip.of_class for trip in trips}
    return tuple(name for name in order if name in present)
