"""Mutation testing of the safety core: `make mutation`, or `python -m tests.mutation.run [PATTERN ...]`.

mutmut changes envelope, stage program, limits, clocks, oracle, enumeration, monitor, plausibility and what makes a
command one step at the device line by line (see pyproject.toml), and runs the fast tests that reach each change.
Every mutant must be found out, or be one of those in explained.toml that no test can tell from the original, each
with its reason. Exit code 1: one survived unexplained, or an explanation explains nothing any more.
"""

import difflib
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

MUTANTS, EXPLAINED = Path("mutants"), Path(__file__).with_name("explained.toml")
FAILED = {1, 3}  # exit codes of mutants that a test found out
ENDLESS = {-24, 24, 36, 152, 255}  # and of those that ran on and on, which is found out as well


@dataclass(frozen=True)
class Mutant:
    """One that survived, or ran on and on: on a busy machine some that are the same as the original run out of time."""

    name: str
    where: str  # domain.safety.envelope.permit, serve.safety.monitor.Monitor.judge
    old: str
    new: str
    is_endless: bool


@dataclass(frozen=True)
class Explanation:
    """Mutants of one line that are the same as the original."""

    where: str
    old: str  # part of the line before
    new: tuple[str, ...]  # one of these is part of the line after
    why: str

    def explains(self, mutant):
        return (
            fnmatch(mutant.where, self.where)
            and self.old in mutant.old
            and any(part in mutant.new for part in self.new)
        )


def read_explanations():
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["equivalent"]
    return [Explanation(where=e["where"], old=e["old"], new=tuple(e["new"]), why=e["why"]) for e in entries]


def where_is(name):
    """leed_traffic.serve.safety.monitor.xǁMonitorǁjudge__mutmut_4 -> serve.safety.monitor.Monitor.judge."""
    module, _, mangled = name.removeprefix("leed_traffic.").rpartition(".")
    function = re.sub(r"__mutmut_\d+$", "", mangled).removeprefix("x").lstrip("ǁ")
    return f"{module}.{function.replace('ǁ', '.')}" if "ǁ" in mangled else f"{module}.{function.removeprefix('_')}"


def lines_of(source, function):
    """The body of a function in a file that mutmut wrote."""
    found, indent = [], -1
    for line in source:
        if indent < 0:
            start = re.match(rf"( *)def {re.escape(function)}\(", line)
            indent = len(start[1]) if start else -1
            continue
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not line.strip().startswith(")"):
            break
        found.append(line.strip())
    return found


def not_failed(patterns):
    """(number of mutants, those that failed no test), of all that fit a pattern."""
    count, found = 0, []
    for meta in sorted(MUTANTS.rglob("*.meta")):
        source = meta.with_suffix("").read_text(encoding="utf-8").splitlines()
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if patterns and not any(fnmatch(name, pattern) for pattern in patterns):
                continue
            count += 1
            if code in FAILED:
                continue
            mangled = name.rpartition(".")[2]
            before = lines_of(source, re.sub(r"_\d+$", "_orig", mangled))
            changes = [c for c in difflib.ndiff(before, lines_of(source, mangled)) if c[:2] in ("- ", "+ ")]
            old, new = (" ".join(c[2:] for c in changes if c[0] == sign) for sign in "-+")
            found.append(Mutant(name=name, where=where_is(name), old=old, new=new, is_endless=code in ENDLESS))
    return count, found


def main(patterns):
    workers = os.environ.get("MUTATION_WORKERS", "2")
    run = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", workers, *patterns], check=False
    )
    if run.returncode:
        return run.returncode
    explanations = read_explanations()
    count, candidates = not_failed(patterns)
    found = [m for m in candidates if not m.is_endless]
    new = [m for m in found if not any(e.explains(m) for e in explanations)]
    idle = [] if patterns else [e for e in explanations if not any(e.explains(m) for m in candidates)]
    for m in new:
        print(f"survived: {m.name}\n  - {m.old}\n  + {m.new}")
    for e in idle:
        print(f"explains nothing any more: {e.where}: {e.old}")
    print(
        f"{count} mutants, {count - len(found)} found out, {len(found) - len(new)} explained, {len(new)} survived"
    )
    return 1 if new or idle else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
