"""The plans that every author starts from."""

from collections.abc import Sequence

from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.plan import check_plan, max_pressure_plan, max_wave_plan
from leed_traffic.generate.author import Author
from leed_traffic.generate.bench import Plans
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.search.rules import rule_plan
from leed_traffic.simulation.incumbents.webster import webster_plans

MAX_PRESSURE = "max-pressure 200 m"
MAX_WAVE = "max-wave 100 m"  # the two rules of the field
START_RULES = ("quick", "steady", "slow")  # and three of ours
SHORT_STARTS = (MAX_WAVE, "steady")  # those between which a search of a few hours chooses


def start_plans(briefs: Sequence[Brief], author: Author) -> dict[str, Plans]:
    """The plans that an author starts from, by name; all of them keep to the site's limits."""
    names = [brief.intersection.id for brief in briefs]
    starts: dict[str, Plans] = {
        "webster, own cycles": dict(webster_plans(briefs, coordinated=False)),
        "webster, coordinated": dict(webster_plans(briefs, coordinated=True)),
    }
    if author is not Author.WEBSTER:
        starts[MAX_PRESSURE] = {name: max_pressure_plan(name) for name in names}
        starts[MAX_WAVE] = {name: max_wave_plan(name) for name in names}
        starts |= {
            what: {name: rule_plan(name, what, reach_m=DEFAULT_REACH_M) for name in names} for what in START_RULES
        }
    for plans in starts.values():
        for brief in briefs:
            check_plan(plans[brief.intersection.id], brief.intersection, brief.timing)
    return starts
