"""The stage program: every stage and every clearance of a signal as one program that the signal walks by itself.

Phases 0..S-1 are the stages. Each has a finite duration and leads on to the stage that follows in the fallback
order: silence means that the signal cycles on safely. For every ordered pair (i, j) up to three clearance phases
lead from i to j:

    pedestrians of i red  ->  vehicles of i yellow  ->  all of i that j does not serve red  ->  stage j

A link that serves a crossing and vehicles is shown as vehicles need it, with a yellow; the red after it is long
enough for those who began to walk at its end (`timing.py`).

So a command is one jump to the first clearance phase, or a longer duration for the stage that stands.

A clearance that is over may be extended while a vehicle still stands in the junction: everything that j does not
serve stays red for some more steps, in the transition's own all-red or, where it has none, in a phase beside the
transition that nothing leads to.
"""

import math
from dataclasses import dataclass, replace

from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.domain.safety.timing import Timing

PROGRAM_ID = "leed"  # the stage program's name on a device
LONGEST_HOLD_S = 5.0  # s, of one extension step: whoever extends reads the junction again after that at the latest
_EPSILON_S = 1e-6

_Transitions = dict[tuple[int, int], list[tuple[str, float]]]  # (state, seconds) of each part, by pair of stages


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramPhase:
    """One phase of the installed program."""

    state: str
    duration_s: float
    next: int
    stage: int  # the stage shown, or being cleared towards
    is_clearance: bool
    # of the last phase of a transition: the phase (perhaps itself) in which an occupied junction is held
    extension: int | None = None
    is_beside: bool = False  # shown in an extension alone: no transition leads through it


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgram:
    """The program of one signal, and where the transition from one stage to another begins."""

    intersection: str
    phases: tuple[ProgramPhase, ...]
    entries: tuple[
        tuple[int, ...], ...
    ]  # (S, S) phase at which the transition from i to j begins; j itself on the diagonal
    step_s: float

    @property
    def n_stages(self) -> int:
        """S."""
        return len(self.entries)

    def stage_of(self, phase: int) -> tuple[int, bool]:
        """The stage that a phase shows or leads to, and whether it is still clearing."""
        return self.phases[phase].stage, self.phases[phase].is_clearance

    def rest_s(self, phase: int, spent_s: float) -> float:
        """Return the seconds a phase stands on by itself after `spent_s`; an extended one is over at any time."""
        return max(0.0, self.phases[phase].duration_s - spent_s)

    def extended_s(self, phase: int, spent_s: float) -> float:
        """Return the seconds for which a clearance has been extended when `phase` has been shown for `spent_s`."""
        shown = self.phases[phase]
        if shown.extension != phase:
            return 0.0
        return spent_s if shown.is_beside else max(0.0, spent_s - shown.duration_s)

    def extension_at(self, phase: int, spent_s: float, hold_s: float) -> int | None:
        """The phase in which a clearance stands for `hold_s` more seconds; None: not now, or not so long.

        Only the last phase of a transition can be extended, and never shortened; a yellow that has not stood its
        whole time stays.
        """
        extension = self.phases[phase].extension
        rest_s = self.rest_s(phase, spent_s)
        if extension is None or (extension != phase and rest_s > _EPSILON_S):
            return None
        return extension if hold_s > 0.0 and rest_s - _EPSILON_S <= hold_s <= LONGEST_HOLD_S else None


def build_program(intersection: Intersection, timing: Timing, *, step_s: float = 1.0) -> StageProgram:
    """Lay out a signal's stages and all clearances between them.

    Args:
        intersection: with S stages.
        timing: its limits; durations are rounded up to whole simulation steps.
        step_s: simulation step, in seconds.

    Raises:
        ValueError: timing and intersection differ in their number of stages.
    """
    if timing.n_stages != intersection.n_stages:
        raise ValueError(
            f"{intersection.id}: {intersection.n_stages} stages, but its timing has {timing.n_stages}"
        )
    s = range(intersection.n_stages)
    transitions = {(i, j): _transition(intersection, timing, i, j, step_s) for i in s for j in s if i != j}
    first = intersection.n_stages
    entries = [[j] * len(s) for j in s]
    for (i, j), transition in transitions.items():
        entries[i][j] = first if transition else j
        first += len(transition)
    phases = [
        ProgramPhase(
            state=intersection.stages[i].state,
            duration_s=whole_steps(timing.fallback_green_s[i], step_s),
            next=entries[i][timing.next_in_fallback(i)],
            stage=i,
            is_clearance=False,
        )
        for i in s
    ]
    phases += _clearance_phases(intersection, timing, transitions, first, step_s)
    return StageProgram(
        intersection=intersection.id,
        phases=tuple(phases),
        entries=tuple(tuple(row) for row in entries),
        step_s=step_s,
    )


