"""Every controller on the same seeds, one simulation per controller and seed, in parallel processes.

`fixed` and `actuated` are the net's own programs and run without our stage program; all others pass it and the envelope.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.artifacts.site import Site, load_site
from leed_traffic.domain.action import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.sensing import Sensing
from leed_traffic.errors import LeedError, ScenarioError
from leed_traffic.evaluate.controllers import OWN_PROGRAM, Choice, Kind, build_controller
from leed_traffic.evaluate.results import COUNTS, MEANS, Comparison, Evaluation, Run, per_seed_csv, summarise, write_output
from leed_traffic.evaluate.timeline import Timeline, lay_out, read_timeline
from leed_traffic.simulation.demand import write_demand
from leed_traffic.simulation.engine import Engine, sumo_version
from leed_traffic.simulation.env import SignalEnv
from leed_traffic.simulation.episode import run_episode
from leed_traffic.simulation.metrics import SeedScore, read_score
from leed_traffic.simulation.network_import import import_network
from leed_traffic.simulation.own_program import Incumbent, write_programs
from leed_traffic.simulation.pool import run_parallel
from leed_traffic.simulation.sumo_options import STATES_NAME

RESULTS_NAME, PER_SEED_NAME = "results.json", "per_seed.csv"


class EvaluateConfig(BaseModel):
    """What to compare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str
    """Name, folder or `.sumocfg`."""
    controllers: tuple[Choice, ...] = Field(min_length=1)
    """Who drives the signals; see `controllers.parse_controllers`."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Each controller meets each of them; none that training saw."""
    site: str | None = None
    """None: the scenario's own or derived; `as-net`; else a file."""
    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Between two requests."""
    workers: int = Field(default=2, ge=0)
    """Parallel processes; 0: all in this one."""
    horizon_s: float | None = Field(default=None, gt=0.0)
    """Look only at so much of the scenario; None: the whole."""
    sensing: str = "ideal"
    """What controllers behind the envelope see: `ideal`, `camera`, `loops` or a sensing file."""
    keeps_timeline: bool = False
    """Whether the first seed's runs tell what the signals showed."""

    @model_validator(mode="after")
    def _seeds_differ(self) -> "EvaluateConfig":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"need each seed once, got {self.seeds}")
        return self

    @property
    def n_runs(self) -> int:
        """Simulations to come."""
        return len(self.controllers) * len(self.seeds)


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
    sensing: Sensing
    keeps_timeline: bool


def evaluate(config: EvaluateConfig, on_run: Callable[[Run], None] | None = None) -> Evaluation:
    """The document of `leedctl evaluate --json`; see `compare`."""
    return compare(config, on_run).evaluation


def compare(config: EvaluateConfig, on_run: Callable[[Run], None] | None = None) -> Comparison:
    """Run every controller on every seed.

    Args:
        config: what to compare.
        on_run: told as each run ends, in any order.

    Raises:
        LeedError: scenario, site, plans or a bundle are unusable, or a run failed; the message names the controller.
    """
    scenario = load_scenario(config.scenario)
    if config.horizon_s is not None:
        scenario = replace(scenario, end_s=min(scenario.end_s, scenario.begin_s + config.horizon_s))
    network = import_network(scenario.net_file, scenario.additional_files)
    site = load_site(config.site, scenario, network)
    sensing = load_sensing(config.sensing, network)
    reaches = {choice: _check(choice, network, site, config.decision_interval_s) for choice in config.controllers}
    tasks = [
        RunTask(
            choice=choice,
            seed=seed,
            scenario=scenario,
            network=network,
            site=site,
            decision_interval_s=config.decision_interval_s,
            reach_m=reaches[choice],
            sensing=sensing,
            keeps_timeline=config.keeps_timeline and seed == config.seeds[0],
        )
        for choice in config.controllers
        for seed in config.seeds
    ]
    on_done = None if on_run is None else lambda _index, run: on_run(run)
    runs = run_parallel(run_one, tasks, workers=min(config.workers, len(tasks)), on_done=on_done)
    evaluation = Evaluation(
        scenario=scenario.name,
        site=site.name,
        sensing=config.sensing,
        seeds=config.seeds,
        sumo_version=sumo_version(),
        results=tuple(summarise(c.name, [run for run in runs if run.controller == c.name]) for c in config.controllers),
    )
    return Comparison(evaluation=evaluation, runs=tuple(runs), rows=lay_out(network.intersections))


