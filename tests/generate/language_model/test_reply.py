import json
import random
from dataclasses import replace

import pytest

from leed_traffic.domain.plan import SequencePlan, UrgencyPlan, check_plan
from leed_traffic.errors import PlanError
from leed_traffic.generate.language_model.brief_text import system_text
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_words import describe_plan
from leed_traffic.generate.language_model.reply import MAX_REASON_CHARS, read_plan
from tests.generate.briefs import little
from tests.generate.language_model.replies import BRIEF, read, sequence, step
from tests.intersections import flat_timing


def priority(**changes):
    return {
        "form": "priority",
        "reasoning": "Serve A first.",
        "reach_m": 80,
        "lane_weights": {"A1": 1.5},
    } | changes


def test_short_names_become_the_junctions_own():
    plan = read(priority())
    assert plan == UrgencyPlan(
        intersection="X", reasoning="Serve A first.", reach_m=80.0, lane_weights={"in0_0": 1.5}
    )
    held = read(sequence(step(0, extend_while={"approaches": ["B"], "queue_over": 1}), step(1), step(2), step(3)))
    assert isinstance(held, SequencePlan)
    assert held.periods[0].steps[0].extend_while.approaches == ("in1",)


def test_words_around_the_object_and_typographic_quotes_do_no_harm():
    reply = priority(reasoning='A’s “platoons” – the "rest" follows')
    plan = read(f"<think>hm</think>```json\n{json.dumps(reply)}\n```")
    assert plan.reasoning == "A's 'platoons' - the 'rest' follows"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("", "no JSON object"),
        ("I cannot do that", "no JSON object"),
        ('{"form": "priority",}', "not JSON"),
        ('{"a": ' * 5000 + "}" * 5000, "over 20000 characters"),
        ('{"a": ' * 2500 + "}", "not JSON"),
        ("{" + '"reach_m": ' + "9" * 5000 + "}", "not JSON"),
        ("x" * 1_000_000, "over 20000 characters"),
        (priority(intersection="X"), "intersection is no field"),
        (priority(form="chaos"), "chaos"),
        (priority(lane_weights={"Z9": 1}), "lane_weights names Z9; lanes are A1"),
        (priority(lane_weights={"in0_0": 1}), "lane_weights names in0_0"),
        (priority(lane_weights={"A1": -1}), "lane weights must be over 0"),
        (priority(lane_weights=[1]), "lane_weights"),
        (priority(green_s=-5), "green_s"),
        (priority(green_s="7"), "green_s"),
        (priority(keep=True), "keep"),
        (priority(turbo=1), "turbo"),
        (json.dumps(priority()).replace("80", "NaN"), "NaN is no number"),
        (json.dumps(priority()).replace("80", "1e999"), "reach_m"),
        (priority(reasoning=""), "needs one sentence"),
        (priority(reasoning="x" * 301), "at most 300"),
        (priority(reasoning="a\x07b"), "control characters"),
        (priority(reasoning=7), "needs one sentence"),
        (sequence(*map(step, range(4)), step(9)), "stage 9 does not exist, stages are 0 to 3"),
        (sequence(step(0), step(1)), "no step from 0 s on serves C straight, D left"),
        (sequence(step(0, max_green_s=31), step(1), step(2), step(3)), "the site allows 7.0 to 30.0 s"),
        (sequence(step(0, min_green_s=6), step(1), step(2), step(3)), "the site allows 7.0 to 30.0 s"),
        (sequence(step(0, min_green_s=20, max_green_s=10)), "need min_green_s <= max_green_s"),
        (sequence(step(0, extend_while={"approaches": ["Q"], "queue_over": 0})), "approaches are A, B"),
        (sequence(step(0, extend_while={"approaches": [["A"]], "queue_over": 0})), "extend_while names"),
        (sequence(from_s=900), "periods must begin at 0"),
        (sequence() | {"periods": []}, "periods"),
        (sequence() | {"periods": 7}, "periods"),
        ([priority(), priority()], "JSON"),
    ],
)
def test_what_is_no_plan_is_refused_with_a_reason(reply, words):
    with pytest.raises(PlanError) as told:
        read(reply)
    reason = str(told.value)
    assert words in reason
    assert len(reason) <= MAX_REASON_CHARS
    assert reason.isprintable()
    assert "plan for" not in reason


def test_a_reply_that_was_cut_off_says_so():
    with pytest.raises(PlanError, match="cut off"):
        read(json.dumps(priority()), "length")


def hostile(rng):
    """A sound reply with something done to it."""
    text = json.dumps(priority() if rng.random() < 0.5 else sequence())
    values = [
        "NaN",
        "-Infinity",
        "-7",
        "1e400",
        "null",
        '"\\ud800"',
        "[]",
        "{}",
        "true",
        '"' + "y" * 1_000_000 + '"',
        "9" * 400,
    ]
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(6)
        at = rng.randrange(len(text) + 1)
        if kind == 0:
            text = text[:at]
        elif kind == 1:
            text = text[:at] + chr(rng.choice([0, 1, 7, 10, 27, 127, 0x202E, 0xD800])) + text[at:]
        elif kind == 2:
            text = text.replace(rng.choice(["0", "7", "20", "80", "null", "1.5"]), rng.choice(values), 1)
        elif kind == 3:
            text = text.replace(
                rng.choice(["A1", "stage", "reach_m", "form", "steps"]),
                rng.choice(["Z9", "", "constructor", "A"]),
                1,
            )
        elif kind == 4:
            text = text[:at] + rng.choice(["}", "{", "]", '"', "//", "\\"]) + text[at:]
        else:
            text = rng.choice(
                [text * 2, "[" + text + "]", "".join(map(chr, (rng.randrange(0x3000) for _ in range(200))))]
            )
    return text


def test_of_two_thousand_hostile_replies_none_crashes_and_what_passes_is_sound():
    rng, reasons = random.Random(7), []
    for _ in range(2000):
        try:
            plan = read(hostile(rng))
        except PlanError as err:
            reasons.append(str(err))
        else:
            check_plan(plan, BRIEF.intersection, BRIEF.timing)
    assert len(reasons) > 1400
    assert all(reason and reason.isprintable() for reason in reasons)


def test_the_examples_in_the_prompt_are_plans():
    examples = [line for line in system_text().splitlines() if line.startswith("{")]
    brief = replace(little(), timing=flat_timing(2, min_green_s=5.0, max_green_s=50.0))
    plans = [read_plan(line, "stop", brief, name_parts(brief)) for line in examples]
    assert [plan.form for plan in plans] == ["priority", "sequence"]
    assert "A1 1.2, B1 0.8" in describe_plan(plans[0], name_parts(brief))
    assert "stage 0 8 to 40 s while A > 1, stage 1 5" in describe_plan(plans[1], name_parts(brief))
