from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from leed_traffic.domain.network import Network
from leed_traffic.domain.plan import SequencePlan, UrgencyPlan, check_plan, max_wave_plan
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.executed import ExecutedPlans
from leed_traffic.generate.refine import refine
from leed_traffic.generate.run import _write
from leed_traffic.generate.search.author import SearchAuthor
from leed_traffic.simulation.incumbents.webster import webster_plans
from tests.generate.briefs import crossroads
from tests.intersections import flat_timing, star


@pytest.mark.parametrize(
    ("steady_s", "chosen"),
    [((94.0, 94.0), "steady"), ((70.0, 96.0), "max-wave 100 m"), ((96.0, 70.0), "max-wave 100 m")],
)
def test_in_a_small_budget_a_rule_must_beat_max_wave_by_more_than_chance_on_every_hour(steady_s, chosen):
    class Tried:
        def try_out(self, candidates, seeds, what):
            delays = [(200.0, 220.0), (100.0, 100.0), steady_s]
            assert len(candidates) == len(delays)
            return [
                Trial(results=tuple(Result(delay_s=d, returns=(0.0,), simulated_s=1.0) for d in row))
                for row in delays
            ]

    config = GenerateConfig(scenario="any", out=Path("out"))
    written = _write(SearchAuthor(1, 100.0), config, [crossroads("J")], Tried())
    assert (written.baseline_delay_s, written.final.what) == (210.0, chosen)


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


def test_the_search_finds_what_each_intersection_needs():
    stood, rounds = refine(SearchAuthor(1, 100.0), BRIEFS, standing("start", 5, 5), FakeBench(), (11,), [20] * 6)
    assert stood[-1].trial.delay_s < 0.1 * stood[0].trial.delay_s
    delays = [r.delay_s for r in rounds]
    assert delays == sorted(delays, reverse=True)


def test_the_search_proposes_the_same_for_the_same_seed():
    def proposals(seed):
        return [SearchAuthor(seed, 100.0).propose(BRIEFS, r, 5) for r in (0, 1, 2)]

    assert proposals(1) == proposals(1)
    assert proposals(1) != proposals(2)


@pytest.mark.parametrize("round_index", range(8))
def test_whatever_the_search_proposes_fits(round_index):
    for seed in range(20):
        for proposal in SearchAuthor(seed, 100.0).propose(BRIEFS, round_index, 10):
            for brief in BRIEFS:
                plan = proposal.plans[brief.intersection.id]
                assert UrgencyPlan.model_validate(plan.model_dump()) == plan
                assert plan.reach_m <= 100.0
                check_plan(plan, brief.intersection, brief.timing)


def test_a_sequence_is_replaced_by_max_wave_before_it_is_changed():

    sequences = webster_plans(BRIEFS, coordinated=False)
    assert isinstance(sequences["A"], SequencePlan)
    briefs = [replace(brief, incumbent=sequences[brief.intersection.id]) for brief in BRIEFS]
    changed = SearchAuthor(1, 100.0).propose(briefs, 0, 5)
    parents = [replace(brief, incumbent=max_wave_plan(brief.intersection.id)) for brief in BRIEFS]
    assert changed == SearchAuthor(1, 100.0).propose(parents, 0, 5)
