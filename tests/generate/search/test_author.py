from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.domain.plan import SequencePlan, UrgencyPlan, check_plan, max_wave_plan
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.refine import refine
from leed_traffic.generate.run import _write
from leed_traffic.generate.search.author import SearchAuthor
from leed_traffic.simulation.incumbents.webster import webster_plans
from tests.generate.briefs import crossroads
from tests.generate.two_junctions import BRIEFS, FakeBench, standing


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