def _clearance_phases(
    intersection: Intersection, timing: Timing, transitions: _Transitions, beside: int, step_s: float
) -> list[ProgramPhase]:
    """Phases of all transitions in turn, then from `beside` on those that no transition leads through."""
    phases: list[ProgramPhase] = []
    bare = [
        (i, j) for (i, j), parts in transitions.items() if parts and not timing.clearances.all_red_s[i][j] > 0.0
    ]
    for (i, j), parts in transitions.items():
        for k, (state, seconds) in enumerate(parts):
            at = intersection.n_stages + len(phases)
            is_last = k + 1 == len(parts)
            extension = beside + bare.index((i, j)) if (i, j) in bare else at
            follower = j if is_last else at + 1
            phases.append(_clearance(state, seconds, follower, j, extension if is_last else None))
    for k, (i, j) in enumerate(bare):
        held = _clearance(_cleared(intersection, i, j), step_s, j, j, beside + k)
        phases.append(replace(held, is_beside=True))
    return phases


def whole_steps(seconds: float, step_s: float) -> float:
    """Round up to the next whole simulation step: a clearance is never cut by rounding."""
    return math.ceil(seconds / step_s - 1e-9) * step_s


def _clearance(state: str, seconds: float, follower: int, stage: int, extension: int | None) -> ProgramPhase:
    return ProgramPhase(
        state=state, duration_s=seconds, next=follower, stage=stage, is_clearance=True, extension=extension
    )


def _transition(
    intersection: Intersection, timing: Timing, i: int, j: int, step_s: float
) -> list[tuple[str, float]]:
    """The clearance phases from stage i to stage j as (state, seconds); a part of zero seconds is left out."""
    before = intersection.stages[i].state
    after = intersection.stages[j].state
    walkers = intersection.walk_only_links
    parts = (
        ([_crossings_red(a, b, k in walkers) for k, (a, b) in enumerate(zip(before, after, strict=True))],
         timing.clearances.pedestrian_clearance_s[i][j]),
        ([_ending(a, b, k in walkers) for k, (a, b) in enumerate(zip(before, after, strict=True))],
         timing.clearances.yellow_s[i][j]),
        (_cleared(intersection, i, j), timing.clearances.all_red_s[i][j]),
    )  # fmt: skip
    return [("".join(letters), whole_steps(seconds, step_s)) for letters, seconds in parts if seconds > 0.0]


def _cleared(intersection: Intersection, i: int, j: int) -> str:
    """All-red between two stages: what both serve stays green, everything else is red."""
    return "".join(
        _kept(a, b) for a, b in zip(intersection.stages[i].state, intersection.stages[j].state, strict=True)
    )


def _kept(before: str, after: str) -> str:
    """A link green in both stages stays green, yielding if it yields in either; everything else is red."""
    if before in GREEN and after in GREEN:
        return "G" if before == after == "G" else "g"
    return "s" if before == after == "s" else "r"


def _ending(before: str, after: str, is_crossing: bool) -> str:
    """A vehicle link that loses its green shows yellow; a link of a crossing alone has no yellow."""
    loses = before in GREEN and after not in GREEN
    return "y" if loses and not is_crossing else _kept(before, after)


def _crossings_red(before: str, after: str, is_crossing: bool) -> str:
    """Letter of a pedestrian clearance: crossings that lose their green are red, vehicles keep what they had."""
    if is_crossing or before not in GREEN:
        return _kept(before, after)
    return before
