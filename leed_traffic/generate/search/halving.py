"""Drawn urgency rules, the same for all intersections, by successive halving: all on one hour, the best quarter on the others.

One hour tells a good rule from a bad one, not from the next best (Jamieson and Talwalkar 2016; one cut); the best
is confirmed later, on hours that chose nothing.
"""

from collections.abc import Sequence

import numpy as np

from leed_traffic.domain.plan import URGENCY, UrgencyParameter, UrgencyPlan
from leed_traffic.generate.bench import Bench, Plans
from leed_traffic.generate.executed import ExecutedPlans
from leed_traffic.generate.schedule import CUT


def halve(names: Sequence[str], n: int, seed: int, bench: Bench, seeds: Sequence[int]) -> list[ExecutedPlans]:
    """Draw rules and execute them, the better ones on more hours.

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
    purpose = f"successive halving of {n} drawn rules"
    first = bench.try_out(drawn, seeds[:1], purpose)
    ahead = sorted(range(n), key=lambda k: first[k].delay_s)[: n // CUT]
    trials = bench.try_out([drawn[k] for k in ahead], seeds, purpose)
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
    values = {"waiting": round(waiting, 4), "reach_m": float(round(rng.uniform(0.5, 1.0) * reach_m))}
    values |= {parameter.name: _draw(parameter, rng) for parameter in URGENCY if parameter.drawn}
    return UrgencyPlan(intersection="", reasoning="Search: a drawn rule.", **values)


def _draw(parameter: UrgencyParameter, rng: np.random.Generator) -> float:
    low, high = parameter.drawn or (0.0, 0.0)
    return parameter.above + round(max(0.0, rng.uniform(low, high)), parameter.digits)
