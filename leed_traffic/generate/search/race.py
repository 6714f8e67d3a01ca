"""Drawn priority rules, the same for all intersections, in a race: all on one hour, the best quarter on the others as well.

One hour tells a good rule from a bad one, not from the next best (successive halving, Jamieson and Talwalkar 2016,
one cut); who wins here is confirmed later, on hours that chose nothing.
"""

from collections.abc import Sequence

import numpy as np

from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.generate.bench import Bench, Plans
from leed_traffic.generate.refine import ExecutedPlans

CUT = 4  # one of so many goes on
MOST_RACERS = 16


def race_size(runs: int) -> int:
    """Rules that so many runs can pay, those on the second hour included."""
    return min(MOST_RACERS, CUT * (runs // (CUT + 1)))


def race_cost(n: int, n_seeds: int) -> int:
    """Runs of a race of n rules."""
    return n + n // CUT * (n_seeds - 1)


def race(names: Sequence[str], n: int, seed: int, bench: Bench, seeds: Sequence[int]) -> list[ExecutedPlans]:
    """Draw rules and let them run.

    Args:
        names: of the intersections.
        n: rules that begin.
        seed: of the draws.
        bench: executes.
        seeds: hours; all rules run on the first.

    Returns:
        Those that ran on every seed.
    """
    rng = np.random.default_rng([seed, 0])
    drawn: list[Plans] = []
    for _ in range(n):
        rule = draw_rule(rng, bench.setting.reach_m)
        drawn.append({name: rule.model_copy(update={"intersection": name}) for name in names})
    what = f"race of {n} drawn rules"
    first = bench.try_out(drawn, seeds[:1], what)
    ahead = sorted(range(n), key=lambda k: first[k].delay_s)[: n // CUT]
    trials = bench.try_out([drawn[k] for k in ahead], seeds, what)
    return [
        ExecutedPlans(what=f"drawn rule {k + 1}", plans=drawn[k], trial=trial)
        for k, trial in zip(ahead, trials, strict=True)
    ]


def draw_rule(rng: np.random.Generator, reach_m: float) -> UrgencyPlan:
    """A rule of the kind that suits some junctions: most terms are off in about half of the draws, as they are in max-wave.

    Args:
        rng: draws.
        reach_m: the rule sees no farther, because the policies that shall learn it do not.
    """
    waiting = 10.0 ** rng.uniform(-3.0, -1.3) if rng.random() < 0.5 else 0.0
    return UrgencyPlan(
        intersection="",
        reasoning="Search: a drawn rule.",
        reach_m=round(rng.uniform(0.5, 1.0) * reach_m),
        green_s=5.0 + round(max(0.0, rng.uniform(-8.0, 10.0))),
        approaching=round(rng.uniform(0.5, 2.0), 2),
        blocked_exit=round(max(0.0, rng.uniform(-1.0, 1.0)), 2),
        waiting=round(waiting, 4),
        downstream=round(max(0.0, rng.uniform(-1.0, 1.0)), 2),
        keep=round(max(0.0, rng.uniform(-0.5, 3.0)), 2),
        permissive=round(rng.uniform(0.0, 1.0), 2),
    )
