import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from leed_traffic.artifacts.demonstrations import read_demonstrations
from leed_traffic.errors import DemonstrationError, UsageError
from leed_traffic.generate.authors import planned_runs
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.authorship import read_authorship
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.generate.run import generate
from tests.generate.chat_server import Answer, ChatServer, priority_reply, prompt_of
from tests.generate.killing import FILES, digests, live_and_die, on_disk, slow_and_flawed
from tests.short_scenario import shortened


def config_for(short, out, **language):
    settings = ModelConfig(**({"model": "tiny", "rounds": 2, "candidates": 2, "start_s": 5.0} | language))
    return GenerateConfig(scenario=short, out=out, author=AuthorName.VLLM, seeds=(1,), language=settings)


GOOD = {
    "form": "priority",
    "reasoning": "Long greens waste nothing here.",
    "reach_m": 100,
    "green_s": 5,
    "keep": 2,
    "lane_weights": {},
}


def mixed(request, n):
    """The first proposal is never sound, the second is a variant of max-wave."""
    if "proposal 1 of" in prompt_of(request):
        return Answer(text='{"form": "priority", "green_s": NaN}')
    return Answer(text=json.dumps(GOOD | {"keep": 0.5 + n % 3, "reasoning": "Let <b>A</b> & B finish."}))


@pytest.mark.sumo
def test_a_model_writes_demonstrations_and_every_plan_says_who_wrote_it(short, tmp_path):
    asked, counted = [], []
    with ChatServer(mixed) as server:
        config = config_for(short, tmp_path / "d", urls=(server.url,))
        made = generate(config, lambda done, total, what: counted.append((done, total)), asked.append)
    manifest = made.manifest
    assert (manifest.author, manifest.model) == ("vllm", "tiny")
    assert manifest.delay_s <= manifest.starts["max-wave 100 m"]
    assert counted[-1][0] <= counted[-1][1] == planned_runs(config)
    assert [(r.candidates, r.valid) for r in manifest.rounds] == [(2, 1)] * len(manifest.rounds)
    authorship = read_authorship(config.out)
    assert authorship.written_by == manifest.written_by
    assert set(manifest.written_by) == {"C"}
    wrote = manifest.written_by["C"]
    assert wrote.startswith(("tiny, round ", "embedded: "))
    assert wrote.startswith("tiny") == made.plans["C"].reasoning.startswith("Let ")
    first = authorship.rounds[0]
    assert (first.asked, first.valid, first.fallbacks, first.replies) == (2, 1, 1, 4)
    assert first.intersections["C"].reasons == ("the reply is not JSON (NaN is no number)",) * 3
    assert asked[-1].done == 1
    page = (config.out / "report.html").read_text()
    assert "the reply is not JSON (NaN is no number)" in page
    assert "<b>A</b> &" not in page
    assert sorted(p.name for p in config.out.iterdir()) == sorted(
        [*FILES, "authorship.json", "report.html", "transcripts.jsonl"]
    )


@pytest.mark.sumo
def test_the_second_round_is_told_how_the_first_one_did(short, tmp_path):
    with ChatServer(mixed) as server:
        generate(config_for(short, tmp_path / "d", urls=(server.url,)))
    later = [prompt_of(r) for r in server.requests if "Your last plans against it" in prompt_of(r)]
    assert later
    assert all("Refused last time" in prompt and "NaN is no number" in prompt for prompt in later)
    assert all("Mean queue in vehicles: A " in prompt for prompt in later)


@pytest.mark.sumo
def test_a_replay_needs_no_server_and_gives_the_same_bytes(short, tmp_path):
    with ChatServer(mixed) as server:
        generate(config_for(short, tmp_path / "d", urls=(server.url,)))
        n_asked = len(server.requests)
        generate(config_for(short, tmp_path / "d", urls=(server.url,)))
        assert len(server.requests) == n_asked
    replayed = config_for(short, tmp_path / "again", model=None, replay=tmp_path / "d" / "transcripts.jsonl")
    generate(replayed)
    assert digests(tmp_path / "again") == digests(tmp_path / "d")
    assert read_authorship(tmp_path / "again").asked_now == 0
    assert read_demonstrations(tmp_path / "again").manifest.model == "tiny"


