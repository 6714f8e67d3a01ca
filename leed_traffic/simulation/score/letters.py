"""One signal's letters read as stages and the ways between them, and what is wrong with them.

The same letters may be a stage or a part of the way to another one: a stage that serves a part of the one before
it looks like the all-red between the two, and a way may pass the letters of a third stage. Where several readings
are possible the one with the fewest faults counts: what is reported is wrong however it is read, and what keeps
every limit in one reading is safe, as nobody on the street can tell the readings apart.

A stage's letters can stand for a part of a way only where that shows nothing that a way does not show: seconds
before the stage only if nothing turns green with it, seconds after the stage before only if nothing ends with it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from leed_traffic.domain.network import Intersection, MovementKind
from leed_traffic.domain.safety.program import PROGRAM_ID
from leed_traffic.domain.safety.timing import Timing

_GREEN = frozenset("Gg")
_YELLOW = frozenset("yY")
_RED = frozenset("rs")
_STRENGTH = {"G": 2, "g": 1}
_SLACK_S = 1e-6

Fault = tuple[float, str]  # when, in seconds, and what


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRun:
    """One state, shown without a break."""

    state: str
    program: str
    begin_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Duration of the display."""
        return self.end_s - self.begin_s

    @property
    def is_ours(self) -> bool:
        """True if a program of ours shows it."""
        return self.program.startswith(PROGRAM_ID)


def wrong_steps(shown: Sequence[StateRun], intersection: Intersection) -> list[Fault]:
    """Steps that no reading can excuse, each display at most once."""
    found = []
    for k, run in enumerate(shown):
        what = _wrong_display(run, intersection) or (
            _wrong_step(shown[k - 1], run, _vehicles(intersection)) if k else ""
        )
        if what:
            found.append((run.begin_s, what))
    return found


def wrong_ways(shown: Sequence[StateRun], intersection: Intersection, timing: Timing) -> list[Fault]:
    """Stages that are too short and ways that are too short, in the reading with the fewest of them."""
    return _Reading(shown, intersection, timing).faults()


def _vehicles(intersection: Intersection) -> frozenset[int]:
    return frozenset(m.link for m in intersection.movements if m.kind is MovementKind.VEHICLE)


def _wrong_display(run: StateRun, intersection: Intersection) -> str:
    if not run.is_ours:
        return ""
    if unknown := set(run.state) - _GREEN - _YELLOW - _RED:
        return f"unknown letters {''.join(sorted(unknown))} in {run.state}"
    clash = next(((a, b) for a, b in intersection.foes if run.state[a] == run.state[b] == "G"), None)
    return f"links {clash[0]} and {clash[1]} conflict and both show G" if clash else ""


def _wrong_step(before: StateRun, after: StateRun, vehicles: frozenset[int]) -> str:
    for k in sorted(vehicles):
        a = before.state[k]
        b = after.state[k]
        if a in _GREEN and b in _RED:
            return f"link {k} goes from green to red without yellow"
        if a in _YELLOW and b in _GREEN and before.is_ours and after.is_ours:
            return f"link {k} goes from yellow to green"
    return ""


