"""The score of one recorded run: every vehicle scheduled to depart within the hour counts, by id.

    delay = mean over scheduled vehicles of    time loss + wait to enter    if it departed (unfinished trips included)
                                               end - scheduled departure    if it never did

Scheduled are the vehicles and trips that the demand files name with a departure in [begin, end), and those that SUMO made of
flows, which its trip records list whether they entered or not. Earlier ones SUMO drops; persons do not count.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario, open_plain_or_gzip
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.audit import count_unsafe_changes, read_runs
from leed_traffic.simulation.sumo_options import STATES_NAME, STATISTICS_NAME, SUMMARY_NAME, TRIPS_NAME

_STEP = re.compile(rb'<step time="([0-9.]+)"[^>]* halting="(\d+)"')
_THINNED = ("--scale", "--ignore-route-errors")  # with these SUMO leaves out vehicles that the files name


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedScore:
    """What one simulated hour brought."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trip:
    scheduled_s: float
    has_departed: bool
    has_finished: bool
    delay_s: float
    duration_s: float
    waiting_s: float


def read_score(
    record: Path, scenario: Scenario, network: Network, site: Site, *, seed: int, route_files: Sequence[Path]
) -> SeedScore:
    """Read what `Engine.start(..., record=record, audit=True)` left behind, once the simulation is closed.

    Args:
        record: the folder.
        scenario: that ran.
        network: its signals, for the audit.
        site: the limits in force, in the order of `network.intersections`.
        seed: of the run.
        route_files: the demand that ran.

    Raises:
        ScenarioError: an output is missing or cut short.
    """
    try:
        trips = _trips(record / TRIPS_NAME, scenario)
        counts = ET.parse(record / STATISTICS_NAME).getroot()
        queue_veh = _mean_queue(record / SUMMARY_NAME, scenario)
        runs = read_runs(record / STATES_NAME)
    except (OSError, ET.ParseError, ValueError) as err:
        raise ScenarioError(f"{record}: the outputs of a run are missing or cut short ({err}); run it again") from err
    if not set(scenario.options) & set(_THINNED):
        for name, depart_s in _named_departures([*route_files, *scenario.additional_files]):
            if scenario.begin_s <= depart_s < scenario.end_s:
                trips.setdefault(name, _never_departed(depart_s, scenario))
    departed = [trip for trip in trips.values() if trip.has_departed]
    return SeedScore(
        seed=seed,
        scheduled=len(trips),
        departed=len(departed),
        finished=sum(trip.has_finished for trip in departed),
        never_departed=len(trips) - len(departed),
        delay_s=_mean(trip.delay_s for trip in trips.values()),
        trip_time_s=_mean(trip.duration_s for trip in departed),
        waiting_s=_mean(trip.waiting_s for trip in departed),
        queue_veh=queue_veh,
        unsafe_changes=count_unsafe_changes(runs, network, site.timings),
        emergency_stops=_count(counts, "safety", "emergencyStops"),
        collisions=_count(counts, "safety", "collisions"),
        teleports=_count(counts, "teleports", "total"),
    )


def _trips(path: Path, scenario: Scenario) -> dict[str, _Trip]:
    """The trips in SUMO's record that were scheduled within the hour."""
    trips = {}
    for _, item in ET.iterparse(path):
        if item.tag != "tripinfo":
            continue
        depart_s, wait_to_enter_s = float(item.get("depart", -1)), float(item.get("departDelay", 0))
        if depart_s < 0.0:
            trip = _never_departed(scenario.end_s - wait_to_enter_s, scenario)
        else:
            trip = _Trip(
                scheduled_s=depart_s - wait_to_enter_s,
                has_departed=True,
                has_finished=float(item.get("arrival", -1)) >= 0.0,
                delay_s=float(item.get("timeLoss", 0)) + wait_to_enter_s,
                duration_s=float(item.get("duration", 0)),
                waiting_s=float(item.get("waitingTime", 0)),
            )
        if scenario.begin_s <= round(trip.scheduled_s, 3) < scenario.end_s:
            trips[item.get("id", "")] = trip
        item.clear()
    return trips


def _never_departed(depart_s: float, scenario: Scenario) -> _Trip:
    return _Trip(
        scheduled_s=depart_s,
        has_departed=False,
        has_finished=False,
        delay_s=scenario.end_s - depart_s,
        duration_s=0.0,
        waiting_s=0.0,
    )


def _named_departures(files: Iterable[Path]) -> Iterator[tuple[str, float]]:
    """Vehicles and trips that demand files name, with their departures in seconds; without those that wait for a person."""
    for path in files:
        with open_plain_or_gzip(path) as stream:
            for _, item in ET.iterparse(stream):
                if item.tag in ("vehicle", "trip"):
                    depart_s = _seconds(item.get("depart", ""))
                    if depart_s is not None:
                        yield item.get("id", ""), depart_s
                    item.clear()


def _seconds(text: str) -> float | None:
    """Seconds, or [days:]hours:minutes:seconds; None for a word."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return None
    return sum(part * unit for part, unit in zip(reversed(parts), (1.0, 60.0, 3600.0, 86400.0), strict=False))


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
