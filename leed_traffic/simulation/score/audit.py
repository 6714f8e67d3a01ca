"""Judgement of the displays, step by step from SUMO's own record: shares no code with program or envelope.

An unsafe change is one of:
- a vehicle link goes from green to red without yellow in between;
- two foes both show G, a link shows a letter that nobody knows, or goes from yellow back to green;
- a link's yellow, the all-red after it, or the whole way from one stage to another is shorter than the site says for the two,
  a crossing is red for less than that whole way, or something turns green on the way;
- a stage is shown for less than its minimum green.

Only the first counts for a signal that runs a program of the net's own: its intervals are nobody's site limits.
Letters may be read in more than one way where a stage shows the same as the way to another one: `letters.py`.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.score.letters import StateRun, wrong_steps, wrong_ways

__all__ = ["StateRun", "UnsafeChange", "count_unsafe_changes", "find_unsafe_changes", "read_runs"]

_ROW = re.compile(rb'<tlsState time="([0-9.]+)" id="([^"]*)" programID="([^"]*)" phase="[^"]*" state="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsafeChange:
    """One of them."""

    intersection: str
    time_s: float
    what: str


def read_runs(path: Path) -> dict[str, list[StateRun]]:
    """Displays of each signal, from SUMO's record of every step.

    Raises:
        OSError: the file cannot be read.
    """
    runs: dict[str, list[StateRun]] = {}
    open_runs: dict[bytes, tuple[bytes, bytes, float]] = {}
    rows = _ROW.findall(path.read_bytes())
    for time, name, program, state in rows:
        current = open_runs.get(name)
        if current is not None and current[0] == state and current[1] == program:
            continue
        now_s = float(time)
        if current is not None:
            runs.setdefault(_text(name), []).append(_run(current, now_s))
        open_runs[name] = (state, program, now_s)
    last_s = float(rows[-1][0]) if rows else 0.0
    for name, current in open_runs.items():
        runs.setdefault(_text(name), []).append(_run(current, last_s))
    return runs


def count_unsafe_changes(
    runs: Mapping[str, Sequence[StateRun]], network: Network, timings: Sequence[Timing]
) -> int:
    """Number of unsafe changes of the network's signals; see `find_unsafe_changes`."""
    return len(find_unsafe_changes(runs, network, timings))


def find_unsafe_changes(
    runs: Mapping[str, Sequence[StateRun]], network: Network, timings: Sequence[Timing]
) -> tuple[UnsafeChange, ...]:
    """Find unsafe changes of the network's signals, signal by signal.

    Args:
        runs: by signal.
        network: N signals.
        timings: (N,) the limits in force.
    """
    found: list[UnsafeChange] = []
    for intersection, timing in zip(network.intersections, timings, strict=True):
        shown = runs.get(intersection.id, ())
        wrong = [*wrong_steps(shown, intersection), *wrong_ways(shown, intersection, timing)]
        found += [
            UnsafeChange(intersection=intersection.id, time_s=time_s, what=what) for time_s, what in sorted(wrong)
        ]
    return tuple(found)


def _run(current: tuple[bytes, bytes, float], end_s: float) -> StateRun:
    state, program, begin_s = current
    return StateRun(state=state.decode(), program=_text(program), begin_s=begin_s, end_s=end_s)


def _text(name: bytes) -> str:
    return html.unescape(name.decode())
