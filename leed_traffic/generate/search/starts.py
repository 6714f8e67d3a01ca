"""Plans that authors start from."""

from collections.abc import Sequence

from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.plan import check_plan, max_pressure_plan, max_wave_plan
from leed_traffic.generate.bench import Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.search.rules import rule_plan
from leed_traffic.simulation.incumbents.webster import webster_plans

MAX_PRESSURE = "max-pressure 200 m"
MAX_WAVE = "max-wave 100 m"  # the two rules of the field
START_RULES = ("quick", "steady", "slow")  # and three of ours
N_STARTS = 4 + len(START_RULES)
SHORT_STARTS = (MAX_WAVE, "steady")  # those between which a search of a few hours chooses


def webster_starts(briefs: Sequence[Brief]) -> dict[str, Plans]:
    """Webster's fixed-time plans by name; all keep the site's limits."""
    starts: dict[str, Plans] = {
        "webster, own cycles": dict(webster_plans(briefs, coordinated=False)),
        "webster, coordinated": dict(webster_plans(briefs, coordinated=True)),
    }
    return _checked(starts, briefs)


def field_starts(briefs: Sequence[Brief]) -> dict[str, Plans]:
    """`N_STARTS` plans by name: Webster's, the two rules of the field, and three of ours."""
    names = [brief.intersection.id for brief in briefs]
    starts = webster_starts(briefs)
    starts[MAX_PRESSURE] = {name: max_pressure_plan(name) for name in names}
    starts[MAX_WAVE] = {name: max_wave_plan(name) for name in names}
    for rule in START_RULES:
        starts[rule] = {name: rule_plan(name, rule, reach_m=DEFAULT_REACH_M) for name in names}
    return _checked(starts, briefs)


def _checked(starts: dict[str, Plans], briefs: Sequence[Brief]) -> dict[str, Plans]:
    for plans in starts.values():
        for brief in briefs:
            check_plan(plans[brief.intersection.id], brief.intersection, brief.timing)
    return starts
