"""The embedded author: changes the parameters of priority plans and lets the simulation judge.

Rounds draw changes for every intersection on its own, smaller from round to round: an evolution strategy with one
parent (Rechenberg 1973) per intersection, all intersections at once, each credited with its local return. Before
them stand known rules and a race of drawn ones (`race.py`).
"""

from collections.abc import Callable, Sequence

import numpy as np

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.plan import UrgencyPlan, max_wave_plan
from leed_traffic.generate.author import Proposal
from leed_traffic.generate.brief import Brief

REACH_LOW_M = 30.0
GREEN_HIGH_S = 30.0  # s; longer least greens only waste time on empty lanes
SHRINK = 0.75  # of the step sizes from one round to the next


class SearchAuthor:
    """Improves priority plans by trial; the same seed proposes the same plans."""

    name = "search"
    model = None

    def __init__(self, seed: int, reach_m: float) -> None:
        """Begin.

        Args:
            seed: of all changes.
            reach_m: no plan is made to see farther, because the policies that shall learn it do not.
        """
        self._seed = seed
        self._reach_m = reach_m

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
    changes: tuple[Callable[[], dict[str, float | dict[str, float]]], ...] = (
        lambda: {"reach_m": _between(plan.reach_m * np.exp(0.4 * size * rng.normal()), REACH_LOW_M, reach_m)},
        lambda: {"green_s": _between(plan.green_s + 5.0 * size * rng.normal(), 0.0, GREEN_HIGH_S)},
        lambda: {"approaching": _between(plan.approaching + 0.4 * size * rng.normal(), 0.0, 3.0)},
        lambda: {"blocked_exit": _between(plan.blocked_exit + 0.4 * size * rng.normal(), 0.0, 1.0)},
        lambda: {"waiting": _between(plan.waiting + 0.04 * size * rng.normal(), 0.0, 1.0)},
        lambda: {"downstream": _between(plan.downstream + 0.25 * size * rng.normal(), 0.0, 3.0)},
        lambda: {"keep": _between(plan.keep + 1.5 * size * rng.normal(), 0.0, 10.0)},
        lambda: {"permissive": _between(plan.permissive + 0.3 * size * rng.normal(), 0.0, 1.0)},
        lambda: {"lane_weights": _weighted(plan, intersection, rng, size)},
    )
    chosen = rng.choice(len(changes), size=rng.integers(1, 4), replace=False)
    values: dict[str, float | dict[str, float]] = {}
    for k in sorted(chosen.tolist()):
        values |= changes[k]()
    named = ", ".join(sorted(values))
    return plan.model_copy(update={**values, "reasoning": f"Search: changed {named}."})


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
    """The incumbent if it is a priority plan; a sequence has none of these parameters, so max-wave stands in."""
    if isinstance(brief.incumbent, UrgencyPlan):
        return brief.incumbent
    return max_wave_plan(brief.intersection.id)


def _between(value: float, low: float, high: float) -> float:
    """Within bounds, and short enough to be read in a file."""
    return round(float(min(max(value, low), high)), 3)
