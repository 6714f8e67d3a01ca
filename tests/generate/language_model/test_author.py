import json
import random
import time

import pytest

from leed_traffic.domain.plan import UrgencyPlan, check_plan
from leed_traffic.errors import UsageError
from leed_traffic.generate.language_model.author import LanguageModelAuthor, Sampling
from leed_traffic.generate.language_model.brief_text import TOKEN_LIMIT, estimate_tokens
from leed_traffic.generate.language_model.served import ModelReply, ServedModel, ServerPatience
from tests.generate.briefs import crossroads, little
from tests.generate.chat_server import Answer, ChatServer, priority_reply, sample
from tests.generate.language_model.test_reply import hostile


class ScriptedModel:
    """Answers what a function says; asks one conversation after the other."""

    name = "scripted"

    def __init__(self, script, *, backwards=False):
        self.script, self.asked, self.backwards = script, [], backwards

    def converse(self, questions, on_reply):
        for index, first in sorted(enumerate(questions), reverse=self.backwards):
            following = first
            while following is not None:
                self.asked.append(following)
                reply = self.script(following)
                reply = (
                    reply
                    if isinstance(reply, ModelReply)
                    else ModelReply(text=reply, finish_reason="stop", reply_tokens=10)
                )
                following = on_reply(index, reply)


def author_of(script, *, on_asking=lambda asking: None, repairs=2, **options):
    return LanguageModelAuthor(
        ScriptedModel(script, **options), Sampling(repairs=repairs), time.monotonic, on_asking
    )


def sound(question):
    """A plan that the schema allows, another for every question."""
    schema = json.loads(question.schema)
    schema = schema.get("anyOf", [schema])[0]
    return json.dumps(sample(schema, random.Random(question.digest())))


BRIEFS = (crossroads("X"), little("S"))


def test_every_intersection_gets_as_many_plans_as_asked_and_they_fit():
    author = author_of(sound)
    proposals = author.propose(BRIEFS, 0, 3)
    assert [set(p.plans) for p in proposals] == [{"X", "S"}] * 3
    for proposal in proposals:
        for brief in BRIEFS:
            check_plan(proposal.plans[brief.intersection.id], brief.intersection, brief.timing)
    assert proposals[0].what.startswith("round 1, proposal 1: look for the least delay")
    assert author.author_of(proposals[1].plans["X"]) == "scripted, round 1, proposal 2"
    assert author.author_of(UrgencyPlan(intersection="X")) is None
    (record,) = author.rounds
    assert (record.asked, record.valid_at_once, record.valid, record.fallbacks, record.replies) == (6, 6, 6, 0, 6)
    assert record.reply_tokens == 60
    assert 0.3 < record.diversity <= 1.0


def test_the_same_replies_propose_the_same_in_whatever_order_they_come():
    assert author_of(sound).propose(BRIEFS, 0, 3) == author_of(sound, backwards=True).propose(BRIEFS, 0, 3)


