"""One learner on one scenario with one seed: demonstrations, training and their cost. Resumes after a kill."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.demonstrations import digest_plans, read_manifest
from leed_traffic.artifacts.result_store import ResultStore, digest_of
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.benchmark.learners import DemonstrationSource, LearningMethod, bad_plan
from leed_traffic.domain.document import Document
from leed_traffic.domain.plan import Plan, max_wave_plan
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.errors import UsageError
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.run import generate
from leed_traffic.generate.schedule import AUTHOR_SEEDS
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.episode import PlanController
from leed_traffic.simulation.env.hour import drive_hour
from leed_traffic.train.config import EnvConfig, TrainConfig
from leed_traffic.train.env import env_of
from leed_traffic.train.expert import demonstrations_digest
from leed_traffic.train.records.run_folder import BUNDLE_NAME, CONFIG_NAME, read_setting, settings_that_differ
from leed_traffic.train.run import train

COST_NAME = "cost.json"
BARS_NAME = "bars"  # results by digest
_AUTHOR_OF = {
    DemonstrationSource.SEARCH: AuthorName.SEARCH,
    DemonstrationSource.WEBSTER: AuthorName.WEBSTER,
    DemonstrationSource.BAD: AuthorName.GIVEN,
}


class Cost(Document):
    """Cost of making demonstrations."""

    cpu_s: float


class Bar(Document):
    """Delay that a learner has to reach: max-wave's on the validation hours."""

    delays_s: tuple[float, ...]

    @property
    def delay_s(self) -> float:
        """Their mean."""
        return float(np.mean(self.delays_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyScenario:
    """A scenario and where its results go."""

    name_or_path: str
    site: str | None
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemonstrationTask:
    """An expert's demonstrations for one seed."""

    scenario: StudyScenario
    expert: DemonstrationSource
    seed: int
    runs: int  # hours of the search

    @property
    def folder(self) -> Path:
        """Folder of the demonstrations; learners of the same seed share them."""
        name = f"{self.expert}-{self.runs}" if self.expert is DemonstrationSource.SEARCH else str(self.expert)
        return self.scenario.folder / "demonstrations" / name / f"seed-{self.seed}"

    @property
    def made(self) -> Path:
        """The demonstrations themselves."""
        return self.folder / "made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One training run."""

    scenario: StudyScenario
    learner: LearningMethod
    seed: int
    episodes: int
    validation_seeds: int
    demonstrations: DemonstrationTask | None

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self.scenario.folder / self.learner.name / f"seed-{self.seed}"

    @property
    def bundle(self) -> Path:
        """The policies that did best on the validation hours."""
        return self.folder / BUNDLE_NAME


def demonstrate(task: DemonstrationTask) -> None:
    """Write an expert's demonstrations, unless they are there already."""
    if (task.folder / COST_NAME).exists():
        return
    shutil.rmtree(task.folder, ignore_errors=True)  # what a killed one had cost is not known: it begins anew
    begin_s = time.process_time()
    task.folder.mkdir(parents=True, exist_ok=True)
    author = _AUTHOR_OF[task.expert]
    plans = None
    if task.expert is DemonstrationSource.BAD:
        plans = task.folder / "bad_plans.json"
        network = env_spec(task.scenario).network
        bad = {i.id: bad_plan(i.id).model_dump(mode="json") for i in network.intersections}
        write_whole(plans, json.dumps(bad))
    generate(
        GenerateConfig(
            scenario=task.scenario.name_or_path,
            site=task.scenario.site,
            out=task.made,
            author=author,
            plans=plans,
            runs=task.runs,
            seed=task.seed,
            seeds=AUTHOR_SEEDS,  # a short search tries its rules on them: demonstrating costs no hour more
        )
    )
    cost = Cost(cpu_s=time.process_time() - begin_s)
    write_whole(task.folder / COST_NAME, cost.model_dump_json())


def set_bar(scenario: StudyScenario, validation_seeds: int) -> Bar:
    """Max-wave on the validation hours, made once."""
    spec = env_spec(scenario)
    plans: dict[str, Plan] = {i.id: max_wave_plan(i.id) for i in spec.network.intersections}
    seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + validation_seeds)
    store = ResultStore(scenario.folder / BARS_NAME, Bar)
    key = digest_of(spec.digest(), digest_plans(plans), list(seeds))
    bar = store.find(key)
    if bar is None:
        bar = Bar(delays_s=tuple(drive_hour(spec, PlanController(plans), seed).score.delay_s for seed in seeds))
        store.keep(key, bar)
    return bar


def learn(cell: Cell) -> None:
    """Train, unless the bundle is there; an interrupted run goes on.

    Raises:
        UsageError: the run that is there has other settings or another expert.
    """
    config = train_config(cell)
    if not cell.bundle.exists():
        train(config, lambda _n, _note: None)
    elif settings_that_differ(cell.folder, config) or not _has_same_expert(cell):
        raise UsageError(
            f"{cell.folder}: was trained with other settings; ask for the same ones or give another --out"
        )


def _has_same_expert(cell: Cell) -> bool:
    """Return whether a finished run learned from the demonstrations that lie there.

    One that left its expert aside names none.
    """
    kept = read_setting(cell.folder).demonstrations_digest
    return (
        not kept
        or cell.demonstrations is None
        or kept == demonstrations_digest(read_manifest(cell.demonstrations.made))
    )


def train_config(cell: Cell) -> TrainConfig:
    """The settings of a cell's run: LEED's own where the learner says nothing else."""
    made = cell.demonstrations
    settings = {
        "scenario": cell.scenario.name_or_path,
        "site": cell.scenario.site,
        "demonstrations": None if made is None else made.made,
        "out": cell.folder,
        "seed": cell.seed,
        "workers": 0,
        "resume": (cell.folder / CONFIG_NAME).exists(),
        "validation_seeds": cell.validation_seeds,
        "episodes": cell.episodes,
    }
    return TrainConfig.from_flat({**settings, **cell.learner.settings})


def env_spec(scenario: StudyScenario) -> EnvSpec:
    """The env that every learner meets."""
    return env_of(EnvConfig(scenario=scenario.name_or_path, site=scenario.site))
