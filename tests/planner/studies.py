"""Studies without a simulation: a hand-built junction under other demands, with invented results."""

from dataclasses import replace

import numpy as np

from leed_traffic.domain.plan import SequencePlan
from leed_traffic.generate.brief import Attempt
from leed_traffic.generate.diagnosis import Diagnosis
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.planner.study import Study, Tried
from leed_traffic.simulation.incumbents.webster import flow_ratios
from tests.generate.briefs import crossroads


def tried(what, plan, delay_s, brief):
    n_approaches = len({lane.approach for lane in brief.intersection.lanes})
    diagnosis = Diagnosis(
        queue_veh=tuple(float(k) for k in range(n_approaches)),
        longest_veh=tuple(10.0 + k for k in range(n_approaches)),
        green_share=(0.4,) * brief.intersection.n_stages,
        wasted_share=0.1,
        blocked_share=0.0,
    )
    return Tried(
        what=what, attempt=Attempt(plan=plan, local_return=-100 * delay_s, diagnosis=diagnosis), delay_s=delay_s
    )


def loaded(factor, name="J"):
    """A crossroads with so many times its vehicles."""
    brief = crossroads(name)
    turns = tuple(replace(t, flow_vehph=tuple(factor * flow for flow in t.flow_vehph)) for t in brief.turns)
    return replace(brief, turns=turns)


def study(name="J", factor=1.0):
    """Where little drives, rules with short greens are best; from a flow ratio of one half on it is sequences."""
    brief = loaded(factor, name)
    full = max(sum(flow_ratios(brief, p)) for p in range(len(brief.period_starts_s)))

    def delay_s(k, plan):
        green_s = 12.0 if isinstance(plan, SequencePlan) else plan.green_s
        return float(np.exp(3.0 + 2.0 * full + 0.1 * (0.5 - full) * green_s + 0.001 * k))

    starts, others = embedded(brief), portfolio(brief)
    return Study(
        brief=brief,
        baseline_delay_s=500.0,
        starts=tuple(tried(what, plan, delay_s(k, plan), brief) for k, (what, plan) in enumerate(starts.items())),
        others=tuple(tried(what, plan, delay_s(k, plan), brief) for k, (what, plan) in enumerate(others.items())),
    )


def studies(n=12):
    """Junctions from nearly empty to nearly full."""
    return [study(f"J{k}", factor=0.5 + 0.2 * k) for k in range(n)]
