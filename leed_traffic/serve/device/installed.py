"""Numbers of a stage program's phases at the device: a command that hits another program changes no display.

TraCI's `setPhase` names a number and no program: it moves whichever program runs then. A take-over and a hand-back
name a program first, in the same message, but a refused command does not stop the next one. So the numbers are
laid out:

    0 .. K-1    the own program has K phases; where its phase that shows stage k lies, our stage k lies
    K + p       phase p of the stage program

A hand-back whose program was refused finds our stage k at its number; a take-over whose program was refused names
a number that the own program does not have, and is refused itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.device.own_plans import OwnPlan

_EPSILON_S = 1e-3  # s, SUMO's resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The stage program of one signal behind the numbers of its own program."""

    program: StageProgram
    own: OwnPlan

    def number(self, phase: int) -> int:
        """Return the number at the device of a phase of the stage program."""
        return self.own.n_phases + phase

    def phase(self, number: int) -> int:
        """Return the phase of the stage program for a number at the device; negative: there is none."""
        if number < self.own.n_phases:
            return self._stage_at(number) if self.own.phases is not None and number in self.own.phases else -1
        return number - self.own.n_phases

    def rows(self) -> list[tuple[str, float, int]]:
        """(state, seconds, number of the next one) of every phase at the device."""
        stages = [self._stage_at(number) for number in range(self.own.n_phases)]
        phases = [self.program.phases[stage] for stage in stages] + list(self.program.phases)
        return [(phase.state, phase.duration_s, self.number(phase.next)) for phase in phases]

    def is_at(self, phases: Sequence[Any]) -> bool:
        """Return whether these are the phases, as traci reports them."""
        there = [(phase.state, phase.duration, tuple(phase.next)) for phase in phases]
        ours = self.rows()
        return len(there) == len(ours) and all(
            (state, following) == (a, (c,)) and abs(seconds - b) < _EPSILON_S
            for (state, seconds, following), (a, b, c) in zip(there, ours, strict=True)
        )

    def _stage_at(self, number: int) -> int:
        return self.own.phases.index(number) if self.own.phases is not None and number in self.own.phases else 0
