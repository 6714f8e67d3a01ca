import sys
import threading
import time
from random import Random

import pytest

from leed_traffic.errors import DeviceError, UsageError
from leed_traffic.generate.language_model.conversation import Question
from leed_traffic.generate.language_model.in_process import InProcessModel
from leed_traffic.generate.language_model.served import API_KEY_VARIABLE, ServedModel, ServerPatience
from tests.generate.chat_server import DROP, Answer, ChatServer, free_port


async def no_pause(seconds):
    """Pauses are not what is tested; still let others run."""
    import asyncio

    await asyncio.sleep(min(seconds, 0.02))


def question(n=0, schema='{"type":"object"}'):
    return Question(subject=f"J{n}", messages=(("system", "be brief"), ("user", f"question {n}")), schema=schema,
                    temperature=0.5, max_tokens=64)  # fmt: skip


def model_at(*servers, name="tiny", concurrency=8, **patience):
    urls = [server if isinstance(server, str) else server.url for server in servers]
    return ServedModel(
        urls, name, concurrency=concurrency, patience=ServerPatience(**({"timeout_s": 5.0, "start_s": 5.0} | patience)),
        clock=time.monotonic, rng=Random(1), sleep=no_pause,
    )  # fmt: skip


def ask(model, questions=()):
    """Replies by conversation."""
    got = {}
    model.converse(list(questions) or [question()], lambda index, reply: got.setdefault(index, reply) and None)
    return got


def echo(request, n):
    return Answer(text=request["messages"][-1]["content"])


def test_a_question_is_sent_with_its_schema_and_answered_with_tokens_and_latency():
    with ChatServer(echo) as server:
        (reply,) = ask(model_at(server)).values()
    (sent,) = server.requests
    assert (reply.text, reply.finish_reason, reply.prompt_tokens, reply.fault) == ("question 0", "stop", 1700, "")
    assert reply.latency_s > 0.0
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("tiny", 64, 0.5)
    assert "seed" not in sent


def test_a_conversation_goes_on_as_long_as_something_is_left_to_ask():
    heard = []

    def on_reply(index, reply):
        heard.append(reply.text)
        return question(len(heard)) if len(heard) < 3 else None

    with ChatServer(echo) as server:
        model_at(server).converse([question()], on_reply)
    assert heard == ["question 0", "question 1", "question 2"]


def test_a_server_that_starts_late_is_waited_for():
    server = ChatServer(echo, port=free_port())
    late = threading.Timer(0.5, server.__enter__)
    late.start()
    try:
        assert ask(model_at(f"http://127.0.0.1:{server.port}/v1"))[0].text == "question 0"
    finally:
        late.join()
        server.__exit__()


def test_a_server_whose_engine_loads_is_waited_for():
    with ChatServer(echo, is_healthy=False) as server:
        threading.Timer(0.3, lambda: setattr(server, "is_healthy", True)).start()
        assert ask(model_at(server))[0].text == "question 0"


@pytest.mark.parametrize("well", [401, 403, 404, 405])
def test_a_server_that_shows_no_health_page_answers_all_the_same(well):
    with ChatServer(echo, well=well) as server:
        assert ask(model_at(server, start_s=0.0))[0].text == "question 0"


def test_a_server_that_never_comes_is_one_line():
    with pytest.raises(
        DeviceError, match=r"no model server answers \(Connection error.*waited 0 s; start it \(vllm serve MODEL\)"
    ):
        ask(model_at(f"http://127.0.0.1:{free_port()}/v1", start_s=0.3))


def test_a_wrong_model_is_told_which_are_served():
    with (
        ChatServer(echo, models=("qwen", "llama")) as server,
        pytest.raises(UsageError, match="serves qwen, llama, not tiny; name one with --model"),
    ):
        ask(model_at(server))


def test_an_address_that_is_no_model_server_is_said_so():
    with (
        ChatServer(echo) as server,
        pytest.raises(UsageError, match="must name an OpenAI-compatible server, ending in /v1"),
    ):
        ask(model_at(server.url.replace("/v1", "/elsewhere")))


