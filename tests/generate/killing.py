"""`leedctl generate --author vllm` killed with SIGKILL at random moments and started again, until it is done.

    python -m tests.generate.killing arterial5 --out /tmp/killed --kills 10

Asks a scripted server of its own, or a real one (--url, --model) through a proxy that counts. Says how often
prompts reached it, and shows that those asked again are exactly those whose reply was not on the disk when the
client was killed.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.generate.chat_server import Answer, ChatServer, priority_reply, prompt_of

FILES = ("manifest.json", "plans.json", "trajectories.parquet")
LONGEST_S = 3600.0  # of one life: a loaded machine is slow


@dataclass
class Lives:
    """What became of a command that was killed again and again."""

    kills: int = 0
    returncode: int = 0
    told: str = ""
    lost: list = field(default_factory=list)  # per kill: prompts that were asked, their replies not on the disk


def slow_and_flawed(request, n):
    """Takes a moment, so that kills fall into the asking too; every fourth reply is no plan."""
    time.sleep(0.3)
    return Answer(text="no" if n % 4 == 3 else priority_reply(request))


def passed_on(url):
    """Answers as a real server behind it does."""

    def ask(request, n):
        body = json.dumps(request).encode()
        sent = urllib.request.Request(
            f"{url}/chat/completions", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent, timeout=600.0) as reply:
            return Answer(body=reply.read())

    return ask


def live_and_die(command, out, server, kills, rng, most_work):
    """Run, kill after a random amount of work and a random moment, run again; at last let it finish."""
    lives = Lives()
    while True:
        begun, goal = len(server.requests), work_done(out) + rng.randint(0, most_work)
        run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        is_last = lives.kills == kills
        until_s = time.monotonic() + LONGEST_S
        while run.poll() is None and time.monotonic() < until_s and (is_last or work_done(out) < goal):
            time.sleep(0.02)
        if not is_last:
            time.sleep(rng.uniform(0.0, 1.0))
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            lives.kills += 1
        lives.told, lives.returncode = run.communicate()[1].decode(), run.returncode
        if lives.returncode != -signal.SIGKILL:
            return lives
        time.sleep(0.1)  # a request on its way is counted before the list is read
        asked = Counter(prompt_of(request) for request in server.requests[begun:])
        lives.lost.append(list((asked - Counter(on_disk(out))).elements()))


def work_done(out):
    """Simulations remembered, and replies."""
    return len(list((out / ".work").glob("*.json.gz"))) + len(on_disk(out))


def on_disk(out):
    """Prompts whose reply is kept, as the server saw them."""
    file = out / "transcripts.jsonl"
    lines = file.read_bytes().split(b"\n")[:-1] if file.is_file() else []
    kept = [json.loads(line)["messages"] for line in lines]
    return [json.dumps([{"role": role, "content": content} for role, content in messages]) for messages in kept]


def digests(folder):
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", help="of a real server, ending in /v1; else a scripted one")
    parser.add_argument("--model", default="tiny")
    a = parser.parse_args()
    shared = ["--rounds", a.rounds, "--candidates", a.candidates, "--seeds", 1, "--workers", 1]
    leedctl = [sys.executable, "-m", "leed_traffic.cli.main", "generate", a.scenario, "--author", "vllm"]
    with ChatServer(passed_on(a.url) if a.url else slow_and_flawed, models=(a.model,)) as server:
        asking = [*leedctl, *shared, "--url", server.url, "--model", a.model, "--concurrency", a.concurrency]
        command = [str(part) for part in [*asking, "--out", a.out / "killed"]]
        lives = live_and_die(command, a.out / "killed", server, a.kills, random.Random(a.seed), most_work=8)
        if lives.returncode:
            raise SystemExit(lives.told)
        asked = Counter(prompt_of(request) for request in server.requests)
    again = [*leedctl, *shared, "--replay", a.out / "killed" / "transcripts.jsonl", "--out", a.out / "replayed"]
    subprocess.run([str(part) for part in again], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    repeated = asked - Counter(set(asked))
    lost = Counter(prompt for prompts in lives.lost for prompt in prompts)
    print(f"killed {lives.kills} times; {len(asked)} different prompts, asked {sum(asked.values())} times")
    print(f"without a reply on the disk at each kill: {[len(prompts) for prompts in lives.lost]}")
    print(f"asked again: {sum(repeated.values())}, exactly those: {repeated == lost}")
    print(f"replay gives the same bytes: {digests(a.out / 'killed') == digests(a.out / 'replayed')}")


if __name__ == "__main__":
    main()
