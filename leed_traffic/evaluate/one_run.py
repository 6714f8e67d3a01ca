"""One simulation of a comparison: one controller, one seed, scored from SUMO's own record.

`as-is`, `fixed`, `actuated`, `delay_based` and `webster` run as programs of SUMO, without our stage program; all
others pass it and the envelope.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.detectors.sensing import IDEAL, Sensing
from leed_traffic.domain.network import Network
from leed_traffic.errors import LeedError, ScenarioError
from leed_traffic.evaluate.controllers import OWN_PROGRAM, Choice, ControllerKind, build_controller
from leed_traffic.evaluate.records.intersections import (
    add_up_edges,
    read_edges,
    read_entry_waits,
    request_edges,
    score_intersections,
)
from leed_traffic.evaluate.records.recording import INTERVAL_S, Plotted, Recording, instrument, read_recording
from leed_traffic.evaluate.records.timeline import read_timeline
from leed_traffic.evaluate.results import COUNTS, MEANS
from leed_traffic.evaluate.runs import ControllerRun
from leed_traffic.evaluate.shadow import AgreementTally, ShadowedController
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.demand.turning_counts import count_turns
from leed_traffic.simulation.env.episode import run_episode
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.incumbents.own_program import Incumbent, write_fixed_plans, write_programs
from leed_traffic.simulation.incumbents.webster import fixed_plans
from leed_traffic.simulation.score.attribution import Attribution
from leed_traffic.simulation.score.audit import StateRun as SignalRun
from leed_traffic.simulation.score.audit import read_runs
from leed_traffic.simulation.score.incidents import collision_options, read_collisions, read_ways
from leed_traffic.simulation.score.limit_breaks import judge_limits
from leed_traffic.simulation.score.score import STUCK_S, SeedScore, read_score
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import STATES_NAME, TRIPS_NAME

COUNTED_DAYS = (1, 2, 3)  # seeds whose demand Webster's plan is made for: never the evaluation's
_EDGES_REQUEST = "edges.add.xml"
_EDGES_NAME = "edges.xml"
INCUMBENTS = {
    ControllerKind.FIXED: Incumbent.FIXED,
    ControllerKind.ACTUATED: Incumbent.ACTUATED,
    ControllerKind.DELAY_BASED: Incumbent.DELAY_BASED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """One controller on one seed."""

    choice: Choice
    seed: int
    scenario: Scenario
    network: Network
    site: Site
    decision_interval_s: float
    reach_m: float
    sensing: Sensing = IDEAL
    plotted: Plotted | None = None  # what to record for a report


def run_one(task: RunTask) -> ControllerRun:
    """One simulation from begin to end.

    Raises:
        LeedError: of the kind that happened, with the controller and the seed in front.
    """
    with tempfile.TemporaryDirectory(prefix="leed-evaluate-") as folder:
        try:
            return _score(task, Path(folder))
        except LeedError as err:
            raise type(err)(f"{task.choice.name} on seed {task.seed}: {err}") from err


def _watched(task: RunTask, record: Path) -> tuple[Scenario, tuple[Path, ...]]:
    """The scenario and the additional files with which SUMO records every edge, and what a report draws."""
    scenario = task.scenario
    interval_s = INTERVAL_S if task.plotted else None
    scenario = replace(scenario, options=(*scenario.options, *collision_options(record)))
    edges = request_edges(
        record / _EDGES_REQUEST, record / _EDGES_NAME, begin_s=scenario.begin_s, interval_s=interval_s
    )
    if task.plotted is None:
        return scenario, (edges,)
    scenario, loops = instrument(scenario, record, task.plotted, task.network.intersections)
    return scenario, (edges, loops)


def _score(task: RunTask, record: Path) -> ControllerRun:
    scenario, requests = _watched(task, record)
    drive = _own_program if task.choice.kind in OWN_PROGRAM else _in_env
    score, tallies = drive(replace(task, scenario=scenario), record, requests)
    intersections = task.network.intersections
    timeline = read_timeline(record / STATES_NAME, intersections, end_s=scenario.end_s)
    local = score_intersections(
        intersections,
        add_up_edges(read_edges(record / _EDGES_NAME)),
        read_entry_waits(record / TRIPS_NAME),
        timeline,
        seconds=scenario.end_s - scenario.begin_s,
    )
    recording: Recording | None = None
    if task.plotted:
        recording = read_recording(record, record / _EDGES_NAME, record / STATES_NAME, task.plotted, intersections)
    shown = read_runs(record / STATES_NAME)
    return ControllerRun(
        controller=task.choice.name,
        seed=task.seed,
        **{name: getattr(score, name) for name in (*MEANS, *COUNTS)},
        stuck_veh=score.stuck_veh,
        classes=score.classes,
        intersections=local,
        tallies=tallies,
        limit_breaks=judge_limits(
            shown, task.network, task.site.timings, judges_waits=task.choice.kind in OWN_PROGRAM
        ),
        collision_causes=_causes(task, record, shown),
        timeline=timeline if task.plotted else {},
        recording=recording,
    )


def _causes(task: RunTask, record: Path, shown: Mapping[str, Sequence[SignalRun]]) -> tuple[tuple[str, int], ...]:
    """What the collisions of a run came from, by how many."""
    found = read_collisions(record)
    if not found:
        return ()
    ways = read_ways(record, {vehicle for incident in found for vehicle in incident.vehicles})
    judge = Attribution(task.network, task.site.timings, shown, step_s=task.scenario.step_length_s)
    return tuple(sorted(Counter(str(judge.judge(incident, ways)) for incident in found).items()))


def _in_env(
    task: RunTask, record: Path, requests: tuple[Path, ...]
) -> tuple[SeedScore, tuple[AgreementTally, ...]]:
    """Behind stage program and envelope."""
    controller = build_controller(
        task.choice, task.network, task.site, decision_interval_s=task.decision_interval_s
    )
    with SignalEnv(
        task.scenario,
        task.network,
        task.site,
        decision_interval_s=task.decision_interval_s,
        reach_m=task.reach_m,
        sensing=task.sensing,
        record=record,
        additional_files=requests,
    ) as env:
        score = run_episode(env, controller, task.seed).score
    if score is None:
        raise ScenarioError(f"{task.scenario.name}: the run left no record to score")
    return score, controller.tallies() if isinstance(controller, ShadowedController) else ()


def _own_program(
    task: RunTask, record: Path, requests: tuple[Path, ...]
) -> tuple[SeedScore, tuple[AgreementTally, ...]]:
    """SUMO's programs, left to themselves."""
    scenario = task.scenario
    with tempfile.TemporaryDirectory(prefix="leed-demand-") as name:
        folder = Path(name)
        route_files = write_demand(scenario, task.seed, folder)
        added = (*requests, *_programs(task, folder))
        engine = Engine()
        try:
            engine.start(
                scenario,
                seed=task.seed,
                route_files=route_files,
                record=record,
                additional_files=added,
                audit=True,
                plans_switch=task.choice.kind is ControllerKind.AS_IS,
            )
            engine.advance(scenario.end_s)
            stuck_veh = engine.standing(STUCK_S)
        finally:
            engine.close()
        score = read_score(
            record,
            task.scenario,
            task.network,
            task.site,
            seed=task.seed,
            route_files=route_files,
            stuck_veh=stuck_veh,
        )
    return score, ()


def _programs(task: RunTask, folder: Path) -> tuple[Path, ...]:
    step_s = task.scenario.step_length_s
    if task.choice.kind is ControllerKind.AS_IS:
        return ()
    if task.choice.kind is not ControllerKind.WEBSTER:
        return write_programs(folder, task.network, task.site, INCUMBENTS[task.choice.kind], step_s=step_s)
    counts = count_turns(task.scenario, task.network, task.site.timings, COUNTED_DAYS, (0.0,))
    return write_fixed_plans(folder, task.network, task.site, fixed_plans(counts), step_s=step_s)
