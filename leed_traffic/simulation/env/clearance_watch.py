"""Clearances that end between two decisions: those that `domain/situation.py` keeps standing are extended.

Without that a vehicle that stood behind a waiting left-turner meets a crossing one a few times in ten hours, and
an hour like that costs minutes of delay per vehicle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leed_traffic.domain.detectors.occupancy import lanes_of_red
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.domain.situation import keeps_clearing
from leed_traffic.simulation.sumo.engine import Engine

_EPSILON_S = 1e-6


@dataclass(slots=True)
class _Clearance:
    """One clearance that runs."""

    phase: int  # the one shown at its end
    due_s: float  # when the next stage turns green
    lanes: tuple[str, ...]  # inside the junction, of links that are red then
    extended_s: float = 0.0


class ClearanceWatch:
    """The running clearances of N signals."""

    def __init__(
        self, engine: Engine, programs: Sequence[StageProgram], timings: Sequence[Timing], *, horizon_s: float
    ) -> None:
        self._engine = engine
        self._programs = programs
        self._timings = timings
        self._horizon_s = horizon_s
        self._running: dict[int, _Clearance] = {}
        self._inner: list[tuple[tuple[str, ...], ...]] = []
        self.extended_s = 0.0  # since the reset, all signals together

    def reset(self) -> None:
        """Forget every clearance; a new simulation has begun."""
        self._running.clear()
        if not self._inner:  # the network stays the same
            self._inner = [self._engine.inner_lanes(program.intersection) for program in self._programs]
        self.extended_s = 0.0

    def begin(self, n: int, entry: int) -> None:
        """Note that the n-th signal was sent into a clearance now."""
        phases = self._programs[n].phases
        phase = entry
        due_s = self._engine.time_s
        while phases[phase].is_clearance:
            due_s += phases[phase].duration_s
            if phases[phase].extension is not None:
                break
            phase = phases[phase].next
        extension = phases[phase].extension
        if extension is None:
            return
        lanes = lanes_of_red(phases[extension].state, self._inner[n])
        self._running[n] = _Clearance(phase=phase, due_s=due_s, lanes=lanes)

    def advance(self, until_s: float, states: Sequence[SignalState]) -> None:
        """Simulate up to a time and extend the clearances that end on the way there.

        Args:
            until_s: simulated time.
            states: (N,) as they were looked at just now.
        """
        looked_s = self._engine.time_s
        while due := [c.due_s for c in self._running.values() if c.due_s < until_s - _EPSILON_S]:
            self._engine.advance(min(due))
            now_s = self._engine.time_s
            for n, clearance in [(n, c) for n, c in self._running.items() if c.due_s <= now_s + _EPSILON_S]:
                if not self._extend(n, clearance, states[n], now_s - looked_s):
                    del self._running[n]
        self._engine.advance(until_s)

    def _extend(self, n: int, clearance: _Clearance, state: SignalState, since_look_s: float) -> bool:
        program = self._programs[n]
        phase = program.phases[clearance.phase]
        step_s = program.step_s
        is_kept = phase.extension is not None and keeps_clearing(
            replace(state, stage=phase.stage),
            self._timings[n],
            lambda speed_mps: self._engine.any_slower(clearance.lanes, speed_mps),
            extended_s=clearance.extended_s,
            step_s=step_s,
            horizon_s=self._horizon_s,
            since_look_s=since_look_s,
        )
        if phase.extension is None or not is_kept:
            return False
        if clearance.phase != phase.extension:
            self._engine.jump(program.intersection, phase.extension)
        self._engine.hold(program.intersection, step_s)
        clearance.phase = phase.extension
        clearance.due_s += step_s
        clearance.extended_s += step_s
        self.extended_s += step_s
        return True
