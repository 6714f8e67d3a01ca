"""Findings of a study: the document of `leedctl benchmark --json`."""

from collections.abc import Sequence

import numpy as np

from leed_traffic.benchmark.curve import Point, reached, reached_for_good
from leed_traffic.benchmark.learners import LearningMethod
from leed_traffic.domain.document import Document
from leed_traffic.evaluate.results import ControllerResult, Evaluation


class TrainingSeed(Document):
    """One training run and its final policies."""

    curve: tuple[tuple[float, float, float], ...]
    """(simulated hours, CPU seconds, delay in s) of each validation."""
    hours_to_bar: float | None
    """Until the policies that would be exported were at the bar; null: never."""
    cpu_s_to_bar: float | None
    hours_to_stay: float | None
    """Until every later validation was at the bar as well; null: never."""
    delay_s: float
    """Of the final frozen policies on the evaluation seeds, mean."""
    gridlocked_seeds: int
    never_departed: int
    unsafe_changes: int


class LearnerFindings(Document):
    """One learner on one scenario."""

    learner: str
    what: str
    seeds: tuple[TrainingSeed, ...]

    @property
    def delay_s(self) -> float:
        """Mean over training and evaluation seeds."""
        return float(np.mean([seed.delay_s for seed in self.seeds]))

    @property
    def off_median(self) -> float:
        """Share by which the worst training seed lies over the median one."""
        delays = [seed.delay_s for seed in self.seeds]
        return max(delays) / float(np.median(delays)) - 1.0

    def median(self, name: str) -> float | None:
        """Median of a cost over the training seeds; None where half of them or more never paid it off."""
        values = [getattr(seed, name) for seed in self.seeds]
        middle = sorted(np.inf if value is None else value for value in values)[
            (len(values) - 1) // 2 + (len(values) + 1) % 2
        ]
        return None if np.isinf(middle) else float(middle)


class ScenarioFindings(Document):
    """Findings of every learner on one scenario, and the rules beside them."""

    scenario: str
    site: str
    bar_s: float
    """Max-wave on the validation hours."""
    rules: tuple[ControllerResult, ...]
    learners: tuple[LearnerFindings, ...]


class StudyFindings(Document):
    """The whole study."""

    training_seeds: int
    evaluation_seeds: int
    validation_seeds: int
    episodes: int | None
    """Own hours of a learner with an expert; None where none took part."""
    long_episodes: int | None
    """Own hours of a learner without one; None where none took part."""
    search_runs: int | None
    """Hours of the search behind demonstrations; None where nobody searched."""
    sumo_version: str
    scenarios: tuple[ScenarioFindings, ...]


def find(
    learner: LearningMethod,
    curves: Sequence[Sequence[Point]],
    names: Sequence[str],
    evaluation: Evaluation,
    bar_s: float,
) -> LearnerFindings:
    """Put one learner's runs together.

    Args:
        learner: who.
        curves: one per training seed.
        names: of the runs' bundles in the evaluation, in the same order.
        evaluation: of every final policy.
        bar_s: delay that was to be reached.
    """
    results = {result.controller: result for result in evaluation.results}
    spread = {row.controller: row for row in evaluation.spread}
    seeds = []
    for curve, name in zip(curves, names, strict=True):
        first = reached(curve, bar_s)
        stays = reached_for_good(curve, bar_s)
        result = results[name]
        seeds.append(
            TrainingSeed(
                curve=tuple((round(p.hours, 3), round(p.cpu_s, 1), round(p.delay_s, 3)) for p in curve),
                hours_to_bar=first.hours if first else None,
                cpu_s_to_bar=first.cpu_s if first else None,
                hours_to_stay=stays.hours if stays else None,
                delay_s=result.delay_s.mean,
                gridlocked_seeds=spread[name].gridlocked_seeds,
                never_departed=result.never_departed,
                unsafe_changes=result.unsafe_changes,
            )
        )
    return LearnerFindings(learner=learner.name, what=learner.description, seeds=tuple(seeds))
