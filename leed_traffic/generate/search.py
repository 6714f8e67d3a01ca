"""The embedded author: changes the parameters of priority plans and lets the simulation judge.

The first round tries changes for the whole network that are known to matter (reach, minimum green, exits, waiting); later
rounds draw changes for every intersection on its own, smaller from round to round: an evolution strategy with one parent
(Rechenberg 1973) per intersection, all intersections at once, each credited with its local return.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.plan import PriorityPlan, max_wave_plan
from leed_traffic.generate.author import Proposal
from leed_traffic.generate.brief import Brief

REACH_LOW_M, REACH_HIGH_M = 30.0, 200.0
GREEN_HIGH_S = 30.0  # s; longer least greens only waste time on empty lanes
SHRINK = 0.75  # of the step sizes from one round to the next


@dataclass(frozen=True, slots=True)
class Change:
    """New values for some parameters; reach and least green relative to the old ones."""

    what: str
    reach_factor: float = 1.0
    more_green_s: float = 0.0
    absolute: tuple[tuple[str, float], ...] = ()


NETWORK_WIDE = (
    Change("pressure of the exits", absolute=(("downstream", 0.25),)),
    Change("approaching count more", absolute=(("approaching", 1.5),)),
    Change(
        "shorter reach, approaching and exits count", reach_factor=0.7, absolute=(("approaching", 1.5), ("downstream", 0.5))
    ),
    Change("exits counted", absolute=(("blocked_exit", 0.5),)),
    Change("longer least green", more_green_s=5.0),
    Change("longer reach, pressure of the exits", reach_factor=1.5, absolute=(("downstream", 0.25),)),
    Change("keeps the stage", absolute=(("keep", 1.0),)),
    Change("long green, exits counted", more_green_s=12.0, absolute=(("blocked_exit", 0.5),)),
    Change("who waits gains", absolute=(("waiting", 0.01), ("blocked_exit", 0.5))),
    Change("permissive turns count full", absolute=(("permissive", 1.0),)),
)


class SearchAuthor:
    """Improves priority plans by trial; the same seed proposes the same plans."""

    name = "search"
    model = None

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> list[Proposal]:
        """Network-wide changes first, then changes of each intersection on its own."""
        parents = [_parent(brief) for brief in briefs]
        if round_index == 0:
            return [
                Proposal(what=change.what, plans={parent.intersection: apply(change, parent) for parent in parents})
                for change in NETWORK_WIDE[:n_candidates]
            ]
        rng = np.random.default_rng([self._seed, round_index])
        size = SHRINK ** (round_index - 1)
        return [
            Proposal(
                what=f"changed per intersection, round {round_index + 1}",
                plans={
                    brief.intersection.id: mutate(parent, brief.intersection, rng, size)
                    for brief, parent in zip(briefs, parents, strict=True)
                },
            )
            for _ in range(n_candidates)
        ]


def apply(change: Change, plan: PriorityPlan) -> PriorityPlan:
    """The plan after a change, within its bounds."""
    values: dict[str, float] = dict(change.absolute)
    values["reach_m"] = _between(plan.reach_m * change.reach_factor, REACH_LOW_M, REACH_HIGH_M)
    values["green_s"] = _between(plan.green_s + change.more_green_s, 0.0, GREEN_HIGH_S)
    return plan.model_copy(update={**values, "reasoning": f"Search: {change.what}."})


def mutate(plan: PriorityPlan, intersection: Intersection, rng: np.random.Generator, size: float) -> PriorityPlan:
    """One to three parameters changed at random.

    Args:
        plan: the parent.
        intersection: whose lanes may be weighted.
        rng: draws which and how far.
        size: 1 is a bold step.
    """
    changes: tuple[Callable[[], dict[str, float | dict[str, float]]], ...] = (
        lambda: {"reach_m": _between(plan.reach_m * np.exp(0.4 * size * rng.normal()), REACH_LOW_M, REACH_HIGH_M)},
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


def _weighted(plan: PriorityPlan, intersection: Intersection, rng: np.random.Generator, size: float) -> dict[str, float]:
    """Another weight for one lane, or for all lanes of its approach."""
    chosen = intersection.lanes[int(rng.integers(intersection.n_lanes))]
    whole = rng.random() < 0.5
    factor = float(np.exp(0.4 * size * rng.normal()))
    lanes = [lane.id for lane in intersection.lanes if lane is chosen or (whole and lane.approach == chosen.approach)]
    changed = {lane: _between(plan.lane_weights.get(lane, 1.0) * factor, 0.2, 5.0) for lane in lanes}
    return {**plan.lane_weights, **changed}


def _parent(brief: Brief) -> PriorityPlan:
    """The incumbent if it is a priority plan; a sequence has none of these parameters, so max-wave stands in."""
    if isinstance(brief.incumbent, PriorityPlan):
        return brief.incumbent
    return max_wave_plan(brief.intersection.id)


def _between(value: float, low: float, high: float) -> float:
    """Within bounds, and short enough to be read in a file."""
    return round(float(min(max(value, low), high)), 3)
