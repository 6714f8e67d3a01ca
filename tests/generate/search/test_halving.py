from types import SimpleNamespace

import numpy as np

from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.generate.search.halving import draw_rule, halve


class FakeBench:
    """The first hour misleads about the rule that it sees last; the second tells all apart by their reach."""

    setting = SimpleNamespace(reach_m=100.0)

    def __init__(self):
        self.tried = []

    def try_out(self, candidates, seeds, what):
        self.tried.append((len(candidates), tuple(seeds)))
        return [Trial(results=tuple(self.result(plans["A"], seed) for seed in seeds)) for plans in candidates]

    def result(self, plan, seed):
        return Result(delay_s=plan.reach_m, returns=(0.0, 0.0), simulated_s=1.0)


def test_all_run_on_one_hour_and_the_best_quarter_on_the_others():
    bench = FakeBench()
    ahead = halve(["A", "B"], 8, 1, bench, (11, 12))
    assert bench.tried == [(8, (11,)), (2, (11, 12))]
    reaches = sorted(draw_rule(rng, 100.0).reach_m for rng in [np.random.default_rng([1, 0])] for _ in range(8))
    assert [executed.plans["A"].reach_m for executed in ahead] == reaches[:2]
    assert {plan.intersection for plan in ahead[0].plans.values()} == {"A", "B"}
    assert halve(["A", "B"], 8, 1, FakeBench(), (11, 12)) == ahead
    assert halve(["A", "B"], 8, 2, FakeBench(), (11, 12)) != ahead


def test_every_drawn_rule_is_a_plan_that_sees_no_farther_than_the_policies():
    rng = np.random.default_rng(1)
    drawn = [draw_rule(rng, 80.0) for _ in range(200)]
    assert all(UrgencyPlan.model_validate(rule.model_dump()) == rule for rule in drawn)
    assert 40.0 <= min(rule.reach_m for rule in drawn) < 45.0 < 75.0 < max(rule.reach_m for rule in drawn) <= 80.0
    assert all(
        0.3 < np.mean([getattr(rule, term) > 0.0 for rule in drawn]) < 0.7
        for term in ("waiting", "downstream", "blocked_exit")
    )