def run_one(task: RunTask) -> Run:
    """One simulation from begin to end, scored from its recorded outputs.

    Raises:
        LeedError: of the kind that happened, with the controller and the seed in front.
    """
    with tempfile.TemporaryDirectory(prefix="leed-evaluate-") as folder:
        record = Path(folder)
        try:
            score = _own_program(task, record) if task.choice.kind in OWN_PROGRAM else _in_env(task, record)
            timeline: Timeline = {}
            if task.keeps_timeline:
                timeline = read_timeline(record / STATES_NAME, task.network.intersections, end_s=task.scenario.end_s)
        except LeedError as err:
            raise type(err)(f"{task.choice.name} on seed {task.seed}: {err}") from err
    return _as_run(task, score, timeline)


def write_results(folder: Path, comparison: Comparison) -> None:
    """`results.json` (the `--json` document) and `per_seed.csv` (every run).

    Raises:
        UsageError: they cannot be written there.
    """
    write_output(folder / RESULTS_NAME, comparison.evaluation.model_dump_json(indent=2) + "\n")
    write_output(folder / PER_SEED_NAME, per_seed_csv(comparison.runs))


def _check(choice: Choice, network: Network, site: Site, decision_interval_s: float) -> float:
    """Refuse what cannot run before anything runs; return the reach of the detectors that the controller observes with.

    Raises:
        LeedError: of what is wrong, with the controller in front.
    """
    if choice.kind in OWN_PROGRAM:
        return DEFAULT_REACH_M
    try:
        build_controller(choice, network, site, decision_interval_s=decision_interval_s)
        return read_bundle(choice.path).manifest.reach_m if choice.kind is Kind.BUNDLE and choice.path else DEFAULT_REACH_M
    except LeedError as err:
        raise type(err)(f"{choice.name}: {err}") from err


def _in_env(task: RunTask, record: Path) -> SeedScore:
    """Behind stage program and envelope."""
    controller = build_controller(task.choice, task.network, task.site, decision_interval_s=task.decision_interval_s)
    with SignalEnv(
        task.scenario,
        task.network,
        task.site,
        decision_interval_s=task.decision_interval_s,
        reach_m=task.reach_m,
        sensing=task.sensing,
        record=record,
    ) as env:
        score = run_episode(env, controller, task.seed).score
    if score is None:
        raise ScenarioError(f"{task.scenario.name}: the run left no record to score")
    return score


def _own_program(task: RunTask, record: Path) -> SeedScore:
    """The net's own programs, left to themselves."""
    incumbent = Incumbent.FIXED if task.choice.kind is Kind.FIXED else Incumbent.ACTUATED
    with tempfile.TemporaryDirectory(prefix="leed-demand-") as name:
        folder = Path(name)
        route_files = write_demand(task.scenario, task.seed, folder)
        programs = write_programs(folder, task.network, task.site, incumbent, step_s=task.scenario.step_length_s)
        engine = Engine()
        try:
            engine.start(
                task.scenario, seed=task.seed, route_files=route_files, record=record, additional_files=programs, audit=True
            )
            engine.advance(task.scenario.end_s)
        finally:
            engine.close()
        return read_score(record, task.scenario, task.network, task.site, seed=task.seed, route_files=route_files)


def _as_run(task: RunTask, score: SeedScore, timeline: Timeline) -> Run:
    figures = {name: getattr(score, name) for name in (*MEANS, *COUNTS)}
    return Run(controller=task.choice.name, seed=task.seed, **figures, timeline=timeline)
