"""`make test-vllm`: a real vLLM server with a tiny random model, real HTTP, real SUMO, `leedctl generate` from end to end.

The model writes nonsense in the shape of plans. Checked: replies under constrained decoding, repair and stand-ins,
a server killed in the middle, two servers behind one run, the model in process, the replay. Not checked: that its
plans are any good.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from leed_traffic.artifacts.demonstrations import read_manifest
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.errors import PlanError
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.language_model.authorship import read_authorship
from leed_traffic.generate.language_model.brief_text import render_brief, system_text, task_text
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_schema import plan_schema
from leed_traffic.generate.language_model.reply import read_plan
from leed_traffic.simulation.network.network_import import import_network
from tests.generate.chat_server import sample
from tests.vllm.server import SETTINGS, VllmServer

NAME = "tiny-random"
FILES = ("manifest.json", "plans.json", "trajectories.parquet")


def briefs_of(scenario_name):
    scenario = load_scenario(scenario_name)
    network = import_network(scenario.net_file)
    return write_briefs(scenario, network, load_site(None, scenario, network).timings, (11,))


def write_corpus(path):
    """What the tokenizer learns from: our prompts, and replies of their schemas."""
    rng, parts = random.Random(1), [system_text()]
    for brief in (*briefs_of("crossing"), *briefs_of("arterial5")):
        names = name_parts(brief)
        parts.append(render_brief(brief, names).text + "\n" + task_text(0, 1, has_attempts=False))
        schema = plan_schema(brief, names)
        parts += [json.dumps(sample(schema, rng), separators=(",", ":")) for _ in range(40)]
    path.write_text("\n\n".join(parts))


def generate(scenario, out, *options):
    """One run of the command; its standard error, shown as it comes."""
    command = [
        sys.executable,
        "-m",
        "leed_traffic.cli.main",
        "generate",
        scenario,
        "--author",
        "vllm",
        "--out",
        out,
    ]
    done = subprocess.run(
        [str(part) for part in [*command, *options]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"leedctl generate ended with {done.returncode}: {done.stderr[-2000:]}")


def exchanges(out):
    file = out / "transcripts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def kill_in_the_middle(server, out, after, report):
    """Kill the server once so many replies are there, wait, start it again."""
    while len(exchanges(out)) < after:
        time.sleep(0.1)
    server.kill()
    report["replies before the server was killed"] = len(exchanges(out))
    time.sleep(3.0)
    server.start()
    report["seconds until it was back"] = round(server.wait(), 1)


def check_replay(scenario, out, again, *options):
    generate(scenario, again, "--replay", out / "transcripts.jsonl", *options)
    for name in FILES:
        first, second = (hashlib.sha256((folder / name).read_bytes()).hexdigest() for folder in (out, again))
        if first != second:
            raise SystemExit(f"the replay's {name} differs")


def shape_of_replies(out, scenario):
    """How many replies were JSON in the schema's shape, of those not cut off, and why the others were no plans."""
    by_name = {brief.intersection.id: brief for brief in briefs_of(scenario)}
    found = {"replies": 0, "json": 0, "cut off": 0, "sound": 0}
    for exchange in exchanges(out):
        brief = by_name[exchange["subject"]]
        found["replies"] += 1
        found["cut off"] += exchange["finish_reason"] == "length"
        try:
            json.loads(exchange["text"])
            found["json"] += 1
            read_plan(exchange["text"], exchange["finish_reason"], brief, name_parts(brief))
            found["sound"] += 1
        except (ValueError, PlanError):
            continue
    return found


