import json

import numpy as np

from leed_traffic.domain.plan import SequencePlan
from leed_traffic.generate.brief_text import emphasis
from leed_traffic.generate.names import name_parts
from leed_traffic.generate.plan_schema import plan_schema
from leed_traffic.generate.reply import read_plan
from leed_traffic.planner.lessons import FIRST_ROUNDS, LATER_ROUNDS, lessons_of, reasoning_of, relabelled, reply_text
from leed_traffic.planner.variants import change, writable
from tests.planner.studies import study

STUDY = study()


def lessons():
    return list(lessons_of(STUDY, "j", np.random.default_rng(1)))


def allows(schema, value):
    """Whether a schema of ours takes a value."""
    if "anyOf" in schema:
        return any(allows(one, value) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "object":
        known = schema["properties"]
        return (
            isinstance(value, dict)
            and set(schema["required"]) <= set(value)
            and all(name in known and allows(known[name], inner) for name, inner in value.items())
        )
    if schema["type"] == "array":
        first = schema.get("prefixItems", [])
        return (
            isinstance(value, list)
            and schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
            and all(allows(first[k] if k < len(first) else schema["items"], inner) for k, inner in enumerate(value))
        )
    kinds = {"integer": int, "string": str, "null": type(None)}
    return isinstance(value, kinds[schema["type"]])


def test_a_junction_gives_lessons_of_a_first_and_of_later_rounds():
    made = lessons()
    assert [lesson.round for lesson in made] == [1] * FIRST_ROUNDS + [2] * LATER_ROUNDS
    assert all([m["role"] for m in lesson.messages] == ["system", "user", "assistant"] for lesson in made)
    assert all(("Your last plans against it" in lesson.messages[1]["content"]) == (lesson.round == 2) for lesson in made)
    assert len({lesson.messages[1]["content"] for lesson in made}) > 20
    assert made == lessons()


def test_the_reply_to_be_learnt_is_allowed_by_the_schema_and_read_as_the_plan_that_was_tried():
    names = name_parts(STUDY.brief)
    rng, schema = np.random.default_rng(2), plan_schema(STUDY.brief, names)
    for one in STUDY.tried:
        plan = writable(one.plan, STUDY.brief.timing) if isinstance(one.plan, SequencePlan) else one.plan
        plan = change(plan, STUDY.brief.intersection, STUDY.brief.timing, rng)
        text = reply_text(plan, reasoning_of(STUDY.brief), names)
        assert allows(schema, json.loads(text)), text
        assert read_plan(text, "stop", STUDY.brief, names) == plan.model_copy(update={"reasoning": reasoning_of(STUDY.brief)})


def test_who_is_asked_for_a_sequence_learns_the_best_sequence_that_is_nearly_as_good():
    asked = [lesson for lesson in lessons() if emphasis(2) in lesson.messages[1]["content"]]
    best = json.loads(next(lesson for lesson in asked if lesson.round == 1).messages[2]["content"])
    assert best["form"] == "sequence"
    least_delay = [lesson for lesson in lessons() if emphasis(0) in lesson.messages[1]["content"] and lesson.round == 1]
    assert {json.loads(lesson.messages[2]["content"])["form"] for lesson in least_delay} == {"priority"}


def test_relabelling_changes_the_letters_and_keeps_each_approachs_figures():
    from dataclasses import replace

    from leed_traffic.generate.brief import Feedback

    found = STUDY.starts[0].attempt.diagnosis
    brief = replace(
        STUDY.brief, feedback=Feedback(what="x", network_delay_s=1.0, local_return=-1.0, diagnosis=found, attempts=())
    )
    queue_of = dict(zip(name_parts(brief).approaches, found.queue_veh, strict=True))
    letters = set()
    for seed in range(8):
        other = relabelled(brief, np.random.default_rng(seed))
        names = name_parts(other)
        letters.add(tuple(names.approaches.items()))
        assert dict(zip(names.approaches, other.feedback.diagnosis.queue_veh, strict=True)) == queue_of
    assert len(letters) > 1


def test_the_reasoning_states_the_flow_ratios_in_percent():
    assert reasoning_of(STUDY.brief).startswith("Percent of the time that the stages need: ")
    assert len(reasoning_of(STUDY.brief)) <= 240
