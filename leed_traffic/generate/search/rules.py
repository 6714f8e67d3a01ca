"""Priority rules for any junction, from quick to slow.

None is best everywhere: the quick ones win where little drives, the slow ones near capacity (docs/planner.md: a day at each of
65 random junctions). A search starts from some of them, a planner's lessons compare all of them.
"""

from collections.abc import Mapping

from leed_traffic.domain.network import MAX_REACH_M
from leed_traffic.domain.plan import PRIORITY_FIELDS, UrgencyPlan

# In the order of PRIORITY_FIELDS: reach_m, green_s, approaching, blocked_exit, waiting, downstream, keep,
# permissive
RULES: Mapping[str, tuple[float, ...]] = {
    "quick": (60, 5, 1.25, 0, 0, 0, 0.5, 0.5),
    "quick, waiting counts": (60, 5, 1, 0, 0.02, 0, 1, 0.5),
    "quick, far": (120, 5, 1.25, 0, 0, 0, 1, 0.5),
    "steady": (150, 8, 1.5, 0, 0.01, 0.25, 1, 0.5),
    "steady, waiting counts": (120, 8, 1, 0, 0.05, 0, 2, 0.25),
    "slow": (150, 12, 1, 0, 0, 0, 2, 0.5),
    "slow, keeps": (200, 12, 1.25, 0.5, 0.01, 1, 5, 0.25),
    "slowest": (200, 20, 1.25, 0, 0, 0, 5, 0.25),
    "slowest, waiting counts": (200, 20, 1, 0, 0.02, 0.25, 5, 0.25),
}


def rule_plan(intersection: str, what: str, *, reach_m: float = MAX_REACH_M) -> UrgencyPlan:
    """A rule of that name as the plan of an intersection; it sees no farther than `reach_m`."""
    values = dict(zip(PRIORITY_FIELDS, map(float, RULES[what]), strict=True))
    values["reach_m"] = min(values["reach_m"], reach_m)
    return UrgencyPlan(intersection=intersection, reasoning=f"A rule for any junction: {what}.", **values)
