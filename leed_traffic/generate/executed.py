"""A set of plans, executed."""

from collections.abc import Sequence
from dataclasses import dataclass

from leed_traffic.generate.bench import Plans, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedPlans:
    """A set of plans and how it did."""

    what: str
    plans: Plans
    trial: Trial


def best_of(tried: Sequence[ExecutedPlans]) -> ExecutedPlans:
    """The set with the least delay, the earliest on a tie."""
    return min(tried, key=lambda executed: executed.trial.delay_s)


def named(tried: Sequence[ExecutedPlans], what: str) -> ExecutedPlans:
    """The set of that name."""
    return next(executed for executed in tried if executed.what == what)
