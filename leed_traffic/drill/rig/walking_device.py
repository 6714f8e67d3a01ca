"""N signals in memory that walk their programs as SUMO does: what the controller itself costs, without a simulator's time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.road_users import Crossing
from leed_traffic.domain.safety.program import PROGRAM_ID, StageProgram
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.config import Connect, Look, ServeConfig
from leed_traffic.serve.device.contract import SignalDisplay, Snapshot

STEP_S = 1.0


class WalkingDevice:
    """N signals; drawn vehicles drive and queue on the lanes that are read."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        lanes: Sequence[str],
        make_program: Callable[[int, float], StageProgram],
        *,
        end_s: float,
        seed: int = 1,
        vehicles_per_lane: float = 1.0,
    ) -> None:
        """Start every signal with the first phase of its own program.

        Args:
            intersections: N of them.
            lanes: that are read.
            make_program: the stage program of the n-th intersection for a step length in seconds.
            end_s: when the device ends.
            seed: of the vehicles.
            vehicles_per_lane: mean.
        """
        self.step_s = STEP_S
        self.end_s = end_s
        self.lane_index = {lane: k for k, lane in enumerate(lanes)}
        self._programs = [make_program(n, STEP_S) for n in range(len(intersections))]
        self._intersections = tuple(intersections)
        self._rng = np.random.default_rng(seed)
        self._density = vehicles_per_lane
        n = len(intersections)
        self._ours = [False] * n
        self._phase = [0] * n
        self._since_s = [0.0] * n
        self._left_s = [i.own_program[0].duration_s for i in intersections]
        self._time_s = 0.0
        self._is_first = True
        self.shown_instead: dict[int, str] = {}  # a display that somebody else forces on a signal

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Take note of nothing: nobody walks here."""

    def read(self) -> Snapshot | None:
        """A second later, but for the first look."""
        if not self._is_first:
            self._step()
        self._is_first = False
        if self._time_s >= self.end_s:
            return None
        displays = tuple(self._sighting(n) for n in range(len(self._programs)))
        return Snapshot(time_s=self._time_s, displays=displays, vehicles=self._vehicles())

    def engage(self, n: int, stage: int) -> bool:
        """Run the stage program from the stage that is shown."""
        if self._sighting(n).state != self._intersections[n].stages[stage].state:
            return False
        if not self._ours[n]:
            self._ours[n] = True
            self._go(n, stage)
        return self._phase[n] == stage

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """Hold the stage that stands, or leave it."""
        program = self._programs[n]
        is_known = isinstance(stage, int) and 0 <= stage < program.n_stages
        if not self._ours[n] or not is_known or not 0.0 < hold_s < float("inf"):
            return False
        now, is_clearing = program.stage_of(self._phase[n])
        if is_clearing:
            return stage == now
        if stage == now:
            self._left_s[n] = hold_s
        else:
            self._go(n, program.entries[now][stage])
        return True

    def extend(self, n: int, hold_s: float) -> bool:
        """Let a clearance stand longer, in red."""
        phase = self._phase[n]
        spent_s = self._time_s - self._since_s[n]
        extension = self._programs[n].extension_at(phase, spent_s, hold_s) if self._ours[n] else None
        if extension is None:
            return False
        if extension != phase:
            self._go(n, extension)
        self._left_s[n] = hold_s
        return True

    def release(self, n: int) -> bool:
        """Back to the own program at the same display."""
        if self._ours[n]:
            stage, is_clearing = self._programs[n].stage_of(self._phase[n])
            if is_clearing:
                return False
            self._ours[n] = False
            self._go(n, self._intersections[n].stages[stage].own_phase)
        return True

    def commit(self) -> None:
        """Do nothing: every command took effect when it was given."""

    def close(self) -> None:
        """Nothing to leave."""

    def _step(self) -> None:
        for n, program in enumerate(self._programs):
            if self._left_s[n] <= 0.0:
                own = len(self._intersections[n].own_program)
                self._go(n, program.phases[self._phase[n]].next if self._ours[n] else (self._phase[n] + 1) % own)
            self._left_s[n] -= STEP_S
        self._time_s += STEP_S

    def _go(self, n: int, phase: int) -> None:
        program = self._programs[n].phases if self._ours[n] else self._intersections[n].own_program
        self._phase[n], self._since_s[n], self._left_s[n] = phase, self._time_s, program[phase].duration_s

    def _sighting(self, n: int) -> SignalDisplay:
        phase = self._phase[n]
        is_ours = self._ours[n]
        program = self._programs[n].phases if is_ours else self._intersections[n].own_program
        is_last = is_ours and self._programs[n].phases[phase].extension is not None
        return SignalDisplay(
            state=self.shown_instead.get(n, program[phase].state),
            program=PROGRAM_ID if is_ours else "0",
            phase=phase,
            spent_s=self._time_s - self._since_s[n],
            slowest_inside_mps=float(self._rng.uniform(0.0, 15.0)) if is_last else math.inf,
        )

    def _vehicles(self) -> Vehicles:
        n = len(self.lane_index)
        lane = np.repeat(np.arange(n), self._rng.poisson(self._density, n))
        speed = np.where(self._rng.uniform(size=len(lane)) < 0.5, 0.0, 10.0)
        return Vehicles(
            lane=lane.astype(np.intp), position_m=self._rng.uniform(0.0, 100.0, len(lane)), speed_mps=speed
        )


def walking(devices: list[WalkingDevice], *, end_s: float, seed: int = 1) -> Connect:
    """Opens such a device.

    Args:
        devices: it is put at their end, for whoever meddles with it.
        end_s: when it ends.
        seed: of the vehicles.
    """

    def connect(
        config: ServeConfig,
        assignment: Assignment,
        make_program: Callable[[int, float], StageProgram],
        look: Look,
    ) -> WalkingDevice:
        devices.append(
            WalkingDevice(assignment.intersections, assignment.lanes, make_program, end_s=end_s, seed=seed)
        )
        return devices[-1]

    return connect


def copies(intersection: Intersection, count: int) -> tuple[Intersection, ...]:
    """The same intersection many times, each with an id and lanes of its own."""
    return tuple(_copy(intersection, f"{intersection.id}{k}") for k in range(count))


def _copy(intersection: Intersection, id_: str) -> Intersection:
    lanes = tuple(
        replace(
            lane,
            id=f"{id_}:{lane.id}",
            spans=tuple(replace(span, lane=f"{id_}:{span.lane}") for span in lane.spans),
        )
        for lane in intersection.lanes
    )
    movements = tuple(
        replace(
            movement,
            from_lane=f"{id_}:{movement.from_lane}",
            exit_span=movement.exit_span and replace(movement.exit_span, lane=f"{id_}:{movement.exit_span.lane}"),
        )
        for movement in intersection.movements
    )
    return replace(intersection, id=id_, lanes=lanes, movements=movements, neighbours=())
