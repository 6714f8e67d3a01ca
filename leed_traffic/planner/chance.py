"""The control of an exam: plans of the reply's schema, drawn without reading the brief."""

from collections.abc import Sequence

import numpy as np

from leed_traffic.domain.plan import URGENCY, Extension, Period, Plan, SequencePlan, Step, UrgencyPlan
from leed_traffic.generate.author import Proposal
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.language_model.plan_schema import QUEUES_VEH

GREEN_HIGH_S = 60.0  # of a drawn sequence: longer ones are drawn by nobody who has seen a signal
REACH_M = (30, 40, 50, 60, 80)  # of a drawn sequence

Rng = np.random.Generator


class RandomAuthor:
    """Proposes drawn plans, of both forms; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def propose(self, briefs: Sequence[Brief], round_index: int, n_candidates: int) -> list[Proposal]:
        """See `Proposer`."""
        rng = np.random.default_rng([self._seed, round_index])
        return [
            Proposal(what=f"random {k + 1}", plans={b.intersection.id: random_plan(b, rng) for b in briefs})
            for k in range(n_candidates)
        ]


def random_plan(brief: Brief, rng: Rng) -> Plan:
    """A plan that keeps every limit; rules around max-wave, not all over the cube, so that the control is no straw man."""
    if rng.random() < 0.5:
        return _random_rule(brief.intersection.id, rng)
    timing = brief.timing
    steps = []
    extension = Extension(queue_over=_pick(QUEUES_VEH[:4], rng))
    for stage in timing.fallback_order:
        low = float(np.ceil(timing.min_green_s[stage]))
        high = float(np.floor(timing.max_green_s[stage]))
        longest_s = float(rng.integers(int(low), int(max(low, min(high, GREEN_HIGH_S))) + 1))
        steps.append(Step(stage=stage, min_green_s=low, max_green_s=max(low, longest_s), extend_while=extension))
    return SequencePlan(
        intersection=brief.intersection.id, reach_m=_pick(REACH_M, rng), periods=(Period(steps=tuple(steps)),)
    )


def _random_rule(name: str, rng: Rng) -> UrgencyPlan:
    return UrgencyPlan(intersection=name, **{p.name: _pick(p.likely, rng) for p in URGENCY})


def _pick(values: Sequence[float], rng: Rng) -> float:
    return float(values[int(rng.integers(len(values)))])
