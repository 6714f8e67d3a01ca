"""The stages of a NEMA ring-and-barrier program: a phase of each ring together, from the same side of a barrier.

SUMO lists the eight phases of two rings one by one and shows two at a time. What it can show is every pair of a
phase of ring 1 and one of ring 2 between the same barriers (through 2 with through 6, or left 1 with through 6,
...). As a program of our kind, the pairs follow each other in ring order; a pair that the rings pass through
together gets its share of the greens, the others none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from leed_traffic.domain.network import OwnPhase

CYCLE_S = 90.0  # s, where the program names no cycle length: greens are scaled down to it
_STRENGTH = {"G": 2, "g": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class NemaPhase:
    """One phase of one ring."""

    name: str
    state: str
    min_green_s: float
    max_green_s: float
    yellow_s: float
    red_s: float

    @property
    def split_s(self) -> float:
        """Longest green and its clearance."""
        return self.max_green_s + self.yellow_s + self.red_s


Ring = list[NemaPhase]


def ring_program(phases: Sequence[NemaPhase], params: Mapping[str, str]) -> tuple[OwnPhase, ...] | None:
    """The pairs of two rings as one program with clearances; None where the parameters describe no two rings.

    Args:
        phases: by ring, in the order of the file.
        params: `ring1`, `ring2`, `barrierPhases`, `barrier2Phases`, optionally `total-cycle-length`, as SUMO has
            them.
    """
    by_name = {phase.name: phase for phase in phases}
    rings = [_split(_names(params, key), _barriers(params)) for key in ("ring1", "ring2")]
    groups = [[[by_name[name] for name in group if name in by_name] for group in ring] for ring in rings]
    if (
        not groups[0]
        or len(groups[0]) != len(groups[1])
        or not any(all(side) for side in zip(*groups, strict=True))
    ):
        return None
    cycle_s = float(params.get("total-cycle-length", CYCLE_S))
    busiest_s = max(sum(phase.split_s for group in ring for phase in group) for ring in groups)
    scale = min(1.0, cycle_s / busiest_s)
    greens = [pair for first, second in zip(*groups, strict=True) for pair in _pairs(first, second, scale)]
    return tuple(_with_clearances(greens))


def _names(params: Mapping[str, str], key: str) -> list[str]:
    return [name.strip() for name in params.get(key, "").split(",") if name.strip()]


def _barriers(params: Mapping[str, str]) -> set[str]:
    return {*_names(params, "barrierPhases"), *_names(params, "barrier2Phases")}


def _split(ring: Sequence[str], barriers: set[str]) -> list[list[str]]:
    """A ring's phases between its barriers, each group ending with the phase before a barrier."""
    groups: list[list[str]] = [[]]
    for name in ring:
        groups[-1].append(name)
        if name in barriers:
            groups.append([])
    return [group for group in groups if group]


def _pairs(first: Ring, second: Ring, scale: float) -> Iterator[tuple[str, float, float, float]]:
    """(state, green, yellow, all-red) of every pair between two barriers; the green is how long both rings show it together.

    A ring without a phase there rests at red: the other ring's phases stand alone.
    """
    if not first or not second:
        for phase in first or second:
            yield phase.state, _green_s(phase, scale), phase.yellow_s, phase.red_s
        return
    for (a, (a_begin, a_end)), (b, (b_begin, b_end)) in product(_timed(first, scale), _timed(second, scale)):
        together_s = max(0.0, min(a_end, b_end) - max(a_begin, b_begin))
        yield _union(a.state, b.state), together_s, max(a.yellow_s, b.yellow_s), max(a.red_s, b.red_s)


def _timed(ring: Ring, scale: float) -> list[tuple[NemaPhase, tuple[float, float]]]:
    """Greens of each phase of a group, counted from the barrier; clearances left out."""
    timed = []
    at = 0.0
    for phase in ring:
        green_s = _green_s(phase, scale)
        timed.append((phase, (at, at + green_s)))
        at += green_s
    return timed


def _green_s(phase: NemaPhase, scale: float) -> float:
    return max(phase.min_green_s, round(phase.max_green_s * scale))


def _union(a: str, b: str) -> str:
    """Green where either is, with the higher priority."""
    return "".join(
        max(pair, key=lambda letter: (_STRENGTH.get(letter, 0), letter == "s")) for pair in zip(a, b, strict=True)
    )


def _with_clearances(greens: Sequence[tuple[str, float, float, float]]) -> Iterator[OwnPhase]:
    for (state, green_s, yellow_s, red_s), (onward, *_) in zip(greens, [*greens[1:], greens[0]], strict=True):
        yield OwnPhase(state=state, duration_s=green_s)
        ending = {k for k, (a, b) in enumerate(zip(state, onward, strict=True)) if a in "Gg" and b not in "Gg"}
        if ending:
            yield OwnPhase(state=_with(state, ending, "y"), duration_s=yellow_s)
            yield OwnPhase(state=_with(state, ending, "r"), duration_s=red_s)


def _with(state: str, links: set[int], letter: str) -> str:
    return "".join(letter if k in links else a for k, a in enumerate(state))
