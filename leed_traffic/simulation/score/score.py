"""The score of one recorded run: every vehicle scheduled to depart within the hour counts, by id.

    delay = mean over scheduled vehicles of    time loss + wait to enter    if it departed (unfinished trips included)
                                               end - scheduled departure    if it never did

Scheduled are the vehicles and trips that the demand files name with a departure in [begin, end), and those that
SUMO made of flows, which its trip records list whether they entered or not. Earlier ones SUMO drops. Persons do
not count there: they are classes of their own beside the vehicle classes.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.score.audit import count_unsafe_changes, read_runs
from leed_traffic.simulation.score.trip_records import TripRecord, classes_in, read_demand, read_trips
from leed_traffic.simulation.sumo.options import STATES_NAME, STATISTICS_NAME, SUMMARY_NAME, TRIPS_NAME

_STEP = re.compile(rb'<step time="([0-9.]+)"[^>]* halting="(\d+)"')
STUCK_S = 300.0  # s at standstill, SUMO's default --time-to-teleport: longer than any red that a site allows


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One class of vehicles or persons; figures as in `SeedScore`."""

    of_class: str  # car, truck, bus, ...; walker and rider for persons
    scheduled: int
    departed: int
    finished: int
    delay_s: float
    waiting_s: float
    trip_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedScore:
    """Score of one simulated hour."""

    seed: int
    scheduled: int
    departed: int
    finished: int
    never_departed: int
    delay_s: float  # mean over the scheduled
    trip_time_s: float  # mean over the departed, up to the end of the hour for the unfinished
    waiting_s: float  # mean over the departed: time under 0.1 m/s
    queue_veh: float  # vehicles under 0.1 m/s, mean over the hour
    unsafe_changes: int
    emergency_stops: int
    collisions: int
    teleports: int
    stuck_veh: int = 0  # vehicles that at the end have not moved for STUCK_S
    classes: tuple[ClassScore, ...] = ()


class Running(Protocol):
    """A simulation that can be asked who stands, and ended."""

    def standing(self, at_least_s: float) -> int:
        """Count the vehicles in the net that have not moved for so long."""

    def close(self) -> None:
        """End it; the outputs are complete after this."""


def close_and_score(
    running: Running,
    record: Path,
    scenario: Scenario,
    network: Network,
    site: Site,
    *,
    seed: int,
    route_files: Sequence[Path],
) -> SeedScore:
    """End a recorded run and read its score; see `read_score`."""
    stuck_veh = running.standing(STUCK_S)
    running.close()
    return read_score(record, scenario, network, site, seed=seed, route_files=route_files, stuck_veh=stuck_veh)


def read_score(
    record: Path,
    scenario: Scenario,
    network: Network,
    site: Site,
    *,
    seed: int,
    route_files: Sequence[Path],
    stuck_veh: int = 0,
) -> SeedScore:
    """Read what `Engine.start(..., record=record, audit=True)` left behind, once the simulation is closed.

    Args:
        record: the folder.
        scenario: that ran.
        network: its signals, for the audit.
        site: the limits in force, in the order of `network.intersections`.
        seed: of the run.
        route_files: the demand that ran.
        stuck_veh: vehicles that had not moved for STUCK_S when the simulation was closed.

    Raises:
        ScenarioError: an output is missing or cut short.
    """
    try:
        demand = read_demand(route_files, scenario.additional_files, begin_s=scenario.begin_s)
        vehicles, persons = read_trips(record / TRIPS_NAME, scenario, demand)
        counts = ET.parse(record / STATISTICS_NAME).getroot()
        queue_veh = _mean_queue(record / SUMMARY_NAME, scenario)
        runs = read_runs(record / STATES_NAME)
    except (OSError, ET.ParseError, ValueError) as err:
        raise ScenarioError(
            f"{record}: the outputs of a run are missing or cut short ({err}); run it again"
        ) from err
    everybody = [*vehicles, *persons]
    classes = classes_in(everybody)
    departed = [trip for trip in vehicles if trip.has_departed]
    return SeedScore(
        seed=seed,
        scheduled=len(vehicles),
        departed=len(departed),
        finished=sum(trip.has_finished for trip in departed),
        never_departed=len(vehicles) - len(departed),
        delay_s=_mean(trip.delay_s for trip in vehicles),
        trip_time_s=_mean(trip.duration_s for trip in departed),
        waiting_s=_mean(trip.waiting_s for trip in departed),
        queue_veh=queue_veh,
        unsafe_changes=count_unsafe_changes(runs, network, site.timings),
        emergency_stops=_count(counts, "safety", "emergencyStops"),
        collisions=_count(counts, "safety", "collisions"),
        teleports=_count(counts, "teleports", "total"),
        stuck_veh=stuck_veh,
        classes=tuple(
            _score_class(name, [trip for trip in everybody if trip.of_class == name]) for name in classes
        ),
    )


def _score_class(name: str, trips: Sequence[TripRecord]) -> ClassScore:
    departed = [trip for trip in trips if trip.has_departed]
    return ClassScore(
        of_class=name,
        scheduled=len(trips),
        departed=len(departed),
        finished=sum(trip.has_finished for trip in departed),
        delay_s=_mean(trip.delay_s for trip in trips),
        waiting_s=_mean(trip.waiting_s for trip in departed),
        trip_time_s=_mean(trip.duration_s for trip in departed),
    )


def _mean_queue(path: Path, scenario: Scenario) -> float:
    steps = _STEP.findall(path.read_bytes())
    return _mean(int(halting) for time, halting in steps if scenario.begin_s <= float(time) < scenario.end_s)


def _count(root: ET.Element, tag: str, attribute: str) -> int:
    item = root.find(tag)
    if item is None:
        raise ScenarioError(f"SUMO's statistics have no {tag}; need SUMO 1.28 or newer")
    return int(item.get(attribute, 0))


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
