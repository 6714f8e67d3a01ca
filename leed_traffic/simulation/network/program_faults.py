"""Faults of a signal's own program beside what its speeds and geometry ask for, and the program with that put in.

Needed are `timing`'s proposals: a yellow wherever a vehicle's green ends, as long as its speed asks for; an
all-red wherever a path that conflicts turns green next; time to finish a crossing, on a link that vehicles share
after its yellow; no two paths that conflict with priority.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from leed_traffic.domain.network import GREEN, Intersection, Movement, MovementKind, OwnPhase, conflict_in
from leed_traffic.domain.safety.timing import all_red_time, pedestrian_clearance_time, yellow_time

_YELLOW = frozenset("yY")
_EPSILON_S = 1e-6
_Missing = tuple[list[int], float, float]  # crossings that end, seconds that they need, seconds that they lack


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFault:
    """One thing that is missing, in one sentence."""

    kind: str  # conflict, short-walk-out, no-yellow, short-yellow, no-all-red
    phase: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedPhase:
    """A phase of the corrected program; `source` is the own phase that it was, None for one put in."""

    source: int | None
    state: str
    duration_s: float


def program_faults(intersection: Intersection) -> tuple[ProgramFault, ...]:
    """Everything missing, in the program's order."""
    _, faults = correct_program(intersection)
    return faults


def correct_program(intersection: Intersection) -> tuple[tuple[CorrectedPhase, ...], tuple[ProgramFault, ...]]:
    """The own program with what it lacks put in, and what that was."""
    by_link: dict[int, list[Movement]] = {}
    for movement in intersection.vehicle_movements:
        by_link.setdefault(movement.link, []).append(movement)
    phases, faults = _without_conflicts(intersection)
    corrected: list[CorrectedPhase] = []
    for k, phase in enumerate(phases):
        onward = phases[(k + 1) % len(phases)]
        extra = _Transition(
            intersection, by_link, k, phase, onward, _missing_shared_walk_out(intersection, phases, k)
        )
        corrected.append(CorrectedPhase(source=k, state=phase.state, duration_s=extra.duration_s))
        if walk_out := _missing_walk_out(intersection, phases, k):
            links, need_s, missing_s = walk_out
            said = f"after phase {k}: walkers on links {', '.join(map(str, links))} need {need_s:g} s, have {need_s - missing_s:g}"
            faults.append(ProgramFault(kind="short-walk-out", phase=k, sentence=said))
            state = "".join("r" if link in links else letter for link, letter in enumerate(phase.state))
            corrected.append(CorrectedPhase(source=None, state=state, duration_s=missing_s))
        faults += extra.faults()
        corrected += extra.inserted()
    return tuple(corrected), tuple(sorted(faults, key=lambda fault: fault.phase))


def _without_conflicts(intersection: Intersection) -> tuple[list[OwnPhase], list[ProgramFault]]:
    """Two paths that conflict both yield where the stage that we use does not say which of them has to."""
    by_green = {stage.green: stage.state for stage in reversed(intersection.stages)}
    stages = {(stage.own_phase, stage.green): stage.state for stage in intersection.stages}
    phases = list(intersection.own_program)
    faults = []
    for k, phase in enumerate(phases):
        clash = conflict_in(phase.state, intersection.foes)
        if clash is None:
            continue
        green = frozenset(link for link, letter in enumerate(phase.state) if letter in GREEN)
        state = stages.get((k, green), by_green.get(green, phase.state))
        while (pair := conflict_in(state, intersection.foes)) is not None:
            state = "".join("g" if link in pair else letter for link, letter in enumerate(state))
        phases[k] = replace(phase, state=state)
        a, b = clash
        faults.append(
            ProgramFault(
                kind="conflict", phase=k, sentence=f"phase {k}: links {a} and {b} conflict and are both G"
            )
        )
    return phases, faults


def _missing_walk_out(junction: Intersection, phases: Sequence[OwnPhase], k: int) -> _Missing | None:
    """Crossings whose green ends with phase k, seconds that they need, and those missing before a foe's green."""
    onward = phases[(k + 1) % len(phases)].state
    ending = {
        m.link: pedestrian_clearance_time(m)
        for m in junction.movements
        if m.link in junction.walk_only_links and phases[k].state[m.link] in GREEN and onward[m.link] not in GREEN
    }
    return _missing(junction, phases, k, ending)


def _missing_shared_walk_out(junction: Intersection, phases: Sequence[OwnPhase], k: int) -> _Missing | None:
    """The same for crossings on links that vehicles share, whose red begins after phase k."""
    onward = phases[(k + 1) % len(phases)].state
    ending = {
        m.link: pedestrian_clearance_time(m)
        for m in junction.movements
        if m.kind is MovementKind.PEDESTRIAN
        and m.link not in junction.walk_only_links
        and phases[k].state[m.link] in GREEN | _YELLOW
        and onward[m.link] not in GREEN | _YELLOW
    }
    return _missing(junction, phases, k, ending)