def test_a_missing_key_is_named_and_a_given_one_is_sent(monkeypatch):
    with ChatServer(echo, key="sesame") as server:
        with pytest.raises(UsageError, match=f"refuses the key; set the environment variable {API_KEY_VARIABLE}"):
            ask(model_at(server))
        monkeypatch.setenv(API_KEY_VARIABLE, "sesame")
        assert ask(model_at(server))[0].text == "question 0"


def test_a_prompt_too_long_is_reported_and_not_asked_again():
    def script(request, n):
        if "question 1" in request["messages"][-1]["content"]:
            return Answer(
                status=400, body=b'{"error": {"message": "maximum context length is 2048 tokens", "code": 400}}'
            )
        return echo(request, n)

    with ChatServer(script) as server:
        replies = ask(model_at(server), [question(n) for n in range(3)])
    assert "maximum context length is 2048" in replies[1].fault
    assert [replies[n].text for n in (0, 2)] == ["question 0", "question 2"]
    assert len(server.requests) == 3


def test_an_overloaded_server_is_asked_again_after_a_pause():
    busy = {}

    def script(request, n):
        prompt = request["messages"][-1]["content"]
        busy[prompt] = busy.get(prompt, 0) + 1
        return Answer(status=503, body=b'{"error": "queue full"}') if busy[prompt] <= 3 else echo(request, n)

    with ChatServer(script) as server:
        replies = ask(model_at(server, concurrency=16), [question(n) for n in range(16)])
    assert [replies[n].text for n in range(16)] == [f"question {n}" for n in range(16)]
    assert len(server.requests) == 64


def test_pauses_grow_and_differ():
    with ChatServer(echo) as server:
        model = model_at(server)
        first, later = [model._pause(1) for _ in range(20)], [model._pause(9) for _ in range(20)]
    assert 0.25 <= min(first) < max(first) <= 0.5
    assert 10.0 <= min(later) < max(later) <= 20.0


def test_endless_overload_is_one_line():
    with (
        ChatServer(lambda request, n: Answer(status=503, body=b'{"error": {"message": "queue full"}}')) as server,
        pytest.raises(DeviceError, match=r"queue full.*, 3 attempts; look at the server's log"),
    ):
        ask(model_at(server, attempts=3))


def test_a_slow_server_is_told_from_a_dead_one():
    with (
        ChatServer(lambda request, n: Answer(text="late", delay_s=0.6)) as server,
        pytest.raises(
            DeviceError, match=r"no reply within 0\.2 s in 2 attempts; lower --concurrency or raise --timeout"
        ),
    ):
        ask(model_at(server, timeout_s=0.2, attempts=2))


@pytest.mark.parametrize(
    "fault", [Answer(how=DROP), Answer(status=500, body=b'{"error": {"message": "EngineDeadError"}}')]
)
def test_a_reply_lost_in_the_middle_is_asked_for_again(fault):
    with ChatServer(lambda request, n: fault if n < 2 else echo(request, n)) as server:
        assert ask(model_at(server))[0].text == "question 0"
    assert len(server.requests) == 3


def test_a_server_that_dies_for_good_is_one_line():
    server = ChatServer(lambda request, n: Answer(how=DROP))
    with server:
        model = model_at(server, start_s=0.3)
        with pytest.raises(DeviceError, match="the same command goes on from here"):
            ask(model)


def test_a_server_that_comes_back_is_asked_again():
    with ChatServer(echo) as first:
        port = first.port
        url = first.url
    replies = {}
    second = ChatServer(echo, port=port)
    back = threading.Timer(0.4, second.__enter__)
    back.start()
    try:
        replies = ask(model_at(url))
    finally:
        back.join()
        second.__exit__()
    assert replies[0].text == "question 0"


def test_two_servers_share_the_questions_and_one_stands_in_when_the_other_dies():
    slow = {"delay_s": 0.02}
    with (
        ChatServer(lambda r, n: Answer(text="a", **slow)) as a,
        ChatServer(lambda r, n: Answer(text="b", **slow)) as b,
    ):
        replies = ask(model_at(a, b), [question(n) for n in range(40)])
        assert {reply.text for reply in replies.values()} == {"a", "b"}
        assert 10 <= len(a.requests) <= 30
    with ChatServer(lambda r, n: Answer(how=DROP)) as dead, ChatServer(lambda r, n: Answer(text="b", **slow)) as b:
        replies = ask(model_at(dead, b), [question(n) for n in range(40)])
        assert [reply.text for reply in replies.values()] == ["b"] * 40


