"""Proof by enumeration: every state that a signal can reach under any requests, judged by an independent oracle.

The real envelope and the real stage program are walked step by step. At every ruling anything may be asked (each
stage, nothing, NaN, an unknown number, a stale request), anybody may wait (nobody, somebody, somebody overdue), or
the controller is silent and leases run out; a clearance that is over may be extended by any number of steps.
States are the same when stage program, oracle and clock cannot tell them apart; time beyond the maximum green is
one state. Waits are not tracked here but taken as given anew at each ruling; that nobody waits beyond the maximum
red is argued at `envelope._all_served_in_time` and tested on sequences.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from leed_traffic.domain.network import Intersection, MovementKind
from leed_traffic.domain.safety import envelope, program
from leed_traffic.domain.safety.oracle import Oracle, OracleMemory
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S, Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of an enumeration."""

    intersection: str
    states: int
    violations: tuple[str, ...]  # sorted, each once


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The functions under judgement."""

    rule: Callable[..., envelope.Ruling] = envelope.rule
    hold_s: Callable[..., float] = envelope.hold_s
    build_program: Callable[..., StageProgram] = program.build_program


_NONSENSE = (math.nan, math.inf, -1.0, 0.5)


class _Moment(NamedTuple):
    """One reachable state; counts in steps."""

    phase: int
    green: int  # since the stage turned green, 0 during a clearance
    left: int  # until the phase ends by itself
    until_ruling: int
    memory: int


_Command = tuple[int, int] | None  # (phase to jump to or -1, steps to hold or 0); None: silence


def verify_timing(
    intersection: Intersection,
    timing: Timing,
    *,
    decision_interval_s: float = DEFAULT_DECISION_INTERVAL_S,
    step_s: float = 1.0,
    lease_s: float | None = None,
    is_reviewed: bool = True,
    subject: Subject | None = None,
) -> Verification:
    """Walk through everything that a signal can do under its limits.

    Args:
        intersection: with S stages.
        timing: its limits.
        decision_interval_s: from one ruling to the next.
        step_s: of the walk.
        lease_s: how long a renewal lasts; None: until just after the next ruling.
        is_reviewed: hold it to the floors as well; `as-net` is not.
        subject: other functions than the real ones, to see whether they are found out.
    """
    walk = _Walk(intersection, timing, decision_interval_s, step_s, lease_s, is_reviewed, subject or Subject())
    return Verification(
        intersection=intersection.id, states=walk.explore(), violations=tuple(sorted(walk.violations))
    )


def question(intersection: Intersection, timing: Timing) -> tuple[object, ...]:
    """Return all that a verification depends on: intersections with equal questions have the same answer."""
    walks = tuple((m.link, m.length_m) for m in intersection.movements if m.kind is MovementKind.PEDESTRIAN)
    states = tuple(stage.state for stage in intersection.stages)
    return states, intersection.foes, walks, intersection.walk_only_links, replace(timing, intersection="")


class _Walk:
    """One enumeration: breadth first over moments."""

    def __init__(
        self,
        intersection: Intersection,
        timing: Timing,
        interval_s: float,
        step_s: float,
        lease_s: float | None,
        is_reviewed: bool,
        subject: Subject,
    ) -> None:
        self._timing = timing
        self._step_s = step_s
        self._interval_s = interval_s
        self._subject = subject
        self._interval = max(1, round(interval_s / step_s))
        self._shortest_s = interval_s + step_s
        self._lease_s = self._shortest_s if lease_s is None else lease_s
        self._program = subject.build_program(intersection, timing, step_s=step_s)
        lasting = [phase.duration_s if math.isfinite(phase.duration_s) else 0.0 for phase in self._program.phases]
        self._duration = [round(duration_s / step_s) for duration_s in lasting]
        self._oracle = Oracle(intersection, timing, step_s=step_s, is_reviewed=is_reviewed)
        self._oldest = math.ceil((max(timing.max_green_s) + interval_s) / step_s) + 1
        self._memories: list[OracleMemory] = []
        self._numbers: dict[OracleMemory, int] = {}
        self._seen: dict[tuple[int, int], int] = {}  # (memory, phase) -> memory
        self._commands: dict[tuple[int, int], tuple[_Command, ...]] = {}  # (stage, green)
        self.violations: set[str] = set()

    def explore(self) -> int:
        """Visit every reachable moment; return their number."""
        self._judge_program()
        if self.violations:
            return 0
        start = [
            _Moment(s, 0, self._duration[s], c, self._number(self._oracle.first(s, self._program.phases[s].state)))
            for s in range(self._timing.n_stages)
            for c in range(self._interval)
        ]
        reached = set(start)
        frontier = start
        while frontier:
            coming: list[_Moment] = []
            for moment in frontier:
                for follower in self._followers(moment):
                    if follower not in reached:
                        reached.add(follower)
                        coming.append(follower)
            frontier = coming
        return len(reached)

    def _judge_program(self) -> None:
        """Check that every phase ends, and that silence serves every stage within the maximum red."""
        phases = self._program.phases
        s = self._timing.n_stages
        for k, phase in enumerate(phases):
            if not (self._duration[k] >= 1 and 0 <= phase.next < len(phases)):
                self.violations.add(f"phase {k} never ends: {phase.duration_s} s, then {phase.next}")
                return
        for first in range(s):
            at = first
            stages = {first}
            elapsed_s = 0.0
            for _ in range(len(phases)):
                elapsed_s += phases[at].duration_s
                at = phases[at].next
                if at < s:
                    stages.add(at)
                if at == first:
                    break
            if len(stages) < s or at != first:
                self.violations.add(f"silence from stage {first} on serves only stages {sorted(stages)}")
            elif elapsed_s - phases[first].duration_s > self._timing.max_red_s + 1e-6:
                self.violations.add(
                    f"silence: stage {first} is red for longer than max_red_s, {elapsed_s:g} s a cycle"
                )

    def _followers(self, moment: _Moment) -> set[_Moment]:
        if moment.until_ruling > 0:
            return self._stepped(moment, moment.until_ruling - 1)
        followers = set()
        for command in self._rulings(moment.phase, moment.green):
            phase = moment.phase
            green = moment.green
            left = moment.left
            if command is not None and command[0] >= 0:
                self._leave(phase, green)
                phase = command[0]
                green = 0
                left = self._duration[command[0]]
            elif command is not None and command[1] > 0:
                left = command[1]
            followers |= self._stepped(_Moment(phase, green, left, 0, moment.memory), self._interval - 1)
        return followers

    def _stepped(self, moment: _Moment, until_ruling: int) -> set[_Moment]:
        """A step later: the phase is shown, then perhaps ends; a clearance that ends may be extended by a step."""
        phase = moment.phase
        s = self._timing.n_stages
        memory = self._judge_display(moment.memory, phase)
        green = min(moment.green + 1, self._oldest) if phase < s else 0
        left = moment.left - 1
        if left > 0:
            return {_Moment(phase, green, left, until_ruling, memory)}
        self._leave(phase, green)
        shown = self._program.phases[phase].next
        extension = self._program.phases[phase].extension
        followers = {_Moment(shown, 0, self._duration[shown], until_ruling, memory)}
        if extension is not None:
            followers.add(_Moment(extension, 0, 1, until_ruling, memory))
        return followers

    def _leave(self, phase: int, green: int) -> None:
        if phase < self._timing.n_stages:
            self.violations.update(self._oracle.ended(phase, green * self._step_s))

    def _judge_display(self, memory: int, phase: int) -> int:
        if (memory, phase) not in self._seen:
            display = self._program.phases[phase].state
            stage = phase if phase < self._timing.n_stages else None
            seen, wrong = self._oracle.see(self._memories[memory], display, stage)
            self.violations.update(wrong)
            self._seen[memory, phase] = self._number(seen)
        return self._seen[memory, phase]

    def _number(self, memory: OracleMemory) -> int:
        if memory not in self._numbers:
            self._numbers[memory] = len(self._memories)
            self._memories.append(memory)
        return self._numbers[memory]

    def _rulings(self, phase: int, green: int) -> tuple[_Command, ...]:
        """Return the different commands that the envelope can give here, and silence."""
        stage, is_clearing = self._program.stage_of(phase)
        key = (stage, -1 if is_clearing else green)
        if key not in self._commands:
            commands: set[_Command] = {None}
            for wait_s in _waits(self._timing, stage):
                for green_s in (
                    (0.0, math.inf) if is_clearing else (green * self._step_s,)
                ):  # no time means anything there
                    state = SignalState(stage=stage, is_clearing=is_clearing, green_s=green_s, wait_s=wait_s)
                    commands |= self._answers(state)
            self._commands[key] = tuple(commands)
        return self._commands[key]

    def _answers(self, state: SignalState) -> set[_Command]:
        """The commands that follow from any request; a stale one must be as good as none."""
        n_stages = self._timing.n_stages
        silent = self._command(state, None, 0.0)
        for late in range(n_stages):
            if self._command(state, float(late), math.inf) != silent:
                self.violations.add(f"a stale request for stage {late} is obeyed")
        return {silent} | {
            self._command(state, request, 0.0) for request in (*range(n_stages), *_NONSENSE, float(n_stages))
        }

    def _command(self, state: SignalState, request: float | None, age_s: float) -> _Command:
        ruling = self._subject.rule(
            request, state, self._timing, horizon_s=self._interval_s, request_age_s=age_s, lease_s=self._lease_s
        )
        if not 0 <= ruling.stage < self._timing.n_stages:
            self.violations.add(f"request {request} is ruled to stage {ruling.stage}, which does not exist")
            return None
        if ruling.stage != state.stage:
            return self._program.entries[state.stage][ruling.stage], 0
        somebody_waits = any(wait > 0.0 for j, wait in enumerate(state.wait_s) if j != state.stage)
        if somebody_waits and not state.is_clearing:
            self.violations.update(self._oracle.kept(state.stage, state.green_s, self._interval_s))
        if not ruling.renews:
            return -1, 0
        if state.is_clearing:
            self.violations.add(f"the clearance towards stage {state.stage} is held")
            return -1, 0
        held_s = self._subject.hold_s(state, self._timing, lease_s=self._lease_s, shortest_s=self._shortest_s)
        if somebody_waits:
            self.violations.update(self._oracle.kept(state.stage, state.green_s, held_s - self._step_s))
        return -1, math.ceil(held_s / self._step_s - 1e-9)


def _waits(timing: Timing, stage: int) -> list[tuple[float, ...]]:
    """Patterns of waits: nobody; one or all others for a moment, close to the maximum red, or beyond it."""
    others = [j for j in range(timing.n_stages) if j != stage]
    patterns = {(0.0,) * timing.n_stages}
    for wait_s in (
        1.0,
        timing.max_red_s / 2.0,
        timing.max_red_s - timing.round_s / timing.n_stages,
        timing.max_red_s + 1.0,
    ):
        patterns.add(tuple(wait_s if j != stage else 0.0 for j in range(timing.n_stages)))
        for one in others:
            patterns.add(tuple(wait_s if j == one else 0.0 for j in range(timing.n_stages)))
    return sorted(patterns)
