"""Collisions and emergency stops as SUMO wrote them down, and the ways of the vehicles that took part."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_COLLISIONS_NAME = "collisions.xml"
_WARNINGS_NAME = "warnings.log"
_WAYS_NAME = "ways.xml"
_STOP = re.compile(
    r"Vehicle '([^']*)' performs emergency stop at the end of lane '([^']*)'"
    r"( because of a red traffic light)?.*time=([0-9.]+)\."
)


class IncidentKind(StrEnum):
    """Kinds of what SUMO counts as unsafe."""

    COLLISION = "collision"
    EMERGENCY_STOP = "emergency stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One of them."""

    kind: IncidentKind
    time_s: float
    vehicles: tuple[str, ...]  # one or two; without the person
    lane: str
    is_with_person: bool = False
    is_at_red: bool = False  # SUMO names a red light as the cause of a stop


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenRoute:
    """The edges of a vehicle's route, and when it left each; shorter where it has not left them yet."""

    edges: tuple[str, ...]
    left_s: tuple[float, ...]


def incident_options(folder: Path) -> tuple[str, ...]:
    """Options of SUMO that make it write the files that `read_incidents` and `read_ways` read."""
    return (*collision_options(folder), "--error-log", str(folder / _WARNINGS_NAME))


def collision_options(folder: Path) -> tuple[str, ...]:
    """Options of SUMO that make it write what `read_collisions` and `read_ways` read; no run changes by them."""
    ways = ("--vehroute-output", str(folder / _WAYS_NAME), "--vehroute-output.exit-times", "true")
    collisions = ("--collision-output", str(folder / _COLLISIONS_NAME))
    return (*collisions, *ways, "--vehroute-output.write-unfinished", "true")


def read_incidents(folder: Path) -> list[Incident]:
    """All of a run, collisions first; each pair of vehicles once a collision."""
    found = read_collisions(folder)
    for vehicle, lane, red, time in _STOP.findall((folder / _WARNINGS_NAME).read_text(encoding="utf-8")):
        stop = Incident(
            kind=IncidentKind.EMERGENCY_STOP,
            time_s=float(time),
            vehicles=(vehicle,),
            lane=lane,
            is_at_red=bool(red),
        )
        found.append(stop)
    return found


def read_collisions(folder: Path) -> list[Incident]:
    """The collisions of a run, in its order."""
    found = []
    for item in ET.parse(folder / _COLLISIONS_NAME).getroot().iter("collision"):
        is_with_person = item.get("type") == "crossing"
        parties = (
            (item.get("collider", ""),) if is_with_person else (item.get("collider", ""), item.get("victim", ""))
        )
        found.append(
            Incident(
                kind=IncidentKind.COLLISION,
                time_s=float(item.get("time", "nan")),
                vehicles=parties,
                lane=item.get("lane", ""),
                is_with_person=is_with_person,
            )
        )
    return found


def read_ways(folder: Path, vehicles: Collection[str]) -> dict[str, DrivenRoute]:
    """The ways of these vehicles; without those that SUMO did not write down."""
    ways = {}
    for _, item in ET.iterparse(folder / _WAYS_NAME):
        if item.tag != "vehicle":
            continue
        route = (
            item.find("route") if item.find("route") is not None else item.find("routeDistribution/route[last()]")
        )
        if item.get("id") in vehicles and route is not None:
            left_s = tuple(float(word) for word in route.get("exitTimes", "").split() if float(word) >= 0.0)
            ways[item.get("id", "")] = DrivenRoute(edges=tuple(route.get("edges", "").split()), left_s=left_s)
        item.clear()
    return ways
