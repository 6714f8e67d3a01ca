import json
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.generate.brief import Feedback
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_schema import plan_schema
from leed_traffic.generate.language_model.plan_words import describe_plan
from leed_traffic.generate.language_model.reply import read_plan
from leed_traffic.planner.judgement import judge
from leed_traffic.planner.junctions import FULLNESS
from leed_traffic.planner.lessons import (
    FIRST_ROUNDS,
    LATER_ROUNDS,
    PROPOSALS,
    drawn_lessons,
    lessons_of,
    reasoning_of,
    relabelled,
    with_demand,
)
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.simulation.incumbents.webster import flow_ratios
from tests.planner.schemas import allows
from tests.planner.studies import studies, study

STUDY = study(factor=2.5)
JUDGEMENT = judge(studies())
STRETCHED, QUICK = "Webster x 2, over 2 within 50 m", "quick"


def lessons(of=STUDY):
    return list(lessons_of(of, JUDGEMENT, "j", np.random.default_rng(1)))


def replies(made):
    return [json.loads(lesson.messages[2]["content"]) for lesson in made]


def test_a_junction_gives_briefs_of_a_first_and_of_later_rounds_with_a_lesson_per_proposal():
    made = lessons()
    assert [lesson.round for lesson in made] == [1] * FIRST_ROUNDS * PROPOSALS + [2] * LATER_ROUNDS * PROPOSALS
    assert all([m["role"] for m in lesson.messages] == ["system", "user", "assistant"] for lesson in made)
    assert all(
        ("Your last plans against it" in lesson.messages[1]["content"]) == (lesson.round == 2) for lesson in made
    )
    briefs = [lesson.messages[1]["content"].rpartition("\n\n")[0] for lesson in made]
    assert all(len(set(briefs[k : k + PROPOSALS])) == 1 for k in range(0, len(briefs), PROPOSALS))
    assert len(set(briefs)) > (FIRST_ROUNDS + LATER_ROUNDS) / 2
    assert made == lessons()


def test_the_proposals_about_one_brief_are_different_plans_and_none_is_the_plan_to_beat():
    made = lessons()
    for k in range(0, len(made), PROPOSALS):
        plans = [{**reply, "reasoning": ""} for reply in replies(made[k : k + PROPOSALS])]
        assert all(plan not in plans[:n] for n, plan in enumerate(plans))
    names = name_parts(STUDY.brief)
    for lesson in made:
        plan = read_plan(lesson.messages[2]["content"], "stop", STUDY.brief, names)
        assert plan.form == "sequence" or describe_plan(plan, names) not in lesson.messages[1]["content"]


def test_the_full_junction_is_answered_otherwise_than_the_light_one():
    full, light = (replies(lessons(study(factor=factor)))[0] for factor in (2.5, 0.6))
    assert full["green_s"] == 20
    assert light["green_s"] == 5


def test_drawn_demands_make_lessons_without_results_whose_replies_the_schema_allows():
    made = list(drawn_lessons(STUDY.brief, JUDGEMENT, "j", 5, np.random.default_rng(4)))
    assert [lesson.round for lesson in made] == [0] * 5 * PROPOSALS
    assert not any("It earned" in lesson.messages[1]["content"] for lesson in made)
    assert all("## The plan to beat" in lesson.messages[1]["content"] for lesson in made)
    schema = plan_schema(STUDY.brief, name_parts(STUDY.brief))
    assert all(allows(schema, reply) for reply in replies(made))


def test_a_drawn_demand_fills_the_junction_to_a_drawn_degree_in_whole_vehicles():
    fullness = []
    for seed in range(20):
        brief = with_demand(STUDY.brief, np.random.default_rng(seed))
        fullness.append(max(sum(flow_ratios(brief, p)) for p in range(len(brief.period_starts_s))))
        assert all(flow % 4.0 == 0.0 for turn in brief.turns for flow in turn.flow_vehph)
    assert min(fullness) > FULLNESS[0] - 0.1
    assert max(fullness) < FULLNESS[1] + 0.1
    assert max(fullness) - min(fullness) > 0.2


def test_relabelling_changes_the_letters_and_keeps_each_approachs_figures():
    found = STUDY.starts[0].attempt.diagnosis
    brief = replace(
        STUDY.brief,
        feedback=Feedback(what="x", network_delay_s=1.0, local_return=-1.0, diagnosis=found, attempts=()),
    )
    queue_of = dict(zip(name_parts(brief).approaches, found.queue_veh, strict=True))
    letters = set()
    for seed in range(8):
        other = relabelled(brief, np.random.default_rng(seed))
        names = name_parts(other)
        letters.add(tuple(names.approaches.items()))
        assert dict(zip(names.approaches, other.feedback.diagnosis.queue_veh, strict=True)) == queue_of
    assert len(letters) > 1


@pytest.mark.parametrize(("factor", "level"), [(0.6, "Light"), (1.7, "Half full"), (2.5, "Full")])
def test_the_reasoning_states_the_flow_ratios_how_full_that_is_and_why_such_a_plan(factor, level):
    brief = study(factor=factor).brief
    plans = embedded(brief) | portfolio(brief)
    said = {
        what: reasoning_of(brief, plans[what]) for what in (STRETCHED, QUICK, "slowest", "steady, waiting counts")
    }
    percent = " ".join(f"{100 * ratio:.0f}" for ratio in flow_ratios(brief, 0))
    assert all(
        text.startswith(f"From 0 s: critical flow ratios {percent} percent, together ") for text in said.values()
    )
    assert all(f". {level}: " in text for text in said.values())
    assert len(set(said.values())) == 4
    assert max(map(len, said.values())) <= 240
