"""Breaks of the site's limits, how often and by how much, judged from SUMO's own record of what it showed.

`audit.py` counts what no signal may do; a program of the net's own was never made for the site's limits, and there
this module says which of them it breaks. It shares no code with program or envelope, and reads letters link by
link:

    conflicting greens   two paths that conflict both have priority; by how long
    no yellow            a vehicle's green goes red without a yellow; by the site's yellow
    short yellow         a vehicle's yellow before its red is shorter than the site's
    short all-red        a conflicting path turns green before the all-red after a vehicle's yellow is over
    short walk-out       a conflicting path turns green before a crossing's whole clearance is over
    short green          a link's green is shorter than the least minimum green of the stages that it belonged to
    long green           a stage stands longer than its maximum green
    long red             a link that a stage serves is red for longer than the maximum red

What several links do at one moment is one break, by the worst of them. Limits are those of the stage that stood
last and of the one that follows; where one of the two is no stage of ours, the mildest that the site knows for
these links. Nobody wrote down who waited: a long green or a long red counts with or without somebody at the line,
so both are judged only of programs that run by themselves. What the begin or the end of the record cuts is judged
only where it has broken the limit already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, product

from leed_traffic.domain.network import Intersection, MovementKind, Network
from leed_traffic.domain.safety.timing import YELLOW_MIN_S, Matrix, Timing
from leed_traffic.simulation.score.audit import StateRun

_GREEN = frozenset("Gg")
_YELLOW = frozenset("yY")
_RED = frozenset("rsu")
_STANDS = frozenset("ruyY")  # nobody may set out; a link switched off or with a turn after a stop lets people go
_SLACK_S = 1e-6


class Limit(StrEnum):
    """See the module's head; the worst first."""

    CONFLICT = "conflicting greens"
    NO_YELLOW = "no yellow"
    SHORT_YELLOW = "short yellow"
    SHORT_ALL_RED = "short all-red"
    SHORT_WALK_OUT = "short walk-out"
    SHORT_GREEN = "short green"
    LONG_GREEN = "long green"
    LONG_RED = "long red"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBreak:
    """One limit that one signal broke in one run."""

    intersection: str
    limit: str
    times: int
    mean_s: float  # by how much
    worst_s: float
    shown_s: float  # of the worst
    needed_s: float
    at_s: float  # when the worst ended


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """One break; sorted by how bad it is."""

    by_s: float
    shown_s: float
    needed_s: float
    at_s: float


def judge_limits(
    shown: Mapping[str, Sequence[StateRun]], network: Network, timings: Sequence[Timing], *, judges_waits: bool
) -> tuple[LimitBreak, ...]:
    """Judge every limit of the network's signals.

    Args:
        shown: what each signal showed, by id; see `audit.read_runs`.
        network: N signals.
        timings: (N,) the site's limits.
        judges_waits: judge long greens and long reds, too: of programs that nobody asks who waits.
    """
    return tuple(
        found
        for intersection, timing in zip(network.intersections, timings, strict=True)
        if shown.get(intersection.id)
        for found in _Judge(intersection, timing, shown[intersection.id]).breaks(judges_waits=judges_waits)
    )


