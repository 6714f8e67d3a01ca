"""What works at one junction: embedded plans, plans that every junction tries, and changes of the best, each executed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.action import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.plan import Plan, SequencePlan, check_plan
from leed_traffic.generate.author import Author
from leed_traffic.generate.bench import Bench, Setting
from leed_traffic.generate.brief import Attempt, Brief, write_briefs
from leed_traffic.generate.run import start_plans
from leed_traffic.planner.junctions import build_junction
from leed_traffic.planner.variants import (
    change,
    change_sequence,
    common_settings,
    draw_settings,
    priority_plan,
    writable,
)
from leed_traffic.simulation.env import Reward
from leed_traffic.simulation.network_import import import_network
from leed_traffic.simulation.pool import WorkerPool

TRIED_NAME = "tried"  # remembered results, in the junction's folder
SEED, SECOND_SEED = 11, 12  # the author's seeds: all plans on the first, the best on both
N_DRAWN, N_SEQUENCES = 2, 2  # beside the embedded and the common plans
GENERATIONS, N_CHANGES = 1, 5  # changes of the best three
CONFIRMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One junction to study."""

    folder: Path
    seed: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A plan and how it did on the first seed; on both, if it was among the best."""

    what: str
    attempt: Attempt
    delay_s: float
    mean_delay_s: float | None = None

    @property
    def plan(self) -> Plan:
        """What was executed."""
        return self.attempt.plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A junction's brief and all that was tried there, the embedded plans first."""

    brief: Brief
    baseline_delay_s: float  # the fallback cycle
    starts: tuple[Tried, ...]
    others: tuple[Tried, ...]

    @property
    def tried(self) -> tuple[Tried, ...]:
        """Everything."""
        return (*self.starts, *self.others)

    @property
    def best(self) -> list[Tried]:
        """From the best on: those that were tried on both seeds by their mean, then the others."""
        return sorted(self.tried, key=lambda t: (t.mean_delay_s is None, t.mean_delay_s or t.delay_s))


def study_junction(task: Task) -> Study:
    """Build the junction if it is not there, and try what has not been tried yet; the same task gives the same study."""
    rng = np.random.default_rng([task.seed, task.index])
    scenario = build_junction(task.folder, np.random.default_rng([task.seed, task.index, 1]))
    with WorkerPool(0) as pool:
        return _study(scenario, Bench(setting_of(scenario), pool, task.folder / TRIED_NAME, lambda what: None), rng)


def setting_of(scenario: Scenario) -> Setting:
    """A junction under the conditions of `leedctl generate`."""
    network = import_network(scenario.net_file)
    return Setting(
        scenario=scenario,
        network=network,
        site=load_site(None, scenario, network),
        decision_interval_s=DEFAULT_DECISION_INTERVAL_S,
        reach_m=DEFAULT_REACH_M,
        reward=Reward.TIME_LOSS,
    )


def _study(scenario: Scenario, bench: Bench, rng: np.random.Generator) -> Study:
    setting = bench.setting
    (brief,) = write_briefs(scenario, setting.network, setting.site.timings, (SEED, SECOND_SEED))
    name = brief.intersection.id
    embedded = {what: plans[name] for what, plans in start_plans([brief], Author.SEARCH).items()}
    starts = _try(bench, list(embedded.items()))
    (fallback,) = bench.try_out([None], (SEED,), "fallback")
    others = _try(bench, _first_others(brief, embedded["webster, own cycles"], rng))
    for generation in range(GENERATIONS):
        parents = sorted([*starts, *others], key=lambda t: t.delay_s)[:3]
        children = [
            change(_parent(parents[k % 3].plan, brief), brief.intersection, brief.timing, rng) for k in range(N_CHANGES)
        ]
        others += _try(bench, [(f"changed, generation {generation + 1}", child) for child in children])
    starts, others = _confirm(bench, starts, others)
    return Study(brief=brief, baseline_delay_s=fallback.delay_s, starts=tuple(starts), others=tuple(others))


def _first_others(brief: Brief, webster: Plan, rng: np.random.Generator) -> list[tuple[str, Plan]]:
    name = brief.intersection.id
    plans = [(f"common {k + 1}", priority_plan(name, settings)) for k, settings in enumerate(common_settings())]
    plans += [("drawn", priority_plan(name, draw_settings(rng))) for _ in range(N_DRAWN)]
    wanted: list[tuple[str, Plan]] = [*plans]
    if isinstance(webster, SequencePlan):
        whole = writable(webster, brief.timing)
        wanted += [("sequence", change_sequence(whole, brief.timing, rng)) for _ in range(N_SEQUENCES)]
    return wanted


def _parent(plan: Plan, brief: Brief) -> Plan:
    return writable(plan, brief.timing) if isinstance(plan, SequencePlan) else plan


def _try(bench: Bench, plans: Sequence[tuple[str, Plan]]) -> list[Tried]:
    junction, timing = bench.setting.network.intersections[0], bench.setting.site.timings[0]
    for _, plan in plans:
        check_plan(plan, junction, timing)
    trials = bench.try_out([{plan.intersection: plan} for _, plan in plans], (SEED,), "plans")
    return [
        Tried(
            what=what,
            attempt=Attempt(plan=plan, local_return=float(trial.returns[0]), diagnosis=trial.diagnosis(0)),
            delay_s=trial.delay_s,
        )
        for (what, plan), trial in zip(plans, trials, strict=True)
    ]


def _confirm(bench: Bench, starts: Sequence[Tried], others: Sequence[Tried]) -> tuple[list[Tried], list[Tried]]:
    """The best of all on a second seed, too: what was best by chance falls back."""
    best = sorted([*starts, *others], key=lambda t: t.delay_s)[:CONFIRMED]
    trials = bench.try_out([{t.plan.intersection: t.plan} for t in best], (SEED, SECOND_SEED), "confirmation")
    mean = {id(t): trial.delay_s for t, trial in zip(best, trials, strict=True)}

    def confirmed(t: Tried) -> Tried:
        return Tried(what=t.what, attempt=t.attempt, delay_s=t.delay_s, mean_delay_s=mean.get(id(t)))

    return [confirmed(t) for t in starts], [confirmed(t) for t in others]
