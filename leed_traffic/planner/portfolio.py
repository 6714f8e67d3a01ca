"""The plans that every junction tries: rules for any junction, and Webster's greens stretched, all in a reply's own values.

Because every junction tries the same ones, what is best where can be read from many junctions together
(`judgement.py`); the best of a handful of random plans on a single day is half chance.
"""

from dataclasses import dataclass

import numpy as np

from leed_traffic.domain.plan import Extension, Period, Plan, SequencePlan, Step
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.search.rules import RULES, rule_plan
from leed_traffic.generate.search.starts import START_RULES, field_starts
from leed_traffic.simulation.incumbents.webster import own_splits


@dataclass(frozen=True, slots=True)
class Stretched:
    """Stages in the site's order, each held while vehicles come, for at most so many times Webster's green."""

    stretch: float
    queue_over: float
    reach_m: float

    @property
    def what(self) -> str:
        """Its name in records."""
        return f"Webster x {self.stretch:g}, over {self.queue_over:g} within {self.reach_m:g} m"


SEQUENCES = (
    Stretched(1.0, 0, 30),
    Stretched(1.5, 1, 50),
    Stretched(1.5, 2, 50),
    Stretched(2.0, 0, 30),
    Stretched(2.0, 2, 50),
    Stretched(2.0, 3, 80),
    Stretched(3.0, 3, 50),
)


def portfolio(brief: Brief) -> dict[str, Plan]:
    """The plans beside the embedded ones, by name, in an order that is the same at every junction."""
    rules: dict[str, Plan] = {
        what: rule_plan(brief.intersection.id, what) for what in RULES if what not in START_RULES
    }
    return rules | {one.what: stretched(brief, one) for one in SEQUENCES}


def embedded(brief: Brief) -> dict[str, Plan]:
    """The plans that `leedctl generate` starts from, by name."""
    return {what: plans[brief.intersection.id] for what, plans in field_starts([brief]).items()}


def stretched(brief: Brief, one: Stretched) -> SequencePlan:
    """Webster's greens of each period in whole seconds, as the brief states them, stretched within the limits."""
    kept: list[Period] = []
    for p, from_s in enumerate(brief.period_starts_s):
        period = Period(from_s=from_s, steps=_steps(brief, one, p))
        if not kept or period.steps != kept[-1].steps:
            kept.append(period)
    return SequencePlan(intersection=brief.intersection.id, reach_m=one.reach_m, periods=tuple(kept))


def _steps(brief: Brief, one: Stretched, p: int) -> tuple[Step, ...]:
    timing = brief.timing
    splits = own_splits(brief, p)
    ratios = splits.flow_ratio
    greens = splits.green_s
    busiest = max(range(len(ratios)), key=lambda s: (ratios[s], -s))
    walks = [bool(stage.green & brief.intersection.pedestrian_links) for stage in brief.intersection.stages]
    return tuple(
        Step(
            stage=s,
            min_green_s=float(np.ceil(timing.min_green_s[s])),
            max_green_s=_green(one.stretch * round(greens[s]), s, timing),
            extend_while=Extension(queue_over=one.queue_over),
            skip_if_queue_at_most=None if s == busiest or walks[s] else 0.0,
        )
        for s in timing.fallback_order
    )


def _green(wanted_s: float, stage: int, timing: Timing) -> float:
    low = np.ceil(timing.min_green_s[stage])
    high = np.floor(timing.max_green_s[stage])
    return float(min(max(round(wanted_s), low), high))
