import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import PlanError
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.planner.study import SEED, _study, _try, brief_at
from leed_traffic.simulation.env.env_spec import env_spec

SETTING = env_spec(load_scenario("crossing"))


class CountedBench:
    """Every set of plans has one second more of delay than the one before it."""

    setting = SETTING

    def __init__(self):
        self.asked = []

    def try_out(self, candidates, seeds, purpose):
        self.asked += [(plans, tuple(seeds)) for plans in candidates]
        first = len(self.asked) - len(candidates)
        return [
            Trial(results=(Result(delay_s=40.0 + first + k, returns=(-10.0 * k,), simulated_s=1.0),))
            for k in range(len(candidates))
        ]


def test_a_study_tries_the_fallback_cycle_then_all_plans_in_an_order_that_is_the_same_everywhere():
    bench = CountedBench()
    study = _study(bench)
    brief = brief_at(SETTING)
    assert [tried.what for tried in study.tried] == [*embedded(brief), *portfolio(brief)]
    assert study.baseline_delay_s == 40.0
    assert [tried.delay_s for tried in study.tried] == list(np.arange(41.0, 41.0 + len(study.tried)))
    assert bench.asked[0] == (None, (SEED,))
    assert {seeds for _, seeds in bench.asked} == {(SEED,)}


def test_a_plan_for_another_junction_is_refused_before_anything_runs():
    bench = CountedBench()
    with pytest.raises(PlanError, match="was written for intersection K"):
        _try(bench, {"max-wave": max_wave_plan("C"), "other": max_wave_plan("K")})
    assert bench.asked == []


def test_a_junctions_brief_counts_the_authors_day():
    brief = brief_at(SETTING)
    assert brief.intersection.id == "C"
    assert sum(turn.flow_vehph[0] for turn in brief.turns) > 0.0
    assert (brief.incumbent, brief.feedback) == (None, None)
