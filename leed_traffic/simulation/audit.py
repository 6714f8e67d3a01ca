"""What the signals really showed, judged step by step from SUMO's own record: shares no code with program or envelope.

An unsafe change is one of:
- a vehicle link goes from green to red without yellow in between;
- a link's yellow, the all-red after it, or the whole way from one stage to another is shorter than the site says for the two;
- a stage is shown for less than its minimum green.

Only the first counts for a signal that runs a program of the net's own: its intervals are nobody's site limits.
A stage that the record's first or last moment cuts is not judged for its length. A state that is a stage's, but on the way from
a second stage to a third shows only what is green in both of these, is part of that way.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from leed_traffic.domain.network import Intersection, Kind, Network
from leed_traffic.domain.program import PROGRAM_ID
from leed_traffic.domain.timing import Timing

_GREEN, _YELLOW, _RED = frozenset("Gg"), frozenset("yY"), frozenset("rs")
_ROW = re.compile(rb'<tlsState time="([0-9.]+)" id="([^"]*)" programID="([^"]*)" phase="[^"]*" state="([^"]*)"')
_SLACK_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One state, shown without a break."""

    state: str
    program: str
    begin_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long."""
        return self.end_s - self.begin_s


def read_runs(path: Path) -> dict[str, list[Run]]:
    """What each signal showed, from SUMO's record of every step.

    Raises:
        OSError: the file cannot be read.
    """
    runs: dict[str, list[Run]] = {}
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


def count_unsafe_changes(runs: Mapping[str, Sequence[Run]], network: Network, timings: Sequence[Timing]) -> int:
    """How often a signal of the network changed unsafely.

    Args:
        runs: by signal.
        network: N signals.
        timings: (N,) the limits in force.
    """
    count = 0
    for intersection, timing in zip(network.intersections, timings, strict=True):
        shown = runs.get(intersection.id, ())
        vehicles = sorted({m.link for m in intersection.movements if m.kind is Kind.VEHICLE})
        abrupt = {k for k in range(1, len(shown)) if _is_abrupt(shown[k - 1].state, shown[k].state, vehicles)}
        count += len(abrupt) + _count_short(shown, intersection, timing, vehicles, abrupt)
    return count


def _is_abrupt(before: str, after: str, vehicles: Sequence[int]) -> bool:
    return any(before[k] in _GREEN and after[k] in _RED for k in vehicles)


def _count_short(
    shown: Sequence[Run], intersection: Intersection, timing: Timing, vehicles: Sequence[int], abrupt: set[int]
) -> int:
    """Stages below their minimum green, and ways between stages that are too short and not counted as abrupt already."""
    numbers = {stage.state: i for i, stage in enumerate(intersection.stages)}
    low_s = {stage.state: timing.min_green_s[i] for i, stage in enumerate(intersection.stages)}
    stops = [k for k, run in enumerate(shown) if run.state in numbers and run.program.startswith(PROGRAM_ID)]
    short = {k for k in stops if 0 < k < len(shown) - 1 and _stood_s(shown, k) + _SLACK_S < low_s[shown[k].state]}
    passing = {
        k
        for before, k, after in zip(stops, stops[1:], stops[2:], strict=False)
        if k in short and _green(shown[k]) <= _green(shown[before]) & _green(shown[after])
    }
    count = len(short - passing)
    for k, n in pairwise(k for k in stops if k not in passing):
        i, j = numbers[shown[k].state], numbers[shown[n].state]
        way = shown[k + 1 : n]
        if i != j and abrupt.isdisjoint(range(k + 1, n + 1)) and all(run.program == shown[k].program for run in way):
            walkers_lose = _green(shown[k]) - _green(shown[n]) - set(vehicles)
            lead_s = timing.pedestrian_clearance_s[i][j] if walkers_lose else 0.0
            limits = (lead_s, timing.yellow_s[i][j], timing.all_red_s[i][j])
            count += _is_short_way(shown[k].state, way, shown[n].state, limits, vehicles)
    return count


def _stood_s(shown: Sequence[Run], k: int) -> float:
    """Seconds from the start of a run to the end of its display, which a hand-back does not change."""
    end = next((n for n in range(k, len(shown)) if shown[n].state != shown[k].state), len(shown))
    return sum(run.duration_s for run in shown[k:end])


def _green(run: Run) -> frozenset[int]:
    return frozenset(k for k, letter in enumerate(run.state) if letter in _GREEN)


def _is_short_way(
    before: str, way: Sequence[Run], after: str, limits: tuple[float, float, float], vehicles: Sequence[int]
) -> bool:
    """Whether a way is shorter than its yellow, its all-red after the last yellow, or both and the walkers' lead together."""
    lead_s, yellow_s, all_red_s = limits
    last_yellow = max((k for k, run in enumerate(way) if not _YELLOW.isdisjoint(run.state)), default=-1)
    if sum(run.duration_s for run in way) + _SLACK_S < lead_s + yellow_s + all_red_s:
        return True
    if sum(run.duration_s for run in way[last_yellow + 1 :]) + _SLACK_S < all_red_s:
        return True
    ending = [k for k in vehicles if before[k] in _GREEN and after[k] not in _GREEN]
    return any(sum(run.duration_s for run in way if run.state[k] in _YELLOW) + _SLACK_S < yellow_s for k in ending)


def _run(current: tuple[bytes, bytes, float], end_s: float) -> Run:
    state, program, begin_s = current
    return Run(state=state.decode(), program=_text(program), begin_s=begin_s, end_s=end_s)


def _text(name: bytes) -> str:
    return html.unescape(name.decode())
