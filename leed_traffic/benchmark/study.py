"""Study: every learner on every scenario with every training seed, then every final policy on the evaluation seeds.

Cells are processes of their own and are kept: a study that was killed, or is asked for more, does only what is
missing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from leed_traffic.benchmark.cell import (
    COST_NAME,
    Bar,
    Cell,
    Cost,
    DemonstrationTask,
    StudyScenario,
    demonstrate,
    learn,
    set_bar,
)
from leed_traffic.benchmark.config import StudyConfig
from leed_traffic.benchmark.curve import Point, learning_curve
from leed_traffic.benchmark.findings import LearnerFindings, ScenarioFindings, StudyFindings, find
from leed_traffic.benchmark.learners import DemonstrationSource, LearningMethod, find_learners
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import RULES, EvaluateConfig
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.results import Evaluation
from leed_traffic.simulation.pool import run_parallel
from leed_traffic.simulation.sumo.engine import sumo_version
from leed_traffic.train.records.run_folder import read_metrics, read_timings

Task = TypeVar("Task")
Result = TypeVar("Result")
OnStep = Callable[[str], None]  # called as a cell or an evaluation run ends


def study_scenarios(config: StudyConfig) -> tuple[StudyScenario, ...]:
    """Scenarios, each with the folder of its results.

    Raises:
        UsageError: two scenarios have one name.
    """
    names = [Path(scenario).stem if "/" in scenario else scenario for scenario in config.scenarios]
    if len({name.casefold() for name in names}) < len(names):  # some file systems would take A and a for one
        raise UsageError(f"scenarios {', '.join(names)}: two have one name; rename a file or study them apart")
    pairs = zip(config.scenarios, names, strict=True)
    return tuple(
        StudyScenario(name_or_path=given, site=config.site, folder=config.out / name) for given, name in pairs
    )


def cells_of(config: StudyConfig, scenario: StudyScenario) -> tuple[Cell, ...]:
    """All runs on one scenario."""
    return tuple(
        Cell(
            scenario=scenario,
            learner=learner,
            seed=seed,
            episodes=config.long_episodes if learner.is_long else config.episodes,
            validation_seeds=config.validation_seeds,
            demonstrations=_expert(config, scenario, learner, seed),
        )
        for seed in range(1, config.training_seeds + 1)
        for learner in find_learners(config.learners)
    )


def _expert(
    config: StudyConfig, scenario: StudyScenario, learner: LearningMethod, seed: int
) -> DemonstrationTask | None:
    if learner.expert is DemonstrationSource.NOBODY:
        return None
    return DemonstrationTask(scenario=scenario, expert=learner.expert, seed=seed, runs=config.search_runs)


def n_steps(config: StudyConfig) -> int:
    """Number of calls of `on_step`."""
    total = 0
    for scenario in study_scenarios(config):
        cells = cells_of(config, scenario)
        experts = {cell.demonstrations for cell in cells if cell.demonstrations}
        judged = len(RULES.split(",")) + len(cells)
        total += 1 + len(experts) + len(cells) + judged * config.evaluation_seeds
    return total


def study(config: StudyConfig, on_step: OnStep) -> StudyFindings:
    """Run what is missing and say what was found.

    Args:
        config: learners and scenarios to compare.
        on_step: called as each demonstration, training run and evaluation run ends.

    Raises:
        LeedError: a scenario or a folder is unusable, or a worker died.
    """
    scenarios = tuple(_study_scenario(config, scenario, on_step) for scenario in study_scenarios(config))
    learners = find_learners(config.learners)
    return StudyFindings(
        training_seeds=config.training_seeds,
        evaluation_seeds=config.evaluation_seeds,
        validation_seeds=config.validation_seeds,
        episodes=config.episodes if any(not learner.is_long for learner in learners) else None,
        long_episodes=config.long_episodes if any(learner.is_long for learner in learners) else None,
        search_runs=config.search_runs
        if any(learner.expert is DemonstrationSource.SEARCH for learner in learners)
        else None,
        sumo_version=sumo_version(),
        scenarios=scenarios,
    )


def _study_scenario(config: StudyConfig, scenario: StudyScenario, on_step: OnStep) -> ScenarioFindings:
    name = scenario.folder.name
    cells = cells_of(config, scenario)
    bar_of = partial(set_bar, validation_seeds=config.validation_seeds)
    (bar,) = _each(bar_of, [scenario], min(1, config.workers), on_step, lambda _: f"{name}: the bar")
    experts = list(dict.fromkeys(cell.demonstrations for cell in cells if cell.demonstrations))
    _each(demonstrate, experts, config.workers, on_step, lambda task: f"{name}: {task.expert}")
    _each(learn, cells, config.workers, on_step, lambda cell: f"{name}: {cell.learner.name} {cell.seed}")
    return _findings(config, scenario, cells, bar, _evaluate(config, scenario, cells, on_step))


def _each(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    on_step: OnStep,
    name: Callable[[Task], str],
) -> list[Result]:
    return run_parallel(function, tasks, workers=workers, on_done=lambda k, _result: on_step(name(tasks[k])))


def _findings(
    config: StudyConfig, scenario: StudyScenario, cells: Sequence[Cell], bar: Bar, evaluation: Evaluation
) -> ScenarioFindings:
    findings: list[LearnerFindings] = []
    for learner in find_learners(config.learners):
        mine = [cell for cell in cells if cell.learner == learner]
        names = [_policies(cell).name for cell in mine]
        findings.append(find(learner, [curve_of(cell) for cell in mine], names, evaluation, bar.delay_s))
    rules = tuple(
        result for result in evaluation.results if not result.controller.startswith(ControllerKind.BUNDLE)
    )
    return ScenarioFindings(
        scenario=scenario.folder.name,
        site=evaluation.site,
        bar_s=bar.delay_s,
        rules=rules,
        learners=tuple(findings),
    )


def curve_of(cell: Cell) -> list[Point]:
    """Validations of a finished cell and what it had cost until then."""
    made = cell.demonstrations
    cost_s = Cost.model_validate_json((made.folder / COST_NAME).read_bytes()).cpu_s if made else 0.0
    return learning_curve(read_metrics(cell.folder), read_timings(cell.folder), cost_s)


def _policies(cell: Cell) -> Choice:
    return Choice(kind=ControllerKind.BUNDLE, path=cell.bundle)


def _evaluate(config: StudyConfig, scenario: StudyScenario, cells: Sequence[Cell], on_step: OnStep) -> Evaluation:
    first = FIRST_EVALUATION_SEED
    asked = EvaluateConfig(
        scenario=scenario.name_or_path,
        site=scenario.site,
        controllers=(*parse_controllers(RULES), *(_policies(cell) for cell in cells)),
        seeds=tuple(range(first, first + config.evaluation_seeds)),
        workers=config.workers,
        out=scenario.folder / "evaluation",
    )
    return compare(
        asked, lambda run: on_step(f"{scenario.folder.name}: {Path(run.controller).parent.name or run.controller}")
    ).evaluation
