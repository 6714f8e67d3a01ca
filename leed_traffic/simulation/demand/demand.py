"""One day's demand, drawn by a seed from a scenario's means or around its given day, and written as explicit departures."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from leed_traffic.artifacts.scenario import DemandSpec, Flow, Scenario
from leed_traffic.simulation.demand.drawn_day import GivenDay, draw_day

# Speeds scatter around the limit, so that platoons disperse as they do on a street.
VEHICLE_TYPES = """\
  <vType id="car" vClass="passenger" length="4.8" minGap="2.5" accel="2.6" decel="4.5" sigma="0.5" \
speedFactor="normc(1.0,0.1,0.75,1.25)"/>
  <vType id="truck" vClass="truck" length="10.0" minGap="2.5" accel="1.3" decel="4.0" sigma="0.5" maxSpeed="25.0" \
speedFactor="normc(0.92,0.06,0.75,1.05)"/>
"""
PEDESTRIAN_START_M = 60.0  # before the end of the first edge: a longer walk along the street teaches nothing


Kind = Literal["car", "truck", "pedestrian"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One vehicle or pedestrian of the day."""

    depart_s: float
    name: str
    kind: Kind
    flow: Flow


def write_demand(scenario: Scenario, seed: int, directory: Path) -> tuple[Path, ...]:
    """The route files of one day: written for our own scenarios and where given days are to differ, else the given ones.

    The same seed gives the same bytes. All departures lie in [begin_s, end_s), sorted.

    Raises:
        ScenarioError: a given route file cannot be read.
    """
    if scenario.demand is None:
        return _around_the_given(scenario, seed, directory) if scenario.spread > 0.0 else scenario.route_files
    spec = scenario.demand
    routes = [f'  <route id="{flow.name}" edges="{" ".join(flow.edges)}"/>\n' for flow in spec.vehicles]
    entries = [_entry(departure) for departure in draw_departures(scenario, seed)]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{scenario.name}.{seed}.rou.xml"
    path.write_text("".join(["<routes>\n", VEHICLE_TYPES, *routes, *entries, "</routes>\n"]), encoding="utf-8")
    return (path,)


def _around_the_given(scenario: Scenario, seed: int, directory: Path) -> tuple[Path, ...]:
    if not scenario.route_files:
        return ()
    day = GivenDay(
        route_files=scenario.route_files,
        begin_s=scenario.begin_s,
        end_s=scenario.end_s,
        step_length_s=scenario.step_length_s,
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{scenario.name}.{seed}.rou.xml"
    path.write_bytes(draw_day(day, spread=scenario.spread, seed=seed))
    return (path,)


def draw_departures(scenario: Scenario, seed: int) -> list[Departure]:
    """Everybody who sets out on the seed's day, by time; empty for a foreign scenario, whose files fix it."""
    if scenario.demand is None:
        return []
    rng = np.random.default_rng(seed)
    departures = []
    for flow in scenario.demand.vehicles:
        times = _times(flow, scenario, scenario.demand, rng)
        is_truck = rng.random(len(times)) < scenario.demand.truck_share
        for i, (time, truck) in enumerate(zip(times, is_truck, strict=True)):
            name = f"{flow.name}.{i}"
            departures.append(Departure(depart_s=time, name=name, kind="truck" if truck else "car", flow=flow))
    for flow in scenario.demand.pedestrians:
        for i, time in enumerate(_times(flow, scenario, scenario.demand, rng)):
            departures.append(Departure(depart_s=time, name=f"walk.{flow.name}.{i}", kind="pedestrian", flow=flow))
    return sorted(departures, key=lambda departure: (departure.depart_s, departure.name))


def _times(flow: Flow, scenario: Scenario, spec: DemandSpec, rng: np.random.Generator) -> list[float]:
    """Departures of one flow: a Poisson process whose rate is the period's mean times a factor of the day, s."""
    times: list[float] = []
    for period, per_hour in enumerate(flow.per_hour):
        begin_s = scenario.begin_s + period * spec.period_s
        length_s = max(0.0, min(spec.period_s, scenario.end_s - begin_s))
        # ln factor ~ N(-spread^2 / 2, spread^2), so that its mean is 1
        factor = rng.lognormal(-(spec.spread**2) / 2.0, spec.spread)
        n = rng.poisson(per_hour * factor * length_s / 3600.0)
        offsets_s = np.sort(rng.random(n)) * length_s
        step_s = scenario.step_length_s  # SUMO inserts at whole steps: a later fraction would only look like delay
        times += [begin_s + math.floor(offset_s / step_s) * step_s for offset_s in offsets_s.tolist()]
    return times


def _entry(departure: Departure) -> str:
    depart = f'id="{departure.name}" depart="{departure.depart_s:.2f}"'
    if departure.kind == "pedestrian":
        edges = " ".join(departure.flow.edges)
        return f'  <person {depart} departPos="-{PEDESTRIAN_START_M:.0f}"><walk edges="{edges}"/></person>\n'
    kind = f'type="{departure.kind}" route="{departure.flow.name}"'
    return f'  <vehicle {depart} {kind} departLane="best" departSpeed="max"/>\n'
