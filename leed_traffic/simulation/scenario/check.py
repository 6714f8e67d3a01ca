"""Check of a network before anything is trained on it, as one document."""

import tempfile
from dataclasses import asdict
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones
from leed_traffic.domain.document import Document
from leed_traffic.domain.network import Intersection, Network, edge_of
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import Timing, derive_timing
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.demand.turning_counts import TurningCounts, count_turns, period_starts
from leed_traffic.simulation.incumbents.webster import CYCLE_MAX_S, flow_ratios, lost_time, webster_cycle
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.network.never_green import never_green
from leed_traffic.simulation.network.program_faults import program_faults
from leed_traffic.simulation.scenario.departures import find_never_departing
from leed_traffic.simulation.scenario.places import read_places
from leed_traffic.simulation.sumo.engine import Engine

TRIED_S = 300.0  # s of the scenario that a check simulates: SUMO reads demand as it goes


class Load(Document):
    """Demand against capacity in the busiest quarter of an hour (Webster 1958)."""

    from_s: float
    """Since the scenario's begin."""
    flow_vehph: float
    """Vehicles per hour over all approaches."""
    flow_ratio: tuple[float, ...]
    """Of each stage: the flow on its fullest lane over the saturation flow."""
    y: float
    """Webster's Y: the sum of the critical flow ratios."""
    lost_s: float
    """Clearances in one cycle, by the derived limits."""
    cycle_s: float
    """Webster's cycle."""
    y_max: float
    """What a cycle of two minutes can carry: 1 - L / 120."""

    @property
    def verdict(self) -> str:
        """Verdict in one word."""
        share = self.y / self.y_max if self.y_max > 0.0 else 2.0
        return "over capacity" if share > 1.0 else "near capacity" if share > 0.85 else "below capacity"


class CheckedMovement(Document):
    """One movement."""

    link: int
    kind: str
    from_edge: str
    to_edge: str
    from_lane: str
    to_lane: str
    direction: str


class Missing(Document):
    """Something that a signal's own program lacks."""

    kind: str
    phase: int
    sentence: str


class SignalCheck(Document):
    """One signal that can be controlled."""

    id: str
    streets: str = ""
    """Where it is, by the names of its streets; empty where they have none."""
    n_stages: int
    n_lanes: int
    n_movements: int
    n_crossings: int
    program: str
    stages: tuple[str, ...]
    neighbours: tuple[str, ...]
    movements: tuple[CheckedMovement, ...]
    n_conflicts: int
    """Pairs of links whose paths cross or merge."""
    never_green: tuple[int, ...]
    """Links that no phase of its program serves: whoever comes there never passes."""
    missing: tuple[Missing, ...]
    detectors: dict[str, int]
    """Proposed by `leedctl scenario detectors`, by kind."""
    load: Load


class Named(Document):
    """A signal left alone, with the reason; or a note on one that is not."""

    id: str
    reason: str


class CheckNote(Document):
    """A phase that is not shown as it stands in the net, or a program that is not run as it stands."""

    id: str
    note: str


class Stranded(Document):
    """Vehicles that can never depart, for one reason."""

    reason: str
    vehicles: int
    examples: tuple[str, ...]


class ScenarioCheck(Document):
    """The document of `leedctl scenario check --json`."""

    scenario: str
    net_file: str
    begin_s: float
    end_s: float
    simulated_until_s: float | None = None
    """None before SUMO has tried it."""
    network_digest: str
    signals: tuple[SignalCheck, ...]
    left_alone: tuple[Named, ...]
    notes: tuple[CheckNote, ...]
    never_depart: tuple[Stranded, ...]
    not_taken: tuple[str, ...] = ()
    """Options of a configuration that every run of ours sets in its own way."""
    fixes: tuple[str, ...] = ()
    fixed_copy: str | None = None