def summarise(title, out, scenario, seconds, extra):
    manifest, authorship = read_manifest(out), read_authorship(out)
    asked, valid = (sum(getattr(r, name) for r in authorship.rounds) for name in ("asked", "valid"))
    at_once = sum(r.valid_at_once for r in authorship.rounds)
    tokens = sum(r.reply_tokens for r in authorship.rounds)
    speed = tokens / max(authorship.asking_s, 1e-9)
    best_start_s = min(manifest.starts.values())
    facts = {
        "rounds": len(authorship.rounds),
        "plans asked": asked,
        "valid": f"at once {at_once / asked:.0%}, after repair {valid / asked:.0%}, stand-ins for {asked - valid}",
        "replies": shape_of_replies(out, scenario),
        "diversity": [r.diversity for r in authorship.rounds],
        "model": f"{tokens} tokens written in {authorship.asking_s:.0f} s, {speed:.0f} tokens/s",
        "delay": f"{manifest.baseline_delay_s:.1f} s fallback, {best_start_s:.1f} s best start, {manifest.delay_s:.1f} s",
        "final plans by": authorship.shares,
        "seconds in all": round(seconds),
    }
    print(f"\n== {title}")
    for what, value in (facts | extra).items():
        print(f"{what}: {value}", flush=True)


def check_in_process(python, model, folder):
    """The same questions through `LLM.chat`; how many replies are plans."""
    asked, parts = [], []
    for brief in briefs_of("arterial5"):
        names = name_parts(brief)
        messages = [["system", system_text()], ["user", render_brief(brief, names).text]]
        asked.append([brief.intersection.id, messages, json.dumps(plan_schema(brief, names))])
        parts.append((brief, names))
    (folder / "questions.json").write_text(json.dumps(asked))
    began_s = time.monotonic()
    command = [python, "-m", "tests.vllm.in_process", model, folder / "questions.json", folder / "replies.json"]
    with (folder / "in_process.log").open("wb") as log:
        subprocess.run(
            [str(p) for p in command],
            stdout=log,
            stderr=log,
            env=os.environ | SETTINGS | {"PYTHONPATH": "."},
            check=True,
        )
    sound = 0
    for (brief, names), (text, finish, _, fault) in zip(
        parts, json.loads((folder / "replies.json").read_text()), strict=True
    ):
        try:
            sound += not fault and bool(read_plan(text, finish, brief, names))
        except PlanError:
            continue
    seconds = time.monotonic() - began_s
    print(
        f"\n== in process\n{len(asked)} questions in one batch, {sound} sound plans, {seconds:.0f} s with loading"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vllm-python", type=Path, default=Path(".venv-vllm/bin/python"))
    parser.add_argument("--out", type=Path, default=Path("out/vllm"))
    arguments = parser.parse_args()
    python, folder = arguments.vllm_python.absolute(), arguments.out
    began_s = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("crossing", "crossing-again", "arterial5"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_corpus(folder / "corpus.txt")
    model = folder.absolute() / "model"
    subprocess.run([python, "tests/vllm/tiny_model.py", model, "--corpus", folder / "corpus.txt"], check=True)
    run_with_servers(python, model, folder)
    check_in_process(python, model, folder)
    print(f"\nall of it took {time.monotonic() - began_s:.0f} s")


def run_with_servers(python, model, folder):
    common = ("--candidates", 4, "--repairs", 2, "--seeds", "1", "--workers", 2, "--concurrency", 2)
    with (
        VllmServer(python, model, NAME, folder / "server-1.log") as first,
        VllmServer(python, model, NAME, folder / "server-2.log") as second,
    ):
        print(f"two vLLM servers up after {first.wait():.0f} s and {second.wait():.0f} s more")
        out, extra = folder / "crossing", {}
        options = (*common, "--rounds", 2)
        killer = threading.Thread(target=kill_in_the_middle, args=(first, out, 2, extra), daemon=True)
        killer.start()
        at_s = time.monotonic()
        generate("crossing", out, "--url", first.url, "--model", NAME, *options)
        killer.join()
        summarise("crossing, one server, killed in the middle", out, "crossing", time.monotonic() - at_s, extra)
        check_replay("crossing", out, folder / "crossing-again", *options)
        print("replay: the same bytes")

        out, options, at_s = folder / "arterial5", (*common[:-1], 16, "--rounds", 1), time.monotonic()
        generate("arterial5", out, "--url", first.url, "--url", second.url, "--model", NAME, *options)
        summarise("arterial5, two servers", out, "arterial5", time.monotonic() - at_s, {})


if __name__ == "__main__":
    main()
