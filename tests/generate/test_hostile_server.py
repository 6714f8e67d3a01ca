"""A model's server that means no good: what it may cost, where it may send us, and what may come of its words."""

import gzip
import json

import pytest

from leed_traffic.errors import DeviceError, UsageError
from leed_traffic.generate.language_model.guarded_client import MAX_BODY_BYTES
from leed_traffic.generate.language_model.plain_text import clean_text, one_line
from leed_traffic.generate.language_model.transcripts import RememberedModel, Transcripts
from tests.generate.chat_server import DRIP, ENDLESS, Answer, ChatServer
from tests.generate.language_model.test_served import ask, echo, model_at, question

ESCAPES = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202e \x7f \x00"


def test_a_reply_that_drips_is_given_up_after_the_time_for_one_reply():
    with (
        ChatServer(lambda request, n: Answer(how=DRIP)) as server,
        pytest.raises(
            DeviceError, match=r"no reply within 0\.4 s in 2 attempts; lower --concurrency or raise --timeout"
        ),
    ):
        ask(model_at(server, timeout_s=0.4, attempts=2))
    assert server.n_bytes < 2 * 50  # of 200 that it would have sent each time


def test_a_reply_without_end_is_left_and_said_so():
    with (
        ChatServer(lambda request, n: Answer(how=ENDLESS)) as server,
        pytest.raises(DeviceError, match="the reply has over 4 MiB, 2 attempts; look at the server's log"),
    ):
        ask(model_at(server, attempts=2))
    assert server.n_bytes < 2 * 5 * MAX_BODY_BYTES


def test_one_endless_reply_does_not_lose_the_others():
    with ChatServer(lambda request, n: Answer(how=ENDLESS) if n == 1 else echo(request, n)) as server:
        replies = ask(model_at(server), [question(n) for n in range(4)])
    assert [replies[n].text for n in range(4)] == [f"question {n}" for n in range(4)]


def test_an_endless_word_about_a_fault_is_not_taken_either():
    long = b'{"error": {"message": "' + b"y" * (MAX_BODY_BYTES + 1) + b'"}}'
    with (
        ChatServer(lambda request, n: Answer(status=503, body=long)) as server,
        pytest.raises(DeviceError, match="the reply has over 4 MiB"),
    ):
        ask(model_at(server, attempts=1))


def test_a_packed_reply_is_not_unpacked():
    packed = Answer(body=gzip.compress(b" " * 10**8), headers={"Content-Encoding": "gzip"})
    with ChatServer(lambda request, n: packed) as server, pytest.raises(DeviceError, match="the reply is packed"):
        ask(model_at(server, attempts=1))


@pytest.mark.parametrize("charset", ["rot13", "zlib_codec", "hex", "undefined", "idna", "punycode"])
@pytest.mark.parametrize("status", [400, 500])
def test_no_codec_that_a_server_names_is_let_loose_on_its_words(status, charset):
    refusal = Answer(status=status, body=b"abc", headers={"Content-Type": f"text/plain; charset={charset}"})
    with ChatServer(lambda request, n: echo(request, n) if n else refusal) as server:
        replies = ask(model_at(server))
    assert (replies[0].finish_reason == "refused") == (status == 400)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_question_goes_to_the_address_that_was_given_and_no_further(status):
    with (
        ChatServer(echo) as other,
        ChatServer(
            lambda request, n: Answer(status=status, headers={"Location": f"{other.url}/chat/completions"})
        ) as server,
    ):
        with pytest.raises(
            UsageError, match=f"redirects its clients, to {other.url}/chat/completions; give --url"
        ):
            ask(model_at(server))
        assert other.requests == []
        assert len(server.requests) == 1


def test_the_list_of_models_is_not_fetched_from_elsewhere():
    with ChatServer(echo) as other, ChatServer(echo, elsewhere=f"{other.url}/models") as server:
        with pytest.raises(UsageError, match="redirects its clients"):
            ask(model_at(server))
        assert server.requests == other.requests == []


def test_no_control_code_of_a_server_reaches_a_message():
    with ChatServer(echo, models=(ESCAPES, *(f"model{n}" for n in range(999)))) as server:
        with pytest.raises(UsageError) as caught:
            ask(model_at(server))
        refusal = json.dumps({"error": {"message": ESCAPES}}).encode()
        server.models, server.script = ("tiny",), lambda request, n: Answer(status=400, body=refusal)
        (reply,) = ask(model_at(server)).values()
        server.script = lambda request, n: Answer(status=503, body=refusal)
        with pytest.raises(DeviceError) as lost:
            ask(model_at(server, attempts=1))
    for said in (str(caught.value), reply.fault, str(lost.value)):
        assert said.isprintable()
        assert "owned" in said
    assert len(str(caught.value)) < 500


def test_no_control_code_of_a_reply_is_kept(tmp_path):
    with (
        ChatServer(lambda request, n: Answer(text=f"a\n{ESCAPES}")) as server,
        Transcripts(tmp_path / "t.jsonl") as kept,
    ):
        (reply,) = ask(RememberedModel(kept, model_at(server), "tiny")).values()
        assert kept.find("tiny", question()) == reply
    assert reply.text.replace("\n", "").isprintable()
    assert reply.text.startswith("a\n")
    assert "\\u001b" not in (tmp_path / "t.jsonl").read_text()


def test_control_codes_in_transcripts_from_elsewhere_go_no_further(tmp_path):
    with ChatServer(echo) as server, Transcripts(tmp_path / "t.jsonl") as kept:
        ask(RememberedModel(kept, model_at(server), "tiny"))
    line = json.loads((tmp_path / "t.jsonl").read_text())
    (tmp_path / "t.jsonl").write_text(json.dumps(line | {"text": ESCAPES, "fault": ESCAPES}) + "\n")
    reply = Transcripts(tmp_path / "t.jsonl", read_only=True).find("tiny", question())
    assert reply.text.isprintable()
    assert reply.fault.isprintable()


@pytest.mark.parametrize(
    "document",
    [
        {"choices": {"0": 1}},
        {"choices": "text"},
        {"choices": [7]},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {"content": ["x"]}, "finish_reason": {"a": 1}}]},
        {"choices": [{"message": {"content": None}}], "usage": [1]},
        {"choices": [{}], "usage": {"prompt_tokens": 1e400, "completion_tokens": "many"}},
        {"choices": [{}], "usage": {"prompt_tokens": -5, "completion_tokens": 10**30}},
        [],
        7,
        None,
    ],
)
def test_whatever_stands_in_a_reply_it_is_an_empty_one(document):
    with ChatServer(lambda request, n: Answer(body=json.dumps(document).encode())) as server:
        (reply,) = ask(model_at(server)).values()
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.reply_tokens) == ("", "stop", 0, 0)


def test_plain_text_keeps_lines_and_letters():
    assert clean_text('{\n\t"Straße": 1}\r\n') == '{\n\t"Straße": 1}\r\n'
    assert clean_text("\ud800") == "\ufffd"
    assert one_line("two\n lines \x1b[31m") == "two lines ?[31m"
    assert len(one_line("x" * 10**6)) == 300