def _missing(
    junction: Intersection, phases: Sequence[OwnPhase], k: int, ending: Mapping[int, float]
) -> _Missing | None:
    """Seconds that are missing after phase k to the seconds that these links need before a foe's green."""
    short: list[tuple[float, float, int]] = []
    for link, need_s in ending.items():
        foes = {a if b == link else b for a, b in junction.foes if link in (a, b)}
        free_s = 0.0
        for step in range(1, len(phases)):
            phase = phases[(k + step) % len(phases)]
            before = phases[(k + step - 1) % len(phases)]
            if any(phase.state[foe] in GREEN and before.state[foe] not in GREEN for foe in foes):
                break
            free_s += phase.duration_s
        if free_s + _EPSILON_S < need_s:
            short.append((need_s - free_s, need_s, link))
    if not short:
        return None
    missing_s, need_s, _ = max(short)
    return sorted(ending), need_s, missing_s


class _Transition:
    """Transition from one phase to the next: the greens and yellows that end, and what has to come in between."""

    def __init__(
        self,
        junction: Intersection,
        by_link: dict[int, list[Movement]],
        k: int,
        phase: OwnPhase,
        onward: OwnPhase,
        shared_walk_out: _Missing | None,
    ) -> None:
        self._k = k
        self._phase = phase
        self._shared_walk_out = shared_walk_out
        pairs = list(enumerate(zip(phase.state, onward.state, strict=True)))
        self._left = [
            link for link, (a, b) in pairs if link in junction.walk_only_links and a in GREEN and b not in GREEN
        ]
        abrupt = [link for link, (a, b) in pairs if a in GREEN and b not in GREEN | _YELLOW and link in by_link]
        clearing = [link for link, (a, b) in pairs if a in _YELLOW and b not in _YELLOW and link in by_link]
        starting = {link for link, (a, b) in pairs if b in GREEN and a not in GREEN}
        foes = {(a, b) for a, b in junction.foes} | {(b, a) for a, b in junction.foes}
        ended = [*abrupt, *clearing]
        self._abrupt = abrupt
        self._clearing = clearing
        self._hurried = sorted({a for a in ended for b in starting if (a, b) in foes})
        self._yellow_s = max((yellow_time(m.speed_mps) for a in ended for m in by_link[a]), default=0.0)
        self._all_red_s = max((all_red_time(m) for a in self._hurried for m in by_link[a]), default=0.0)

    @property
    def duration_s(self) -> float:
        """Duration of the phase: a yellow that is too short is stretched."""
        return max(self._phase.duration_s, self._yellow_s) if self._clearing else self._phase.duration_s

    def faults(self) -> Iterator[ProgramFault]:
        """Faults of this transition."""
        k = self._k
        links = ", ".join(map(str, self._abrupt))
        if self._abrupt:
            said = f"after phase {k}: green of links {links} ends without yellow, need {self._yellow_s:g} s"
            yield ProgramFault(kind="no-yellow", phase=k, sentence=said)
        if self._clearing and self._phase.duration_s < self._yellow_s:
            said = f"phase {k}: {self._phase.duration_s:g} s of yellow, need {self._yellow_s:g} s"
            yield ProgramFault(kind="short-yellow", phase=k, sentence=said)
        if self._hurried:
            links = ", ".join(map(str, self._hurried))
            said = f"after phase {k}: no all-red between links {links} and what conflicts with them, need {self._all_red_s:g} s"
            yield ProgramFault(kind="no-all-red", phase=k, sentence=said)
        if self._shared_walk_out:
            on_foot, need_s, missing_s = self._shared_walk_out
            links = ", ".join(map(str, on_foot))
            said = f"after phase {k}: walkers on links {links}, which vehicles share, need {need_s:g} s of red"
            yield ProgramFault(kind="short-walk-out", phase=k, sentence=f"{said}, have {need_s - missing_s:g}")

    def inserted(self) -> Sequence[CorrectedPhase]:
        """The phases to put in."""
        phases = []
        if self._abrupt:
            phases.append(
                CorrectedPhase(source=None, state=self._with(self._abrupt, "y"), duration_s=self._yellow_s)
            )
        missing_s = self._shared_walk_out[2] if self._shared_walk_out else 0.0
        if self._hurried or missing_s:
            state = self._with([*self._abrupt, *self._clearing], "r")
            phases.append(CorrectedPhase(source=None, state=state, duration_s=max(self._all_red_s, missing_s)))
        return phases

    def _with(self, links: Sequence[int], letter: str) -> str:
        """The phase with these links so, and red for walkers whose green it ends."""
        shown = ("r" if link in self._left else a for link, a in enumerate(self._phase.state))
        return "".join(letter if link in links else a for link, a in enumerate(shown))