def test_a_fault_goes_back_with_the_reason_and_the_repaired_plan_counts():
    def script(question):
        return (
            sound(question)
            if "was refused: the reply holds no JSON" in question.messages[-1][1]
            else "I would say \x07 stage 2"
        )

    author = author_of(script)
    (proposal,) = author.propose(BRIEFS[:1], 0, 1)
    assert set(proposal.plans) == {"X"}
    roles = [role for role, _ in author._model.asked[-1].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert author._model.asked[-1].messages[2][1] == "I would say   stage 2"
    (record,) = author.rounds
    assert (record.valid_at_once, record.valid, record.replies) == (0, 1, 2)


def test_after_the_last_repair_the_earlier_plan_stands_in_and_the_reason_is_told():
    author = author_of(lambda question: "no", repairs=2)
    (proposal,) = author.propose(BRIEFS[:1], 0, 1)
    assert (proposal.plans, proposal.faults) == ({}, {"X": "the reply holds no JSON object"})
    assert len(author._model.asked) == 3
    assert author.rounds[0].fallbacks == 1
    assert author.rounds[0].intersections["X"].reasons == ("the reply holds no JSON object",) * 3


def test_the_last_repair_allows_only_the_form_that_breaks_no_rule():
    def unserved(question):
        schema = json.loads(question.schema)
        if "anyOf" not in schema:
            return json.dumps(sample(schema, random.Random(1)))
        step = {
            "stage": 0,
            "min_green_s": 7,
            "max_green_s": 9,
            "extend_while": None,
            "skip_if_queue_at_most": None,
        }
        period = {"from_s": 0, "cycle_s": None, "offset_s": 0, "steps": [step]}
        return json.dumps({"form": "sequence", "reasoning": "One stage.", "reach_m": 50, "periods": [period]})

    author = author_of(unserved, repairs=2)
    (proposal,) = author.propose(BRIEFS[:1], 0, 1)
    assert isinstance(proposal.plans["X"], UrgencyPlan)
    assert len(author._model.asked) == 3
    last = author._model.asked[-1]
    assert last.messages[-1][1].endswith('this time in the form "priority", and nothing else.')


def test_a_question_that_the_server_refuses_is_not_repaired_and_costs_only_itself():
    def script(question):
        return (
            ModelReply(text="", finish_reason="refused", fault="http://h: too long")
            if question.subject == "X"
            else sound(question)
        )

    author = author_of(script)
    (proposal,) = author.propose(BRIEFS, 0, 1)
    assert set(proposal.plans) == {"S"}
    assert proposal.faults == {"X": "the server did not take the question"}
    assert author.rounds[0].intersections["X"].reasons == ("http://h: too long",)


def test_a_server_that_refuses_every_question_ends_the_run():
    author = author_of(lambda question: ModelReply(text="", finish_reason="refused", fault="http://h: bad schema"))
    with pytest.raises(UsageError, match="refused every question: http://h: bad schema"):
        author.propose(BRIEFS, 0, 2)


def test_of_two_hundred_hostile_replies_each_is_a_sound_plan_or_has_its_reason():
    rng = random.Random(11)
    author = author_of(lambda question: hostile(rng), repairs=0)
    brief = crossroads("X")
    proposals = author.propose([brief], 0, 200)
    for proposal in proposals:
        assert set(proposal.plans) | set(proposal.faults) == {"X"}
        assert all(reason for reason in proposal.faults.values())
        for plan in proposal.plans.values():
            check_plan(plan, brief.intersection, brief.timing)
    assert sum(bool(p.faults) for p in proposals) > 130


def test_a_huge_reply_is_sent_back_only_in_part():
    author = author_of(lambda question: "{" + "y" * 20_000, repairs=1)
    author.propose(BRIEFS[:1], 0, 1)
    assert max(len(content) for _, content in author._model.asked[-1].messages[2:]) <= 2000


def test_progress_tells_intersections_speed_and_validity():
    seen = []
    author_of(lambda q: sound(q) if q.subject == "S" else "no", on_asking=seen.append, repairs=0).propose(
        BRIEFS, 1, 2
    )
    assert [(a.done, a.plans, a.valid, a.tokens) for a in seen] == [
        (0, 1, 0, 10),
        (1, 2, 0, 20),
        (1, 3, 1, 30),
        (2, 4, 2, 40),
    ]
    assert (seen[0].round_number, seen[0].intersections, seen[0].asked) == (2, 2, 4)


def test_the_briefs_of_a_hundred_intersections_differ_and_fit():
    briefs = [crossroads(f"J{k}") for k in range(100)]
    author = author_of(sound)
    talks = [talk for brief in briefs for talk in author._begin(brief, 4)]
    assert len({talk.question.digest() for talk in talks}) == 400
    sizes = [estimate_tokens("".join(content for _, content in talk.question.messages)) for talk in talks]
    assert max(sizes) < TOKEN_LIMIT + 100  # the task of the proposal comes on top


def test_a_round_of_a_hundred_intersections_keeps_the_servers_queue_full():
    def steady(request, n):
        return Answer(text=priority_reply(request), delay_s=0.9 + 0.03 * (n % 7))  # a real reply takes seconds

    with ChatServer(steady) as server:
        model = ServedModel(
            [server.url],
            "tiny",
            concurrency=16,
            patience=ServerPatience(timeout_s=20.0),
            clock=time.monotonic,
            rng=random.Random(1),
        )
        author = LanguageModelAuthor(model, Sampling(), time.monotonic, lambda asking: None)
        author.propose([crossroads(f"J{k}") for k in range(100)], 0, 1)
    assert (author.rounds[0].asked, author.rounds[0].valid, len(server.requests)) == (100, 100, 100)
    assert server.most_in_flight == 16
    assert server.mean_in_flight(16) > 0.9 * 16
