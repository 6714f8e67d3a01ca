import json

import pytest

from leed_traffic.errors import DemonstrationError
from leed_traffic.generate.language_model.conversation import ModelReply, Question
from leed_traffic.generate.language_model.transcripts import RememberedModel, Transcripts


def question(text, subject="J"):
    return Question(subject=subject, messages=(("user", text),), schema="{}", temperature=0.7, max_tokens=9)


class Parrot:
    """Repeats the question; remembers what it was asked."""

    name = "parrot"

    def __init__(self, *, stop_after=None):
        self.asked, self.stop_after = [], stop_after

    def converse(self, questions, on_reply):
        for index, first in enumerate(questions):
            following = first
            while following is not None:
                if len(self.asked) == self.stop_after:
                    raise KeyboardInterrupt
                self.asked.append(following.messages[-1][1])
                following = on_reply(
                    index, ModelReply(text=following.messages[-1][1], finish_reason="stop", reply_tokens=2)
                )


def converse(path, model, heard):
    """Two conversations of three questions each."""

    def on_reply(index, reply):
        heard.setdefault(index, []).append(reply.text)
        n = len(heard[index])
        return question(f"{index}.{n}") if n < 3 else None

    with Transcripts(path) as transcripts:
        RememberedModel(transcripts, model, "parrot").converse([question("0.0"), question("1.0")], on_reply)


EXPECTED = {0: ["0.0", "0.1", "0.2"], 1: ["1.0", "1.1", "1.2"]}


@pytest.mark.parametrize("stop_after", range(7))
def test_after_an_interruption_only_what_is_missing_is_asked(tmp_path, stop_after):
    path, first, second, heard = tmp_path / "t.jsonl", Parrot(stop_after=stop_after), Parrot(), {}
    if stop_after < 6:
        with pytest.raises(KeyboardInterrupt):
            converse(path, first, {})
    else:
        converse(path, first, {})
    converse(path, second, heard)
    assert heard == EXPECTED
    assert sorted(first.asked + second.asked) == sorted(EXPECTED[0] + EXPECTED[1])


def test_a_replay_needs_no_model_and_says_what_it_lacks(tmp_path):
    path, heard = tmp_path / "t.jsonl", {}
    converse(path, Parrot(), {})
    before = path.read_bytes()
    with Transcripts(path, read_only=True) as transcripts:
        replay = RememberedModel(transcripts, None, "parrot")
        replay.converse([question("0.0")], lambda index, reply: heard.setdefault(index, reply.text) and None)
        assert heard == {0: "0.0"}
        with pytest.raises(
            DemonstrationError, match=r"holds no reply of parrot to a question on J7 \(1 missing\)"
        ):
            replay.converse([question("new", "J7")], lambda index, reply: None)
        assert transcripts.models == ("parrot",)
    assert path.read_bytes() == before


def test_equal_questions_about_two_junctions_are_two_questions():
    assert question("x", "A").digest() != question("x", "B").digest()
    assert question("x").digest() == question("x").digest()


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_last_line_that_was_cut_off_is_dropped_and_asked_again(tmp_path, cut):
    path, again, heard = tmp_path / "t.jsonl", Parrot(), {}
    converse(path, Parrot(), {})
    path.write_bytes(path.read_bytes()[:-cut])
    converse(path, again, heard)
    assert heard == EXPECTED
    assert len(again.asked) == 1
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 6


def test_a_broken_line_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    converse(path, Parrot(), {})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], "gibberish\n", *lines[1:]]))
    with pytest.raises(
        DemonstrationError, match=r"t\.jsonl: line 2 is no transcript; restore the file or remove it"
    ):
        Transcripts(path)


def test_transcripts_that_are_not_there_cannot_be_replayed(tmp_path):
    with pytest.raises(DemonstrationError, match="cannot be read"):
        Transcripts(tmp_path / "none.jsonl", read_only=True)


def test_a_refused_question_is_asked_again_but_replayed_as_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    with Transcripts(path) as transcripts:
        transcripts.add("m", question("x"), ModelReply(text="", finish_reason="refused", fault="prompt too long"))
        assert transcripts.find("m", question("x")) is None
    with Transcripts(path, read_only=True) as transcripts:
        assert transcripts.find("m", question("x")).fault == "prompt too long"


def test_a_model_of_another_name_is_asked_anew(tmp_path):
    with Transcripts(tmp_path / "t.jsonl") as transcripts:
        transcripts.add("m", question("x"), ModelReply(text="y", finish_reason="stop"))
        assert transcripts.find("other", question("x")) is None
        assert transcripts.find("m", question("x")).text == "y"
        assert len(transcripts) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt_tokens", -5), ("reply_tokens", 10**4000), ("latency_s", float("nan")), ("latency_s", float("inf"))],
)
def test_a_figure_that_no_reply_has_is_refused_where_the_transcripts_are_read(tmp_path, field, value):
    path = tmp_path / "transcripts.jsonl"
    converse(path, Parrot(), {})
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), field: value}), *others, ""]))
    with pytest.raises(DemonstrationError, match="line 1 is no transcript"):
        Transcripts(path, read_only=True)
