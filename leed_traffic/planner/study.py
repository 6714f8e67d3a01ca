"""Study of one junction: the embedded plans and a portfolio that is the same everywhere, each executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.domain.plan import Plan, check_plan
from leed_traffic.generate.bench import Bench
from leed_traffic.generate.brief import Attempt, Brief, write_briefs
from leed_traffic.planner.junctions import build_junction
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.simulation.env.env_spec import EnvSpec, env_spec
from leed_traffic.simulation.pool import WorkerPool

TRIED_NAME = "tried"  # remembered results, in the junction's folder
SEED = 11  # the author's day


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One junction to study."""

    folder: Path
    seed: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A plan and how it did on the author's day."""

    what: str
    attempt: Attempt
    delay_s: float

    @property
    def plan(self) -> Plan:
        """Plan that was executed."""
        return self.attempt.plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A junction's brief and all that was tried there."""

    brief: Brief
    baseline_delay_s: float  # the fallback cycle
    starts: tuple[Tried, ...]  # the embedded plans
    others: tuple[Tried, ...]  # the portfolio

    @property
    def tried(self) -> tuple[Tried, ...]:
        """Everything, in the same order at every junction."""
        return (*self.starts, *self.others)


def study_junction(task: Task) -> Study:
    """Build the junction if it is not there, and try what has not been tried yet; the same task gives the same study."""
    scenario = build_junction(task.folder, np.random.default_rng([task.seed, task.index, 1]))
    with WorkerPool(0) as pool:
        return _study(Bench(env_spec(scenario), pool, task.folder / TRIED_NAME, lambda what: None))


def brief_at(setting: EnvSpec) -> Brief:
    """The brief of a junction's only signal, its demand counted on the author's day."""
    (brief,) = write_briefs(setting.scenario, setting.network, setting.site.timings, (SEED,))
    return brief


def _study(bench: Bench) -> Study:
    brief = brief_at(bench.setting)
    (fallback,) = bench.try_out([None], (SEED,), "fallback")
    return Study(
        brief=brief,
        baseline_delay_s=fallback.delay_s,
        starts=_try(bench, embedded(brief)),
        others=_try(bench, portfolio(brief)),
    )


def _try(bench: Bench, plans: Mapping[str, Plan]) -> tuple[Tried, ...]:
    junction = bench.setting.network.intersections[0]
    timing = bench.setting.site.timings[0]
    for plan in plans.values():
        check_plan(plan, junction, timing)
    trials = bench.try_out([{plan.intersection: plan} for plan in plans.values()], (SEED,), "plans")
    return tuple(
        Tried(
            what=what,
            attempt=Attempt(plan=plan, local_return=float(trial.returns[0]), diagnosis=trial.diagnosis(0)),
            delay_s=trial.delay_s,
        )
        for (what, plan), trial in zip(plans.items(), trials, strict=True)
    )