def test_the_queue_of_the_server_is_kept_full():
    with ChatServer(lambda request, n: Answer(text="x", delay_s=0.5 + 0.02 * (n % 11))) as server:
        ask(model_at(server, concurrency=16), [question(n) for n in range(80)])
    assert server.most_in_flight == 16
    assert server.mean_in_flight(16) > 14.0


@pytest.mark.parametrize(
    "body",
    [
        b"<html>proxy error</html>",
        b'{"choices": []}',
        b'{"choices": [{"message": null, "finish_reason": null}]}',
        b'{"choices": [{"message": {"content": 7}}], "usage": {}}',
        b'{"choices": [{"message": {"content": "\\ud800 half"}}]}',
    ],
)
def test_a_body_that_is_no_completion_never_breaks_the_client(body):
    with ChatServer(lambda request, n: Answer(body=body) if n < 2 else echo(request, n)) as server:
        (reply,) = ask(model_at(server)).values()
    reply.text.encode()
    assert reply.fault == ""


def test_a_very_long_reply_is_cut():
    with ChatServer(lambda request, n: Answer(text="y" * 1_000_000)) as server:
        (reply,) = ask(model_at(server)).values()
    assert len(reply.text) == 20_001


def test_ctrl_c_in_the_middle_ends_at_once():
    def on_reply(index, reply):
        raise KeyboardInterrupt

    with ChatServer(lambda request, n: Answer(text="x", delay_s=0.0 if n == 0 else 3.0)) as server:
        began_s = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            model_at(server).converse([question(n) for n in range(4)], on_reply)
        assert time.monotonic() - began_s < 2.0


FAKE_VLLM = """
from types import SimpleNamespace as S
class SamplingParams:
    def __init__(self, **settings): self.__dict__.update(settings)
class LLM:
    def __init__(self, model, max_model_len):
        if model == "broken": raise OSError("no such model")
    def chat(self, messages, sampling, use_tqdm):
        if any(len(m[-1]["content"]) > 100 for m in messages): raise ValueError("prompt is longer than the maximum")
        return [S(prompt_token_ids=[1] * 5, outputs=[S(text=f"{m[-1]['content']} {s.structured_outputs.json}",
                  finish_reason="stop", token_ids=[1, 2])]) for m, s in zip(messages, sampling)]
"""


@pytest.fixture
def own_vllm(tmp_path, monkeypatch):
    """A package of the name, with the two classes that are used."""
    package = tmp_path / "vllm"
    package.mkdir()
    (package / "__init__.py").write_text(FAKE_VLLM)
    (package / "sampling_params.py").write_text("from types import SimpleNamespace as StructuredOutputsParams\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "vllm"]:
        del sys.modules[name]


def test_a_model_in_process_answers_in_batches(own_vllm):
    model = InProcessModel("here", max_model_len=4096, clock=time.monotonic)
    heard = []

    def on_reply(index, reply):
        heard.append((index, reply.text, reply.reply_tokens))
        return question(7) if len(heard) == 1 else None

    model.converse([question(0), question(1)], on_reply)
    assert heard == [
        (0, "question 0 {'type': 'object'}", 2),
        (1, "question 1 {'type': 'object'}", 2),
        (0, "question 7 {'type': 'object'}", 2),
    ]


def test_a_prompt_too_long_in_process_costs_only_its_own_reply(own_vllm):
    long = Question(subject="J", messages=(("user", "x" * 200),), schema="{}", temperature=0.0, max_tokens=5)
    replies = ask(InProcessModel("here", max_model_len=4096, clock=time.monotonic), [question(0), long])
    assert replies[0].fault == ""
    assert "longer than the maximum" in replies[1].fault


def test_a_model_that_cannot_be_loaded_is_one_line(own_vllm):
    with pytest.raises(UsageError, match="--model broken: vLLM cannot load it"):
        InProcessModel("broken", max_model_len=4096, clock=time.monotonic)


def test_without_vllm_the_message_says_how_to_get_it():
    with pytest.raises(UsageError, match=r"pip install '\.\[vllm\]'"):
        InProcessModel("here", max_model_len=4096, clock=time.monotonic)