@pytest.mark.sumo
def test_a_replay_with_other_options_says_what_is_missing(short, tmp_path):
    with ChatServer(mixed) as server:
        generate(config_for(short, tmp_path / "d", urls=(server.url,), rounds=1))
    more = config_for(
        short, tmp_path / "again", replay=tmp_path / "d" / "transcripts.jsonl", candidates=3, rounds=1
    )
    with pytest.raises(DemonstrationError, match="holds no reply of tiny to a question on C"):
        generate(more)
    other = config_for(
        short, tmp_path / "again", model="big", replay=tmp_path / "d" / "transcripts.jsonl", rounds=1
    )
    with pytest.raises(UsageError, match="holds replies of tiny; name one with --model"):
        generate(other)


@pytest.mark.sumo
@pytest.mark.slow
def test_killed_again_and_again_only_prompts_without_a_kept_reply_are_asked_again_and_the_end_is_its_replays(
    tmp_path,
):
    path, out = shortened("arterial5", 120, tmp_path), tmp_path / "d"
    options = ["--candidates", "2", "--rounds", "2", "--concurrency", "3", "--seeds", "1", "--workers", "1"]
    with ChatServer(slow_and_flawed) as server:
        command = [
            sys.executable,
            "-m",
            "leed_traffic.cli.main",
            "generate",
            path,
            "--author",
            "vllm",
            "--url",
            server.url,
        ]
        command += ["--model", "tiny", *options, "--out", str(out)]
        lives = live_and_die(command, out, server, kills=6, rng=random.Random(5), most_work=10)
        assert lives.returncode == 0, lives.told
        asked = Counter(prompt_of(request) for request in server.requests)
    assert lives.kills >= 4  # a fast machine may be done before the last
    assert len(on_disk(out)) == len(asked)
    lost = Counter(prompt for prompts in lives.lost for prompt in prompts)
    assert asked - Counter(set(asked)) == lost
    assert all(len(prompts) <= 3 for prompts in lives.lost)
    assert lost
    generate(
        config_for(
            path,
            tmp_path / "again",
            model=None,
            rounds=2,
            candidates=2,
            replay=tmp_path / "d" / "transcripts.jsonl",
        )
    )
    assert digests(tmp_path / "again") == digests(tmp_path / "d")


@pytest.mark.sumo
def test_ctrl_c_while_the_model_writes_keeps_what_it_wrote_and_says_how_to_go_on(short, tmp_path):
    def slow_after_the_first(request, n):
        return Answer(text=priority_reply(request), delay_s=0.0 if n == 0 else 60.0)

    with ChatServer(slow_after_the_first) as server:
        command = [
            sys.executable,
            "-m",
            "leed_traffic.cli.main",
            "generate",
            short,
            "--author",
            "vllm",
            "--url",
            server.url,
        ]
        command += [
            "--model",
            "tiny",
            "--seeds",
            "1",
            "--workers",
            "1",
            "--concurrency",
            "2",
            "--out",
            str(tmp_path / "d"),
        ]

        def heeds_ctrl_c():  # a job in the background of a shell is begun without
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeds_ctrl_c) as run:
            for _ in range(3000):
                if len(server.requests) >= 3 or run.poll() is not None:
                    break
                time.sleep(0.02)
            run.send_signal(signal.SIGINT)
            began_s = time.monotonic()
            try:
                _, told = run.communicate(timeout=30)
            finally:
                run.kill()
    assert time.monotonic() - began_s < 5.0
    assert run.returncode == 130, told
    assert "stopped; the same command goes on from here" in told
    assert "Traceback" not in told
    assert len((tmp_path / "d" / "transcripts.jsonl").read_text().splitlines()) == 1
