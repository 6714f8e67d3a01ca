"""One simulation of a comparison: one controller, one seed, scored from SUMO's own record.

`as-is`, `fixed`, `actuated`, `delay_based` and `webster` run as programs of SUMO, without our stage program; all
others pass it and the envelope.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.errors import LeedError
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
from leed_traffic.evaluate.runs import ControllerRun
from leed_traffic.evaluate.shadow import AgreementTally, ShadowedController
from leed_traffic.simulation.demand.turning_counts import count_turns
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.hour import drive_hour, run_programs
from leed_traffic.simulation.incumbents.own_program import Incumbent, write_fixed_plans, write_programs
from leed_traffic.simulation.incumbents.webster import fixed_plans
from leed_traffic.simulation.score.attribution import Attribution
from leed_traffic.simulation.score.audit import StateRun as SignalRun
from leed_traffic.simulation.score.audit import read_runs
from leed_traffic.simulation.score.incidents import collision_options, read_collisions, read_ways
from leed_traffic.simulation.score.limit_breaks import judge_limits
from leed_traffic.simulation.score.score import SeedScore
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
    setting: EnvSpec
    plotted: Plotted | None = None  # traffic to record for a report


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


def _score(task: RunTask, record: Path) -> ControllerRun:
    scenario, requests = _watched(task, record)
    drive = _own_program if task.choice.kind in OWN_PROGRAM else _in_env
    setting = replace(task.setting, scenario=scenario)
    score, tallies = drive(replace(task, setting=setting), record, requests)
    intersections = setting.network.intersections
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
    displayed = read_runs(record / STATES_NAME)
    return ControllerRun(
        **{part.name: getattr(score, part.name) for part in fields(score)},
        controller=task.choice.name,
        intersections=local,
        tallies=tallies,
        limit_breaks=judge_limits(
            displayed, setting.network, setting.site.timings, judges_waits=task.choice.kind in OWN_PROGRAM
        ),
        collision_causes=_causes(setting, record, displayed),
        timeline=timeline if task.plotted else {},
        recording=recording,
    )


def _watched(task: RunTask, record: Path) -> tuple[Scenario, tuple[Path, ...]]:
    """The scenario and the additional files with which SUMO records every edge, and what a report draws."""
    scenario = task.setting.scenario
    interval_s = INTERVAL_S if task.plotted else None
    scenario = replace(scenario, options=(*scenario.options, *collision_options(record)))
    edges = request_edges(
        record / _EDGES_REQUEST, record / _EDGES_NAME, begin_s=scenario.begin_s, interval_s=interval_s
    )
    if task.plotted is None:
        return scenario, (edges,)
    scenario, loops = instrument(scenario, record, task.plotted, task.setting.network.intersections)
    return scenario, (edges, loops)


def _causes(
    setting: EnvSpec, record: Path, displayed: Mapping[str, Sequence[SignalRun]]
) -> tuple[tuple[str, int], ...]:
    """Causes of a run's collisions, with their number."""
    found = read_collisions(record)
    if not found:
        return ()
    routes = read_ways(record, {vehicle for incident in found for vehicle in incident.vehicles})
    judge = Attribution(setting.network, setting.site.timings, displayed, step_s=setting.scenario.step_length_s)
    return tuple(sorted(Counter(str(judge.judge(incident, routes)) for incident in found).items()))


def _in_env(
    task: RunTask, record: Path, requests: tuple[Path, ...]
) -> tuple[SeedScore, tuple[AgreementTally, ...]]:
    """Run a controller behind stage program and envelope."""
    setting = task.setting
    controller = build_controller(
        task.choice, setting.network, setting.site, decision_interval_s=setting.decision_interval_s
    )
    hour = drive_hour(setting, controller, task.seed, record=record, additional_files=requests)
    return hour.score, controller.tallies() if isinstance(controller, ShadowedController) else ()


def _own_program(
    task: RunTask, record: Path, requests: tuple[Path, ...]
) -> tuple[SeedScore, tuple[AgreementTally, ...]]:
    """Run SUMO's programs, left to themselves."""
    with tempfile.TemporaryDirectory(prefix="leed-programs-") as folder:
        score = run_programs(
            task.setting,
            task.seed,
            record=record,
            additional_files=(*requests, *_programs(task, Path(folder))),
            plans_switch=task.choice.kind is ControllerKind.AS_IS,
        )
    return score, ()


def _programs(task: RunTask, folder: Path) -> tuple[Path, ...]:
    """The additional files that hold the programs to run; none where they run as they hang."""
    kind = task.choice.kind
    scenario = task.setting.scenario
    network = task.setting.network
    site = task.setting.site
    if kind is ControllerKind.AS_IS:
        return ()
    if kind is not ControllerKind.WEBSTER:
        return write_programs(folder, network, site, INCUMBENTS[kind], step_s=scenario.step_length_s)
    counts = count_turns(scenario, network, site.timings, COUNTED_DAYS, (0.0,))
    return write_fixed_plans(folder, network, site, fixed_plans(counts), step_s=scenario.step_length_s)
