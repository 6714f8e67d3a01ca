"""Comparison of controllers on the same seeds, one simulation per controller and seed, in parallel processes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.result_store import ResultStore
from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.artifacts.sensing_file import load_sensing
from leed_traffic.artifacts.site import Site, load_site
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.errors import LeedError, MismatchError
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import MADE, OWN_PROGRAM, Choice, ControllerKind, build_controller
from leed_traffic.evaluate.kept_runs import kept_runs, run_digest
from leed_traffic.evaluate.one_run import INCUMBENTS, RunTask, run_one
from leed_traffic.evaluate.records.corridor import find_corridor
from leed_traffic.evaluate.records.recording import choose_plotted
from leed_traffic.evaluate.records.street_map import read_street_map
from leed_traffic.evaluate.records.timeline import lay_out
from leed_traffic.evaluate.results import Evaluation, ProgramCycle
from leed_traffic.evaluate.runs import Comparison, ControllerRun, Scene
from leed_traffic.evaluate.summary import evaluate_runs
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.incumbents.own_cycles import own_cycles
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.pool import run_parallel
from leed_traffic.simulation.scenario.places import read_places
from leed_traffic.simulation.sumo.engine import sumo_version


def evaluate(config: EvaluateConfig, on_run: Callable[[ControllerRun], None] | None = None) -> Evaluation:
    """The document of `leedctl evaluate --json`; see `compare`."""
    return compare(config, on_run).evaluation


def compare(config: EvaluateConfig, on_run: Callable[[ControllerRun], None] | None = None) -> Comparison:
    """Run every controller on every seed; runs that `config.out` holds already are taken from there.

    Args:
        config: what to compare.
        on_run: called as each run ends, in any order.

    Raises:
        LeedError: scenario, site, plans or a bundle are unusable, or a run failed; the message names the
            controller.
    """
    scenario = with_spread(load_scenario(config.scenario), config.spread)
    if config.horizon_s is not None:
        scenario = replace(scenario, end_s=min(scenario.end_s, scenario.begin_s + config.horizon_s))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    setting = EnvSpec(
        scenario=scenario,
        network=network,
        site=load_site(config.site, scenario, network),
        decision_interval_s=config.decision_interval_s,
        reach_m=DEFAULT_REACH_M,
        reward=Reward.TIME_LOSS,
        sensing=load_sensing(config.sensing, network),
    )
    scene = _scene(setting) if config.keeps_timeline else None
    runs = _run_missing(_tasks(config, setting, scene), kept_runs(config.out), config.workers, on_run)
    evaluation = evaluate_runs(
        runs,
        scenario=scenario.name,
        site=setting.site.name,
        sensing=config.sensing,
        sumo_version=sumo_version(),
        rules=_rules(config.ranked),
        reference=config.reference,
    )
    days = scenario.spread if scenario.demand is None else scenario.demand.spread
    facts = {
        "left_alone": dict(network.left_alone),
        "demand_spread": days,
        "program_cycles": _cycles(config.ranked, network, setting.site, scenario.step_length_s),
        "streets": read_places(scenario.net_file, network.intersections),
    }
    evaluation = evaluation.model_copy(update=facts)
    return Comparison(evaluation=evaluation, runs=tuple(runs), rows=lay_out(network.intersections), scene=scene)


def _rules(ranked: Sequence[Choice]) -> list[str]:
    """Names from which the reference is chosen: rules under the site's limits, else programs as they hang."""
    rules = [choice for choice in ranked if choice.kind not in MADE]
    return [choice.name for choice in rules if choice.kind is not ControllerKind.AS_IS] or [
        choice.name for choice in rules
    ]


def _cycles(ranked: Sequence[Choice], network: Network, site: Site, step_s: float) -> tuple[ProgramCycle, ...]:
    """Cycles of the controllers that run the signals' own programs with the site's limits put in."""
    return tuple(
        ProgramCycle(controller=choice.name, **asdict(cycle))
        for choice in ranked
        if choice.kind in INCUMBENTS
        for cycle in own_cycles(network, site, INCUMBENTS[choice.kind], step_s=step_s)
    )


def _run_missing(
    tasks: Sequence[RunTask],
    kept: ResultStore[ControllerRun],
    workers: int,
    on_run: Callable[[ControllerRun], None] | None,
) -> list[ControllerRun]:
    """The runs of all tasks, in their order; those that are not kept yet are simulated."""
    keys = [run_digest(task) for task in tasks]
    found = [_named(kept.find(key), task) for key, task in zip(keys, tasks, strict=True)]
    for run in found:
        if run is not None and on_run is not None:
            on_run(run)
    missing = [task for task, run in zip(tasks, found, strict=True) if run is None]

    def on_done(index: int, run: ControllerRun) -> None:
        kept.keep(run_digest(missing[index]), run)
        if on_run is not None:
            on_run(run)

    fresh = iter(run_parallel(run_one, missing, workers=min(workers, len(missing)), on_done=on_done))
    return [next(fresh) if run is None else run for run in found]


def _named(run: ControllerRun | None, task: RunTask) -> ControllerRun | None:
    """Name a kept run as it is asked for today: the same bundle may have another path."""
    return None if run is None else run.named(task.choice.name)


def _tasks(config: EvaluateConfig, setting: EnvSpec, scene: Scene | None) -> list[RunTask]:
    """List the runs, by controller in the order asked, then by seed.

    Raises:
        LeedError: a controller cannot run here; nothing has run yet.
    """
    tasks = []
    for choice in config.controllers:
        reach_m = _check(choice, setting)
        for seed in config.seeds:
            is_drawn = seed == config.seeds[0] and choice.name in config.drawn
            plotted = scene.plotted if scene and is_drawn else None
            tasks.append(
                RunTask(choice=choice, seed=seed, setting=replace(setting, reach_m=reach_m), plotted=plotted)
            )
    return tasks


def _scene(setting: EnvSpec) -> Scene:
    scenario = setting.scenario
    intersections = setting.network.intersections
    street_map = read_street_map(scenario.net_file)
    corridor = find_corridor(street_map, intersections)
    return Scene(
        intersections=intersections,
        timings=setting.site.timings,
        street_map=street_map,
        plotted=choose_plotted(intersections, corridor, scenario),
        begin_s=scenario.begin_s,
        end_s=scenario.end_s,
    )


def _check(choice: Choice, setting: EnvSpec) -> float:
    """Refuse what cannot run before anything runs; return the reach of the controller's detectors in m.

    Raises:
        LeedError: of what is wrong, with the controller in front.
    """
    if choice.kind in OWN_PROGRAM:
        return DEFAULT_REACH_M
    try:
        build_controller(choice, setting.network, setting.site, decision_interval_s=setting.decision_interval_s)
        reaches = {
            read_bundle(c.path).manifest.reach_m
            for c in (choice.pair or (choice,))
            if c.kind is ControllerKind.BUNDLE and c.path
        }
    except LeedError as err:
        raise type(err)(f"{choice.name}: {err}") from err
    if len(reaches) > 1:
        raise MismatchError(
            f"{choice.name}: the bundles observe {sorted(reaches)} m; a pair sees through the same detectors"
        )
    return reaches.pop() if reaches else DEFAULT_REACH_M