class _Judge:
    """Walks through what one signal showed."""

    def __init__(self, intersection: Intersection, timing: Timing, shown: Sequence[StateRun]) -> None:
        self._timing = timing
        self._shown = shown
        self._foes = intersection.foes
        self._id = intersection.id
        self._n_links = intersection.n_links
        self._green = [stage.green for stage in intersection.stages]
        numbers = stage_numbers(intersection)
        self._stages = [numbers.get(run.state) for run in shown]
        self._cars = {m.link for m in intersection.movements if m.kind is MovementKind.VEHICLE}
        self._walkers = intersection.pedestrian_links
        self._last = list(accumulate(self._stages, _or_earlier))  # the stage that stands or stood last, run by run
        self._next = list(accumulate(reversed(self._stages), _or_earlier))[::-1]  # that stands or comes next
        self._known_ways: dict[tuple[int, int | None], list[tuple[int, int]]] = {}
        self._greens_of = {link: self._shows(link, _GREEN) for link in range(self._n_links)}

    def breaks(self, *, judges_waits: bool) -> Iterator[LimitBreak]:
        """Breaks by limit, the worst first."""
        judges: dict[Limit, Callable[[], Iterable[_Found]]] = {
            Limit.CONFLICT: self._conflicts,
            Limit.NO_YELLOW: lambda: self._yellows(is_missing=True),
            Limit.SHORT_YELLOW: lambda: self._yellows(is_missing=False),
            Limit.SHORT_ALL_RED: lambda: self._starts(self._cars, self._all_red),
            Limit.SHORT_WALK_OUT: lambda: self._starts(self._walkers, self._walk_out),
            Limit.SHORT_GREEN: self._greens,
        }
        if judges_waits:
            judges |= {Limit.LONG_GREEN: self._long_greens, Limit.LONG_RED: self._long_reds}
        for limit, judge in judges.items():
            moments: dict[float, _Found] = {}
            for found in judge():
                if found.by_s > _SLACK_S:
                    moments[found.at_s] = max(found, moments.get(found.at_s, found))
            if moments:
                yield self._sum_up(limit, list(moments.values()))

    def _sum_up(self, limit: Limit, found: Sequence[_Found]) -> LimitBreak:
        worst = max(found, key=lambda one: (one.by_s, -one.at_s))
        return LimitBreak(
            intersection=self._id,
            limit=str(limit),
            times=len(found),
            mean_s=round(sum(one.by_s for one in found) / len(found), 3),
            worst_s=round(worst.by_s, 3),
            shown_s=round(worst.shown_s, 3),
            needed_s=round(worst.needed_s, 3),
            at_s=worst.at_s,
        )

    def _conflicts(self) -> Iterator[_Found]:
        for begin, end in _spells(
            [any(run.state[a] == run.state[b] == "G" for a, b in self._foes) for run in self._shown]
        ):
            seconds = self._between(begin, end)
            yield _Found(seconds, seconds, 0.0, self._shown[end - 1].end_s)

    def _yellows(self, *, is_missing: bool) -> Iterator[_Found]:
        """Each vehicle's green that went red."""
        for link in sorted(self._cars):
            for _, end in self._greens_of[link]:
                after = self._after(end, link, _YELLOW)
                if (
                    after == len(self._shown)
                    or self._shown[after].state[link] not in _RED
                    or (end == after) is not is_missing
                ):
                    continue
                shown_s = self._between(end, after)
                needed_s = self._needed(self._timing.clearances.yellow_s, link, None, end, unknown_s=YELLOW_MIN_S)
                yield _Found(needed_s - shown_s, shown_s, needed_s, self._shown[after].begin_s)

    def _starts(self, links: Iterable[int], judge: "_Clearance") -> Iterator[_Found]:
        """Each start of a path that conflicts with one that ended before."""
        foes = {(a, b) for pair in self._foes for a, b in (pair, pair[::-1])}
        ends = {link: self._greens_of[link] for link in links}
        for link, spells in ends.items():
            starts = sorted({begin for a, b in foes if a == link for begin, _ in self._greens_of[b] if begin > 0})
            starting = {
                begin: [b for a, b in foes if a == link and self._turns_green(b, begin)] for begin in starts
            }
            for n, (_, end) in enumerate(spells):
                until = spells[n + 1][0] if n + 1 < len(spells) else len(self._shown)
                first = next((begin for begin in starts if end <= begin < until), None)
                if first is not None:
                    for foe in sorted(starting[first]):
                        yield judge(link, foe, end, first)

    def _all_red(self, link: int, foe: int, end: int, start: int) -> _Found:
        red = self._after(end, link, _YELLOW)
        shown_s = self._between(red, start) if red < start else 0.0
        needed_s = self._needed(self._timing.clearances.all_red_s, link, foe, end)
        return _Found(needed_s - shown_s, shown_s, needed_s, self._shown[start].begin_s)

    def _walk_out(self, link: int, foe: int, end: int, start: int) -> _Found:
        stages = range(self._timing.n_stages)
        whole = tuple(tuple(self._timing.clearance_s(i, j) for j in stages) for i in stages)
        shown_s = self._between(end, start)
        needed_s = self._needed(whole, link, foe, end)
        return _Found(needed_s - shown_s, shown_s, needed_s, self._shown[start].begin_s)

    def _greens(self) -> Iterator[_Found]:
        """Each whole green of a link."""
        low_s = self._timing.min_green_s
        for link in range(self._n_links):
            known = [i for i, green in enumerate(self._green) if link in green]
            for begin, end in self._greens_of[link]:
                if not known or begin == 0 or end == len(self._shown):
                    continue
                stood = [i for i in self._stages[begin:end] if i in known]
                shown_s = self._between(begin, end)
                needed_s = min(low_s[i] for i in stood or known)
                yield _Found(needed_s - shown_s, shown_s, needed_s, self._shown[end].begin_s)

    def _long_greens(self) -> Iterator[_Found]:
        for stage, most_s in enumerate(self._timing.max_green_s):
            for begin, end in _spells([stood == stage for stood in self._stages]):
                shown_s = self._between(begin, end)
                yield _Found(shown_s - most_s, shown_s, most_s, self._shown[end - 1].end_s)

    def _long_reds(self) -> Iterator[_Found]:
        most_s = self._timing.max_red_s
        for link in sorted(frozenset().union(*self._green)):
            for begin, end in self._shows(link, _STANDS):
                shown_s = self._between(begin, end)
                yield _Found(shown_s - most_s, shown_s, most_s, self._shown[end - 1].end_s)

    def _needed(self, matrix: Matrix, link: int, foe: int | None, end: int, *, unknown_s: float = 0.0) -> float:
        """The site's value for the change in which a link's green ends, before run `end`, and a foe's begins."""
        ways = self._ways(link, foe)
        change = self._last[end - 1], self._next[end] if end < len(self._next) else None
        exact = [way for way in ways if way == change]
        return min((matrix[i][j] for i, j in exact or ways), default=unknown_s)

    def _ways(self, link: int, foe: int | None) -> list[tuple[int, int]]:
        """CommandRecord pairs of stages between which a link's green ends and, if given, a foe's begins."""
        if (link, foe) not in self._known_ways:
            pairs = product(enumerate(self._green), repeat=2)
            ways = [(i, j) for (i, a), (j, b) in pairs if link in a - b and (foe is None or foe in b - a)]
            self._known_ways[link, foe] = ways
        return self._known_ways[link, foe]

    def _shows(self, link: int, letters: frozenset[str]) -> list[tuple[int, int]]:
        return _spells([run.state[link] in letters for run in self._shown])

    def _turns_green(self, link: int, k: int) -> bool:
        return self._shown[k].state[link] in _GREEN and self._shown[k - 1].state[link] not in _GREEN

    def _after(self, k: int, link: int, letters: frozenset[str]) -> int:
        """The first run from k on in which a link shows another letter."""
        return next(
            (n for n in range(k, len(self._shown)) if self._shown[n].state[link] not in letters), len(self._shown)
        )

    def _between(self, begin: int, end: int) -> float:
        return self._shown[end - 1].end_s - self._shown[begin].begin_s if end > begin else 0.0


_Clearance = Callable[
    [int, int, int, int], _Found
]  # (link that ended, foe that starts, run after its green, run of the start)


def stage_numbers(intersection: Intersection) -> dict[str, int]:
    """The stage of each state: its own letters, and those that the signal's own program has in its place."""
    phases = intersection.own_program
    own = {phases[s.own_phase].state: k for k, s in enumerate(intersection.stages) if s.own_phase < len(phases)}
    return {**own, **{stage.state: k for k, stage in enumerate(intersection.stages)}}


def _or_earlier(earlier: int | None, stage: int | None) -> int | None:
    return earlier if stage is None else stage


def _spells(holds: Sequence[bool]) -> list[tuple[int, int]]:
    """(first run, run after the last) of each unbroken time in which something holds."""
    begins = [k for k, is_so in enumerate(holds) if is_so and (k == 0 or not holds[k - 1])]
    ends = [k + 1 for k, is_so in enumerate(holds) if is_so and (k + 1 == len(holds) or not holds[k + 1])]
    return list(zip(begins, ends, strict=True))