def check_scenario(scenario: Scenario, seed: int) -> tuple[ScenarioCheck, Network]:
    """Everything that can be said without simulating.

    Args:
        scenario: to check.
        seed: of the day whose demand is counted, where days differ.

    Raises:
        ScenarioError: a file is missing or broken, or no signal can be controlled.
    """
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    timings = [derive_timing(intersection) for intersection in network.intersections]
    starts = period_starts(scenario.end_s - scenario.begin_s)
    counts = count_turns(scenario, network, timings, [seed], starts)
    places = read_places(scenario.net_file, network.intersections)
    document = ScenarioCheck(
        scenario=scenario.name,
        net_file=str(scenario.net_file),
        begin_s=scenario.begin_s,
        end_s=scenario.end_s,
        network_digest=network.digest(),
        signals=tuple(
            _signal(i, t, counted, places.get(i.id, ""))
            for i, t, counted in zip(network.intersections, timings, counts, strict=True)
        ),
        left_alone=tuple(Named(id=name, reason=reason) for name, reason in network.left_alone),
        notes=tuple(CheckNote(id=name, note=note) for name, note in network.notes),
        never_depart=tuple(Stranded(**asdict(found)) for found in find_never_departing(scenario)),
        not_taken=scenario.set_aside,
    )
    return document, network


def try_out(scenario: Scenario, seed: int) -> float:
    """Let SUMO simulate the first minutes; return when it stopped, in seconds.

    Raises:
        ScenarioError: SUMO refuses the net or the demand.
    """
    until_s = min(scenario.begin_s + TRIED_S, scenario.end_s)
    engine = Engine()
    with tempfile.TemporaryDirectory(prefix="leed-check-") as folder:
        try:
            engine.start(scenario, seed=seed, route_files=write_demand(scenario, seed, Path(folder)))
            engine.advance(until_s)
        finally:
            engine.close()
    return until_s


def _signal(intersection: Intersection, timing: Timing, counted: TurningCounts, streets: str) -> SignalCheck:
    placed = (*place_zones(intersection, DEFAULT_REACH_M), *place_loops(intersection))
    return SignalCheck(
        id=intersection.id,
        streets=streets,
        n_stages=intersection.n_stages,
        n_lanes=intersection.n_lanes,
        n_movements=len(intersection.vehicle_movements),
        n_crossings=len(intersection.pedestrian_links),
        program=f"{intersection.own_program_id} ({intersection.own_program_type})",
        stages=tuple(stage.state for stage in intersection.stages),
        neighbours=tuple(neighbour.id for neighbour in intersection.neighbours),
        movements=tuple(
            CheckedMovement(
                link=m.link, kind=str(m.kind), from_edge=edge_of(m.from_lane), to_edge=edge_of(m.to_lane),
                from_lane=m.from_lane, to_lane=m.to_lane, direction=m.direction,
            )
            for m in intersection.movements
        ),
        n_conflicts=len(intersection.foes),
        never_green=never_green(intersection.movements, [phase.state for phase in intersection.own_program]),
        missing=tuple(Missing(**asdict(fault)) for fault in program_faults(intersection)),
        detectors={str(kind): sum(d.kind is kind for d in placed) for kind in DetectorKind},
        load=_load(timing, counted),
    )  # fmt: skip


def _load(timing: Timing, counted: TurningCounts) -> Load:
    """The quarter of an hour with the highest Y."""
    ratios = [flow_ratios(counted, period) for period in range(len(counted.period_starts_s))]
    busiest = max(range(len(ratios)), key=lambda period: (sum(ratios[period]), -period))
    lost_s = lost_time(timing)
    return Load(
        from_s=counted.period_starts_s[busiest],
        flow_vehph=round(sum(turn.flow_vehph[busiest] for turn in counted.turns), 1),
        flow_ratio=tuple(round(ratio, 4) for ratio in ratios[busiest]),
        y=round(sum(ratios[busiest]), 4),
        lost_s=lost_s,
        cycle_s=webster_cycle(ratios[busiest], timing),
        y_max=round(1.0 - lost_s / CYCLE_MAX_S, 4),
    )
