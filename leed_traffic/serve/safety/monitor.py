"""The independent monitor: judges what a signal shows by tables of its own, and trusts nobody's account of it.

It sees nothing but the letters that the device reads back. Envelope and stage program are not asked: a fault in
them is what the monitor is for (NEMA's malfunction management unit is the model). Judged, link by link:

    conflict          two foes both show G
    missing yellow    a vehicle link goes from green to red, whether a crossing shares it or not
    short yellow      a yellow ends before the shortest that the site has for this link
    short all-red     a link turns green before its foes that lost their green were red for the site's least time
    short green       a green ends before the shortest minimum green of the stages that serve this link
    unknown letter    anything but G, g, y, r, s
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from leed_traffic.domain.network import Intersection, MovementKind
from leed_traffic.domain.safety.timing import Timing

_EPSILON_S = 1e-3  # s, below any device's resolution
_COLOUR = {"G": "green", "g": "green", "y": "yellow", "r": "red", "s": "red"}


class Fault(StrEnum):
    """Faults that the monitor trips on."""

    CONFLICT = "conflict"
    MISSING_YELLOW = "missing_yellow"
    SHORT_YELLOW = "short_yellow"
    SHORT_ALL_RED = "short_all_red"
    SHORT_GREEN = "short_green"
    UNKNOWN_LETTER = "unknown_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One fault seen on the street."""

    time_s: float
    intersection: str
    fault: Fault
    link: int
    detail: str


Trip = Callable[[Fault, int, str], None]  # notes a fault of a link, with its figures


class Monitor:
    """Judges one signal. It remembers no trip: `latch.py` does, across restarts."""

    def __init__(self, intersection: Intersection, timing: Timing, *, blind_s: float = 0.0) -> None:
        """Lay out the tables.

        Args:
            intersection: links, stages and foes.
            timing: the site's limits.
            blind_s: time between two readings in which a display may come and go unseen.
        """
        self._id = intersection.id
        self._n_links = intersection.n_links
        self._foes = intersection.foes
        self._walkers = _walkers(intersection)
        self._slack_s = blind_s + _EPSILON_S
        self._shortest_green_s, self._shortest_yellow_s, self._shortest_red_s = _tables(intersection, timing)
        self._before: str | None = None
        self._since_s = [-math.inf] * self._n_links  # begin of the colour that a link has now
        self._lost_green_s = [-math.inf] * self._n_links  # end of its last green or yellow

    def forget(self) -> None:
        """Forget what came before: somebody else shows the signal, and the next display is judged on its own."""
        self._before = None
        self._since_s = [-math.inf] * self._n_links
        self._lost_green_s = [-math.inf] * self._n_links

    def begin(self, time_s: float, state: str) -> None:
        """Begin from a display that our program takes over: what is green has its minimum green from here."""
        self.forget()
        self._before = state
        self._since_s = [time_s] * self._n_links

    def judge(self, time_s: float, state: str) -> list[Violation]:
        """Judge a display, given all displays before it; one that stands is judged once."""
        if state == self._before:
            return []
        found: list[Violation] = []

        def trip(fault: Fault, link: int, detail: str) -> None:
            found.append(Violation(time_s=time_s, intersection=self._id, fault=fault, link=link, detail=detail))

        if len(state) != self._n_links or not set(state) <= set(_COLOUR):
            trip(Fault.UNKNOWN_LETTER, 0, f"expected {self._n_links} letters of 'Ggyrs', read {state!r}")
            self.forget()
        else:
            for a, b in self._foes:
                if state[a] == "G" and state[b] == "G":
                    trip(Fault.CONFLICT, a, f"links {a} and {b} both show G")
            if self._before is not None:
                self._judge_change(time_s, self._before, state, trip)
            self._before = state
        return found

    def _judge_change(self, time_s: float, before: str, state: str, trip: Trip) -> None:
        turned_green = []
        for link in range(self._n_links):
            old = _COLOUR[before[link]]
            new = _COLOUR[state[link]]
            if old == new:
                continue
            lasted_s = time_s - self._since_s[link] + self._slack_s
            if old == "green":
                if lasted_s < self._shortest_green_s[link]:
                    trip(
                        Fault.SHORT_GREEN,
                        link,
                        f"green for {lasted_s:.1f} s, needs {self._shortest_green_s[link]:g}",
                    )
                if new == "red" and link not in self._walkers:
                    trip(Fault.MISSING_YELLOW, link, "from green to red")
            elif old == "yellow" and lasted_s < self._shortest_yellow_s[link]:
                trip(
                    Fault.SHORT_YELLOW,
                    link,
                    f"yellow for {lasted_s:.1f} s, needs {self._shortest_yellow_s[link]:g}",
                )
            if new == "red":
                self._lost_green_s[link] = time_s
            elif new == "green":
                turned_green.append(link)
            self._since_s[link] = time_s
        for link in turned_green:
            self._judge_start(time_s, link, state, trip)

    def _judge_start(self, time_s: float, link: int, state: str, trip: Trip) -> None:
        for foe, needed_s in self._shortest_red_s[link]:
            if _COLOUR[state[foe]] == "yellow":
                trip(Fault.SHORT_ALL_RED, link, f"green while its foe {foe} is yellow")
            elif _COLOUR[state[foe]] == "red" and time_s - self._lost_green_s[foe] + self._slack_s < needed_s:
                red_s = time_s - self._lost_green_s[foe]
                trip(
                    Fault.SHORT_ALL_RED,
                    link,
                    f"green {red_s:.1f} s after its foe {foe} turned red, needs {needed_s:g}",
                )


def _walkers(intersection: Intersection) -> set[int]:
    """Links of crossings alone: a vehicle on the same link needs its yellow."""
    on_foot = {m.link for m in intersection.movements if m.kind is MovementKind.PEDESTRIAN}
    return on_foot - {m.link for m in intersection.movements if m.kind is MovementKind.VEHICLE}


def _tables(
    intersection: Intersection, timing: Timing
) -> tuple[list[float], list[float], list[list[tuple[int, float]]]]:
    """(links,) shortest green and yellow; per link its foes with the shortest red between them."""
    greens = [{k for k, letter in enumerate(stage.state) if letter in ("G", "g")} for stage in intersection.stages]
    pairs = [(i, j) for i in range(len(greens)) for j in range(len(greens)) if i != j]
    walkers = _walkers(intersection)
    foes: dict[int, set[int]] = {}
    for a, b in intersection.foes:
        foes.setdefault(a, set()).add(b)
        foes.setdefault(b, set()).add(a)
    shortest_green = [
        min((timing.min_green_s[s] for s, green in enumerate(greens) if k in green), default=0.0)
        for k in range(intersection.n_links)
    ]
    shortest_yellow = [
        min((timing.clearances.yellow_s[i][j] for i, j in pairs if k in greens[i] - greens[j]), default=0.0)
        for k in range(intersection.n_links)
    ]
    shortest_red: list[list[tuple[int, float]]] = []
    for k in range(intersection.n_links):
        row = []
        for foe in sorted(foes.get(k, ())):
            ways = [(i, j) for i, j in pairs if foe in greens[i] - greens[j] and k in greens[j] - greens[i]]
            reds = [
                timing.clearance_s(i, j) if foe in walkers else timing.clearances.all_red_s[i][j] for i, j in ways
            ]
            if reds:
                row.append((foe, min(reds)))
        shortest_red.append(row)
    return shortest_green, shortest_yellow, shortest_red
