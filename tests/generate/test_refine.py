import numpy as np

from leed_traffic.domain.plan import UrgencyPlan
from leed_traffic.generate.author import Proposal
from leed_traffic.generate.bench import Result, Trial
from leed_traffic.generate.refine import compose, refine
from tests.generate.two_junctions import BRIEFS, NAMES, FakeBench, standing


class ScriptedAuthor:
    """Says what it was told to say, round by round."""

    name, model = "scripted", None

    def __init__(self, *rounds):
        self.rounds, self.briefs = rounds, []

    def propose(self, briefs, round_index, n_candidates):
        self.briefs.append(briefs)
        return self.rounds[round_index]


def test_each_intersection_takes_the_plan_that_served_it_best():
    composed, kept = compose(standing("best", 5, 5), [standing("x", 9, 2), standing("y", 0, 20)], NAMES)
    assert {name: plan.green_s for name, plan in composed.items()} == {"A": 9.0, "B": 20.0}
    assert kept == 2


def test_an_intersection_keeps_its_plan_where_nothing_is_better():
    composed, kept = compose(standing("best", 8, 5), [standing("x", 6, 6)], NAMES)
    assert {name: plan.green_s for name, plan in composed.items()} == {"A": 8.0, "B": 6.0}
    assert kept == 1


def test_the_composed_set_stands_if_it_beats_every_candidate():
    author = ScriptedAuthor(
        [Proposal(what="x", plans=standing("", 9, 2).plans), Proposal(what="y", plans=standing("", 0, 20).plans)]
    )
    stood, rounds = refine(author, BRIEFS, standing("start", 5, 5), FakeBench(), (11,), (2,))
    assert [s.what for s in stood] == ["start", "composed in round 1"]
    assert stood[-1].trial.delay_s == 1.0
    assert (rounds[0].candidates, rounds[0].valid, rounds[0].kept, rounds[0].delay_s) == (4, 4, 2, 1.0)


def test_nothing_worse_than_the_start_ever_stands():
    author = ScriptedAuthor([Proposal(what="worse", plans=standing("", 40, 40).plans)])
    stood, rounds = refine(author, BRIEFS, standing("start", 9, 20), FakeBench(), (11,), (1,))
    assert [s.what for s in stood] == ["start"]
    assert rounds[0].delay_s == 1.0


def test_a_plan_that_does_not_fit_is_not_executed_and_its_author_hears_why():
    unfit = UrgencyPlan(intersection="A", lane_weights={"nowhere_0": 2.0})
    fit = UrgencyPlan(intersection="B", green_s=20.0)
    author = ScriptedAuthor(
        [
            Proposal(what="half", plans={"A": unfit, "B": fit}),
            Proposal(what="none", plans={}, faults={"B": "no JSON"}),
        ],
        [],
    )
    bench = FakeBench()
    _, rounds = refine(author, BRIEFS, standing("start", 5, 5), bench, (11,), (2, 1))
    assert all(plans["A"].lane_weights == {} for plans in bench.tried)
    assert (rounds[0].candidates, rounds[0].valid) == (3, 1)
    told = {brief.intersection.id: brief for brief in author.briefs[1]}
    assert "nowhere_0" in told["A"].feedback.faults[0]
    assert told["B"].feedback.faults == ("no JSON",)
    assert told["B"].incumbent == fit
    assert [(a.plan, a.local_return) for a in told["B"].feedback.attempts] == [(fit, -1.0)]
    assert told["A"].feedback.attempts == ()
    assert (rounds[0].proposed_delay_s, rounds[0].proposed_rewards) == (5.0, {"B": -1.0})


def test_rounds_without_gain_end_the_search_when_patience_is_over():
    worse = [Proposal(what="worse", plans=standing("", 40, 40).plans)]
    better = [Proposal(what="better", plans=standing("", 8, 20).plans)]
    author = ScriptedAuthor(worse, better, worse, worse, better)
    stood, rounds = refine(author, BRIEFS, standing("start", 5, 5), FakeBench(), (11,), (1,) * 5, patience=2)
    assert len(rounds) == len(author.briefs) == 4
    assert stood[-1].what in ("better", "composed in round 2")


def test_a_brief_carries_the_incumbent_and_how_it_did():
    author = ScriptedAuthor([Proposal(what="x", plans={})])
    refine(author, BRIEFS, standing("start", 5, 5), FakeBench(), (11,), (1,))
    told = author.briefs[0][1]
    assert told.incumbent.green_s == 5.0
    assert (told.feedback.what, told.feedback.network_delay_s, told.feedback.local_return) == (
        "start",
        20.0,
        -16.0,
    )


def test_returns_are_means_over_the_seeds():
    trial = Trial(
        results=(
            Result(delay_s=20.0, returns=(-1.0, -4.0), simulated_s=1.0),
            Result(delay_s=30.0, returns=(-3.0, -4.0), simulated_s=1.0),
        )
    )
    assert trial.delay_s == 25.0
    np.testing.assert_array_equal(trial.returns, [-2.0, -4.0])
