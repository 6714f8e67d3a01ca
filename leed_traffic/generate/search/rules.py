"""Urgency rules for any junction, from quick to slow.

None is best everywhere: the quick ones win where little drives, the slow ones near capacity (docs/planner.md: a day at each of
65 random junctions). A search starts from some of them, a planner's lessons compare all of them.
"""

from collections.abc import Mapping

from leed_traffic.domain.network import MAX_REACH_M
from leed_traffic.domain.plan import UrgencyPlan

# What differs from max-wave.
RULES: Mapping[str, Mapping[str, float]] = {
    "quick": {"reach_m": 60, "approaching": 1.25, "keep": 0.5},
    "quick, waiting counts": {"reach_m": 60, "waiting": 0.02, "keep": 1},
    "quick, far": {"reach_m": 120, "approaching": 1.25, "keep": 1},
    "steady": {
        "reach_m": 150, "green_s": 8, "approaching": 1.5, "waiting": 0.01, "downstream": 0.25, "keep": 1,
    },
    "steady, waiting counts": {"reach_m": 120, "green_s": 8, "waiting": 0.05, "keep": 2, "permissive": 0.25},
    "slow": {"reach_m": 150, "green_s": 12, "keep": 2},
    "slow, keeps": {
        "reach_m": 200, "green_s": 12, "approaching": 1.25, "blocked_exit": 0.5, "waiting": 0.01, "downstream": 1,
        "keep": 5, "permissive": 0.25,
    },
    "slowest": {"reach_m": 200, "green_s": 20, "approaching": 1.25, "keep": 5, "permissive": 0.25},
    "slowest, waiting counts": {
        "reach_m": 200, "green_s": 20, "waiting": 0.02, "downstream": 0.25, "keep": 5, "permissive": 0.25,
    },
}  # fmt: skip


def rule_plan(intersection: str, what: str, *, reach_m: float = MAX_REACH_M) -> UrgencyPlan:
    """A rule of that name as the plan of an intersection; it sees no farther than `reach_m`."""
    rule = UrgencyPlan(intersection=intersection, reasoning=f"A rule for any junction: {what}.", **RULES[what])
    return rule.model_copy(update={"reach_m": min(rule.reach_m, reach_m)})
