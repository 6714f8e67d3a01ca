"""Every learner on every scenario with every training seed, then every final policy on the evaluation seeds.

Cells are processes of their own and are kept: a study that was killed, or is asked for more, does only what is
missing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import Field, field_validator

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
from leed_traffic.benchmark.curve import Point, learning_curve
from leed_traffic.benchmark.findings import LearnerFindings, ScenarioFindings, StudyFindings, find
from leed_traffic.benchmark.learners import Expert, LearningMethod, find_learners
from leed_traffic.domain.document import Document
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.compare import EvaluateConfig, compare
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.results import Evaluation
from leed_traffic.generate.search.budget import SHORT_RUNS
from leed_traffic.simulation.pool import run_parallel
from leed_traffic.simulation.sumo.engine import sumo_version
from leed_traffic.train.run_folder import read_metrics, read_timings

RULES = "fixed,actuated,max-pressure,max-wave"

Task = TypeVar("Task")
Result = TypeVar("Result")
OnStep = Callable[[str], None]  # called as a cell or an evaluation run ends


class StudyConfig(Document):
    """What to compare."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    """Names or paths of .sumocfg files."""
    out: Path
    """Folder of all runs; given again, the study goes on there."""
    site: str | None = None
    """Limits: None for each scenario's own, or `as-net`."""
    learners: str = "leed,ippo"
    """Names, comma-separated; see `learners.LEARNERS`."""
    training_seeds: int = Field(default=5, ge=1)
    """Seeds 1 to this: of search, weights, choices and training demand."""
    evaluation_seeds: int = Field(default=5, ge=1)
    """Hours that nothing was trained, chosen or searched on, from 1001."""
    validation_seeds: int = Field(default=3, ge=1)
    """Hours on which the curves are measured and the exported policies chosen."""
    episodes: int = Field(default=16, ge=0)
    """Own hours of a learner with an expert."""
    long_episodes: int = Field(default=96, ge=0)
    """Own hours of a learner without one."""
    search_runs: int = Field(default=SHORT_RUNS, ge=SHORT_RUNS)
    """Simulated hours of the search behind the demonstrations; under 42 it spends 6 to choose between two rules."""
    workers: int = Field(default=2, ge=0)
    """Cells at a time, one process each; 0: one after the other in this process."""

    @field_validator("learners")
    @classmethod
    def _known(cls, names: str) -> str:
        find_learners(names)
        return names

    def study_scenarios(self) -> tuple[StudyScenario, ...]:
        """Scenarios, each with the folder of its results.

        Raises:
            UsageError: two scenarios have one name.
        """
        names = [Path(scenario).stem if "/" in scenario else scenario for scenario in self.scenarios]
        if len({name.casefold() for name in names}) < len(names):  # some file systems would take A and a for one
            raise UsageError(f"scenarios {', '.join(names)}: two have one name; rename a file or study them apart")
        pairs = zip(self.scenarios, names, strict=True)
        return tuple(
            StudyScenario(name_or_path=given, site=self.site, folder=self.out / name) for given, name in pairs
        )

    def cells(self, scenario: StudyScenario) -> tuple[Cell, ...]:
        """All runs on one scenario."""
        return tuple(
            Cell(
                scenario=scenario,
                learner=learner,
                seed=seed,
                episodes=self.long_episodes if learner.is_long else self.episodes,
                validation_seeds=self.validation_seeds,
                demonstrations=self._expert(scenario, learner, seed),
            )
            for seed in range(1, self.training_seeds + 1)
            for learner in find_learners(self.learners)
        )

    def _expert(self, scenario: StudyScenario, learner: LearningMethod, seed: int) -> DemonstrationTask | None:
        if learner.expert is Expert.NOBODY:
            return None
        return DemonstrationTask(scenario=scenario, expert=learner.expert, seed=seed, runs=self.search_runs)

    @property
    def n_steps(self) -> int:
        """Number of calls of `on_step`."""
        total = 0
        for scenario in self.study_scenarios():
            cells = self.cells(scenario)
            experts = {cell.demonstrations for cell in cells if cell.demonstrations}
            judged = len(RULES.split(",")) + len(cells)
            total += 1 + len(experts) + len(cells) + judged * self.evaluation_seeds
        return total


def study(config: StudyConfig, on_step: OnStep) -> StudyFindings:
    """Run what is missing and say what was found.

    Args:
        config: learners and scenarios to compare.
        on_step: called as each demonstration, training run and evaluation run ends.

    Raises:
        LeedError: a scenario or a folder is unusable, or a worker died.
    """
    scenarios = tuple(_study_scenario(config, scenario, on_step) for scenario in config.study_scenarios())
    learners = find_learners(config.learners)
    return StudyFindings(
        training_seeds=config.training_seeds,
        evaluation_seeds=config.evaluation_seeds,
        validation_seeds=config.validation_seeds,
        episodes=config.episodes if any(not learner.is_long for learner in learners) else None,
        long_episodes=config.long_episodes if any(learner.is_long for learner in learners) else None,
        search_runs=config.search_runs if any(learner.expert is Expert.SEARCH for learner in learners) else None,
        sumo_version=sumo_version(),
        scenarios=scenarios,
    )


def _study_scenario(config: StudyConfig, scenario: StudyScenario, on_step: OnStep) -> ScenarioFindings:
    name = scenario.folder.name
    cells = config.cells(scenario)
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
