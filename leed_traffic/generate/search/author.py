"""The embedded author: changes the parameters of priority plans and lets the simulation judge.

Rounds draw changes for every intersection on its own, smaller from round to round: an evolution strategy with one
parent (Rechenberg 1973) per intersection, all intersections at once, each credited with its local return. Before
them stand known rules and drawn ones (`halving.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import numpy as np

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.plan import URGENCY, UrgencyParameter, UrgencyPlan, max_wave_plan
from leed_traffic.errors import UsageError
from leed_traffic.generate.author import Author, Proposal
from leed_traffic.generate.bench import Plans, Trial
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.executed import ExecutedPlans, best_of, named
from leed_traffic.generate.progress import OnAsking
from leed_traffic.generate.schedule import Schedule
from leed_traffic.generate.search.budget import SHORT, SHORT_RUNS, least_runs, search_schedule
from leed_traffic.generate.search.starts import MAX_WAVE, SHORT_STARTS, field_starts
from leed_traffic.simulation.env.env_spec import EnvSpec

SHRINK = 0.75  # of the step sizes from one round to the next
SHORT_MARGIN = 0.05  # share of delay by which another start must beat max-wave on every hour of a short search


class SearchAuthor(Author):
    """Improves urgency rules by trial; the same seed proposes the same plans."""

    name = AuthorName.SEARCH

    def __init__(self, seed: int, reach_m: float, schedule: Schedule = SHORT) -> None:
        """Begin.

        Args:
            seed: of all changes.
            reach_m: no plan is made to see farther, because the policies that shall learn it do not.
            schedule: see `search_schedule`.
        """
        self._seed = seed
        self._reach_m = reach_m
        self.schedule = schedule

    @classmethod
    def schedule_for(cls, config: GenerateConfig) -> Schedule:
        """See `Author`."""
        return search_schedule(config.runs)

    @classmethod
    @contextmanager
    def open(
        cls, config: GenerateConfig, setting: EnvSpec, clock: Callable[[], float], on_asking: OnAsking
    ) -> Iterator[Self]:
        """See `Author`."""
        yield cls(config.seed, config.reach_m, cls.schedule_for(config))

    @classmethod
    def check(cls, config: GenerateConfig) -> None:
        """See `Author`."""
        if config.runs < SHORT_RUNS:
            raise UsageError(
                f"--runs {config.runs}: the search needs {SHORT_RUNS} to choose among its rules, "
                f"{least_runs()} to improve on them"
            )

    def starts(self, briefs: Sequence[Brief]) -> dict[str, Plans]:
        """See `Author`; a short search knows two rules of the field."""
        starts = field_starts(briefs)
        return starts if self.schedule.n_confirmed else {name: starts[name] for name in SHORT_STARTS}

    def choose(self, tried: Sequence[ExecutedPlans]) -> ExecutedPlans:
        """The better start where it beats max-wave plainly on every hour; max-wave needs no proof."""
        best = best_of(tried)
        rule = named(tried, MAX_WAVE)
        return best if _is_plainly_better(best.trial, rule.trial) else rule

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> list[Proposal]:
        """Changes of each intersection on its own."""
        rng = np.random.default_rng([self._seed, round_index + 1])
        size = SHRINK**round_index
        return [
            Proposal(
                what=f"changed per intersection, round {round_index + 1}",
                plans={
                    brief.intersection.id: mutate(
                        _parent(brief), brief.intersection, rng, size, reach_m=self._reach_m
                    )
                    for brief in briefs
                },
            )
            for _ in range(n_candidates)
        ]


def mutate(
    plan: UrgencyPlan, intersection: Intersection, rng: np.random.Generator, size: float, *, reach_m: float
) -> UrgencyPlan:
    """One to three parameters changed at random.

    Args:
        plan: the parent.
        intersection: whose lanes may be weighted.
        rng: draws which and how far.
        size: 1 is a bold step.
        reach_m: the farthest that it may see.
    """
    names = [*(parameter.name for parameter in URGENCY), "lane_weights"]
    chosen = rng.choice(len(names), size=rng.integers(1, 4), replace=False)
    values: dict[str, float | dict[str, float]] = {}
    for k in sorted(chosen.tolist()):
        if k < len(URGENCY):
            values[names[k]] = _changed(URGENCY[k], getattr(plan, names[k]), rng, size, reach_m=reach_m)
        else:
            values[names[k]] = _weighted(plan, intersection, rng, size)
    changed = ", ".join(sorted(values))
    return plan.model_copy(update={**values, "reasoning": f"Search: changed {changed}."})


def _changed(
    parameter: UrgencyParameter, value: float, rng: np.random.Generator, size: float, *, reach_m: float
) -> float:
    step = parameter.change * size * rng.normal()
    low, high = parameter.bounds
    fresh = value * np.exp(step) if parameter.is_factor else value + step
    return _between(fresh, low, reach_m if parameter.name == "reach_m" else high)


def _is_plainly_better(trial: Trial, rule: Trial) -> bool:
    hours = zip(trial.results, rule.results, strict=True)
    return all(mine.delay_s <= (1.0 - SHORT_MARGIN) * its.delay_s for mine, its in hours)


def _weighted(
    plan: UrgencyPlan, intersection: Intersection, rng: np.random.Generator, size: float
) -> dict[str, float]:
    """Another weight for one lane, or for all lanes of its approach."""
    chosen = intersection.lanes[int(rng.integers(intersection.n_lanes))]
    whole = rng.random() < 0.5
    factor = float(np.exp(0.4 * size * rng.normal()))
    lanes = [
        lane.id for lane in intersection.lanes if lane is chosen or (whole and lane.approach == chosen.approach)
    ]
    changed = {lane: _between(plan.lane_weights.get(lane, 1.0) * factor, 0.2, 5.0) for lane in lanes}
    return {**plan.lane_weights, **changed}


def _parent(brief: Brief) -> UrgencyPlan:
    """The incumbent if it is an urgency rule; a sequence has none of these parameters, so max-wave stands in."""
    if isinstance(brief.incumbent, UrgencyPlan):
        return brief.incumbent
    return max_wave_plan(brief.intersection.id)


def _between(value: float, low: float, high: float) -> float:
    """Within bounds, and short enough to be read in a file."""
    return round(float(min(max(value, low), high)), 3)
