"""Two junctions and a bench that knows which green suits each."""

from types import SimpleNamespace

from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.executed import ExecutedPlans
from tests.intersections import flat_timing, star

NAMES = ("A", "B")


JUNCTIONS = tuple(star(2, name) for name in NAMES)


BRIEFS = tuple(
    Brief(intersection=j, timing=flat_timing(2, name=j.id), period_starts_s=(0.0,), turns=(), upstream=())
    for j in JUNCTIONS
)


BEST_GREEN_S = {"A": 9.0, "B": 21.0}


class FakeBench:
    """The farther a least green is from the best one of its intersection, the worse; no chance, no neighbours."""

    def __init__(self):
        self.setting = SimpleNamespace(network=Network(intersections=JUNCTIONS))
        self.tried = []

    def try_out(self, candidates, seeds, what):
        self.tried += candidates
        return [trial_of(plans) for plans in candidates]


def trial_of(plans):
    returns = tuple(-abs(plans[name].green_s - BEST_GREEN_S[name]) for name in NAMES)
    return Trial(results=(Result(delay_s=-sum(returns), returns=returns, simulated_s=1.0),))


def standing(what, *greens):
    plans = {
        name: UrgencyPlan(intersection=name, green_s=green) for name, green in zip(NAMES, greens, strict=True)
    }
    return ExecutedPlans(what=what, plans=plans, trial=trial_of(plans))
