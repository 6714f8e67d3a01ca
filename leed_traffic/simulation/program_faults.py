"""What a signal's own program lacks beside what its speeds and geometry ask for, and the program with that put in.

Needed are `timing`'s proposals: a yellow wherever a vehicle's green ends, as long as its speed asks for; an all-red wherever a
path that conflicts turns green next; time to finish a crossing; no two conflicting paths with priority.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from leed_traffic.domain.network import GREEN, Intersection, Kind, Movement, OwnPhase, conflict_in
from leed_traffic.domain.timing import all_red_time, pedestrian_clearance_time, yellow_time

_YELLOW = frozenset("yY")
_EPSILON_S = 1e-6


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
        extra = _Transition(intersection, by_link, k, phase, onward)
        corrected.append(CorrectedPhase(source=k, state=phase.state, duration_s=extra.duration_s))
        if walk_out := _missing_walk_out(intersection, phases, k):
            links, need_s, missing_s = walk_out
            said = (
                f"after phase {k}: walkers on links {', '.join(map(str, links))} need {need_s:g} s, have {need_s - missing_s:g}"
            )
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
    phases, faults = list(intersection.own_program), []
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
        faults.append(ProgramFault(kind="conflict", phase=k, sentence=f"phase {k}: links {a} and {b} conflict and are both G"))
    return phases, faults


def _missing_walk_out(junction: Intersection, phases: Sequence[OwnPhase], k: int) -> tuple[list[int], float, float] | None:
    """Crossings whose green ends with phase k, seconds that they need, and those missing before a foe's green."""
    onward = phases[(k + 1) % len(phases)].state
    ending = {
        m.link: pedestrian_clearance_time(m)
        for m in junction.movements
        if m.kind is Kind.PEDESTRIAN and phases[k].state[m.link] in GREEN and onward[m.link] not in GREEN
    }
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
    """From one phase to the next: the greens and yellows that end, and what has to come in between."""

    def __init__(
        self, junction: Intersection, by_link: dict[int, list[Movement]], k: int, phase: OwnPhase, onward: OwnPhase
    ) -> None:
        self._k, self._phase = k, phase
        pairs = list(enumerate(zip(phase.state, onward.state, strict=True)))
        abrupt = [link for link, (a, b) in pairs if a in GREEN and b not in GREEN | _YELLOW and link in by_link]
        clearing = [link for link, (a, b) in pairs if a in _YELLOW and b not in _YELLOW and link in by_link]
        starting = {link for link, (a, b) in pairs if b in GREEN and a not in GREEN}
        foes = {(a, b) for a, b in junction.foes} | {(b, a) for a, b in junction.foes}
        ended = [*abrupt, *clearing]
        self._abrupt, self._clearing = abrupt, clearing
        self._hurried = sorted({a for a in ended for b in starting if (a, b) in foes})
        self._yellow_s = max((yellow_time(m.speed_mps) for a in ended for m in by_link[a]), default=0.0)
        self._all_red_s = max((all_red_time(m) for a in self._hurried for m in by_link[a]), default=0.0)

    @property
    def duration_s(self) -> float:
        """Of the phase: a yellow that is too short is stretched."""
        return max(self._phase.duration_s, self._yellow_s) if self._clearing else self._phase.duration_s

    def faults(self) -> Iterator[ProgramFault]:
        """What is missing here."""
        k, links = self._k, ", ".join(map(str, self._abrupt))
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

    def inserted(self) -> Sequence[CorrectedPhase]:
        """The phases to put in."""
        phases = []
        if self._abrupt:
            phases.append(CorrectedPhase(source=None, state=self._with(self._abrupt, "y"), duration_s=self._yellow_s))
        if self._hurried:
            state = self._with([*self._abrupt, *self._clearing], "r")
            phases.append(CorrectedPhase(source=None, state=state, duration_s=self._all_red_s))
        return phases

    def _with(self, links: Sequence[int], letter: str) -> str:
        return "".join(letter if link in links else a for link, a in enumerate(self._phase.state))