def _gains(before: str, after: str) -> bool:
    """Return whether a link turns green, or green with priority."""
    return any(_STRENGTH.get(b, 0) > _STRENGTH.get(a, 0) for a, b in zip(before, after, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """Shortages of a way that the stages beside it cannot make up, and what they give."""

    fault: str = ""
    tail_s: float = 0.0  # of the stage before, after its green
    head_s: float = 0.0  # of the stage after, before its green


class _Reading:
    """All readings of one signal's record at once: for every stop the best one that ends there."""

    def __init__(self, shown: Sequence[StateRun], intersection: Intersection, timing: Timing) -> None:
        self._shown = shown
        self._timing = timing
        self._vehicles = _vehicles(intersection)
        self._walkers = frozenset(m.link for m in intersection.movements) - self._vehicles
        self._numbers = {stage.state: i for i, stage in enumerate(intersection.stages)}
        self._wrong = {k for k in range(1, len(shown)) if _wrong_step(shown[k - 1], shown[k], self._vehicles)}
        self._stops = [k for k, run in enumerate(shown) if run.is_ours and run.state in self._numbers]

    def faults(self) -> list[Fault]:
        """Faults of the best reading."""
        best: dict[
            int, dict[float, list[Fault]]
        ] = {}  # by stop and the seconds of it that belong to the way before
        for n, stop in enumerate(self._stops):
            readings: dict[float, list[Fault]] = {} if n else {0.0: []}
            for before in self._befores(n):
                way = self._way(before, stop)
                fault = [(self._shown[stop].begin_s, way.fault)] if way.fault else []
                for head_s, found in best[before].items():
                    faults = [*found, *self._short_stage(before, head_s + way.tail_s), *fault]
                    if way.head_s not in readings or len(faults) < len(readings[way.head_s]):
                        readings[way.head_s] = faults
            best[stop] = readings
        if not self._stops:
            return []
        last = self._stops[-1]
        ends = [[*found, *self._short_stage(last, head_s)] for head_s, found in best[last].items()]
        return min(ends, key=len)

    def _befores(self, n: int) -> Iterator[int]:
        """Stops that can come before the n-th one: what lies between them can be a part of the way."""
        for m in range(n - 1, -1, -1):
            between = self._stops[m + 1 : n]
            if between and not all(self._is_passed(k, self._stops[m], self._stops[n]) for k in between):
                return
            yield self._stops[m]

    def _is_passed(self, k: int, before: int, after: int) -> bool:
        """Return whether the letters of a stage are a part of the way between two others, or of one stage that only walkers left."""
        one, other, now = (self._shown[n].state for n in (before, after, k))
        if _gains(one, now) or not self._is_one_program(before, after):
            return False
        missing = {link for link, letter in enumerate(one) if letter in _GREEN and now[link] not in _GREEN}
        if one == other:
            return missing <= self._walkers
        ending = {link for link, letter in enumerate(one) if letter in _GREEN and other[link] not in _GREEN}
        if missing == ending & self._walkers:  # they end first, and vehicles keep what they had
            return all(one[link] == now[link] for link in range(len(one)) if link not in self._walkers)
        return missing == ending

    def _is_one_program(self, before: int, after: int) -> bool:
        return all(run.program == self._shown[before].program for run in self._shown[before + 1 : after])

    def _way(self, before: int, after: int) -> _Way:
        a = self._shown[before].state
        b = self._shown[after].state
        runs = self._shown[before + 1 : after]
        is_wrong_anyway = not self._wrong.isdisjoint(range(before + 1, after + 1))
        if a == b or is_wrong_anyway or not self._is_one_program(before, after):
            return _Way()
        i = self._numbers[a]
        j = self._numbers[b]
        states = [a, *(run.state for run in runs)]
        if any(_gains(*pair) for pair in pairwise(states)):
            return _Way(fault=f"something turns green on the way from stage {i} to {j}")
        ending = [k for k, letter in enumerate(a) if letter in _GREEN and b[k] not in _GREEN]
        yellow_s = min((_yellow_and_red(runs, k)[0] for k in ending if k in self._vehicles), default=math.inf)
        if yellow_s + _SLACK_S < self._timing.clearances.yellow_s[i][j]:
            return _Way(
                fault=f"stage {i} to {j}: {yellow_s:g} s of yellow, need {self._timing.clearances.yellow_s[i][j]:g}"
            )
        lacking_s, seam_s = self._lacking(i, j, runs, ending)
        if not _gains(states[-1], b):
            return _Way(head_s=max(lacking_s, seam_s))
        if lacking_s <= _SLACK_S and not _gains(b, a):
            return _Way(tail_s=seam_s)
        missing_s = max(lacking_s, seam_s)
        return _Way(
            fault=f"stage {i} to {j}: {missing_s:g} s of clearance are missing" if missing_s > _SLACK_S else ""
        )

    def _lacking(self, i: int, j: int, runs: Sequence[StateRun], ending: Sequence[int]) -> tuple[float, float]:
        """Seconds of red that the links that end lack, and seconds that the whole way lacks."""
        timing = self._timing
        on_foot = self._walkers.intersection(ending)
        whole_s = timing.clearances.yellow_s[i][j] + timing.clearances.all_red_s[i][j]
        whole_s += timing.clearances.pedestrian_clearance_s[i][j] if on_foot else 0.0
        red_s = {k: _yellow_and_red(runs, k)[1] for k in ending}
        lacking_s = [(whole_s if k in on_foot else timing.clearances.all_red_s[i][j]) - red_s[k] for k in ending]
        return max(0.0, *lacking_s) if lacking_s else 0.0, max(0.0, whole_s - sum(run.duration_s for run in runs))

    def _short_stage(self, k: int, not_green_s: float) -> list[Fault]:
        """A stage below its minimum green; one that the record's first or last moment cuts is not judged."""
        run = self._shown[k]
        stage = self._numbers[self._shown[k].state]
        end = next(
            (n for n in range(k, len(self._shown)) if self._shown[n].state != run.state), None
        )  # whoever shows it
        if k == 0 or end is None:
            return []
        green_s = self._shown[end].begin_s - run.begin_s - not_green_s
        if green_s + _SLACK_S >= self._timing.min_green_s[stage]:
            return []
        return [
            (run.begin_s, f"stage {stage} is green for {green_s:g} s, needs {self._timing.min_green_s[stage]:g}")
        ]


def _yellow_and_red(runs: Sequence[StateRun], link: int) -> tuple[float, float]:
    """Seconds of a link's last yellow and of the red after it."""
    yellow_s = red_s = 0.0
    for run in reversed(runs):
        if run.state[link] in _YELLOW:
            yellow_s += run.duration_s
        elif yellow_s > 0.0 or run.state[link] in _GREEN:
            break
        else:
            red_s += run.duration_s
    return yellow_s, red_s
