"""Brief of one intersection for an author: its geometry and limits, who comes from where, and how the last plan went."""

from collections.abc import Sequence
from dataclasses import dataclass

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import Plan
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.generate.diagnosis import Diagnosis
from leed_traffic.simulation.demand.turning_counts import TurningCounts, count_turns, period_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A plan that was executed in the last round, and what it earned here."""

    plan: Plan
    local_return: float
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Results of the incumbent plan on the author's seeds, and of the last proposals beside it."""

    what: str
    network_delay_s: float
    local_return: float  # undiscounted, mean over the seeds
    faults: tuple[str, ...] = ()  # why earlier proposals were refused
    diagnosis: Diagnosis | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief(TurningCounts):
    """Everything that an author may know about one intersection: the count, and how plans did there."""

    incumbent: Plan | None = None
    feedback: Feedback | None = None


def write_briefs(
    scenario: Scenario, network: Network, timings: Sequence[Timing], seeds: Sequence[int]
) -> tuple[Brief, ...]:
    """One brief per intersection, in the network's order; demand is the mean count over the days of some seeds.

    A vehicle counts in the period in which it would reach the stop line at free flow.

    Args:
        scenario: whose route files (or demand means) name every vehicle's way.
        network: its signals.
        timings: limits in the order of `network.intersections`.
        seeds: days on which is counted; never the evaluation's.
    """
    starts = period_starts(scenario.end_s - scenario.begin_s)
    return tuple(
        Brief(
            intersection=counted.intersection,
            timing=counted.timing,
            period_starts_s=counted.period_starts_s,
            turns=counted.turns,
            upstream=counted.upstream,
        )
        for counted in count_turns(scenario, network, timings, seeds, starts)
    )
