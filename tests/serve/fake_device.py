"""A signal device in memory: walks its stage programs as SUMO does, and an own program beside them."""

import math

import numpy as np

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.safety.program import PROGRAM_ID, build_program
from leed_traffic.errors import DeviceError
from leed_traffic.serve.device.contract import SignalDisplay, Snapshot


class FakeDevice:
    """One signal (n = 0). `queues` puts standing vehicles on lanes; `end_s` and `lost_at_s` end it."""

    def __init__(self, intersection, timing, lanes, *, end_s=600.0, lost_at_s=float("inf"), queues=None):
        self.step_s, self.end_s = 1.0, end_s
        self.lane_index = {lane: k for k, lane in enumerate(lanes)}
        self._intersection, self._lost_at_s = intersection, lost_at_s
        self._program = build_program(intersection, timing)
        self._own = [(p.state, p.duration_s) for p in intersection.own_program]
        self._ours = False
        self._phase, self._since_s, self._switch_s = 0, 0.0, self._own[0][1]
        self._time_s, self._is_first = 0.0, True
        self._queues = queues or {}
        self.shown_by_others = None  # a display that overrides what the program shows: a broken controller
        self.missing = frozenset()
        self.is_stuck = False  # queues stand still at green, too
        self.requests, self.extensions, self.is_closed = [], [], False
        self.inside_mps = lambda time_s: math.inf  # the slowest vehicle in the junction

    def read(self):
        if not self._is_first:
            self._step()
        self._is_first = False
        if self._time_s >= self._lost_at_s:
            raise DeviceError("fake: lost")
        if self._time_s >= self.end_s:
            return None
        return Snapshot(
            time_s=self._time_s, displays=(self._sighting(),), vehicles=self._vehicles(), missing=self.missing
        )

    def engage(self, n, stage):
        if not 0 <= stage < self._program.n_stages or self._state() != self._intersection.stages[stage].state:
            return False
        if not self._ours:
            self._ours = True
            self._go(stage)
        return self._phase == stage

    def request(self, n, stage, hold_s):
        self.requests.append((self._time_s, stage, hold_s))
        if (
            not self._ours
            or not isinstance(stage, int)
            or not 0 <= stage < self._program.n_stages
            or not 0.0 < hold_s < 1e9
        ):
            return False
        now, is_clearing = self._program.stage_of(self._phase)
        if is_clearing:
            return stage == now
        if stage == now:
            self._switch_s = self._time_s + hold_s
        else:
            self._go(self._program.entries[now][stage])
        return True

    def extend(self, n, hold_s):
        spent_s = self._time_s - self._since_s
        extension = self._program.extension_at(self._phase, spent_s, hold_s) if self._ours else None
        self.extensions.append((self._time_s, hold_s, extension))
        if extension is None:
            return False
        if extension != self._phase:
            self._go(extension)
        self._switch_s = self._time_s + hold_s
        return True

    def release(self, n):
        if not self._ours:
            return True
        stage, is_clearing = self._program.stage_of(self._phase)
        if is_clearing:
            return False
        self._ours = False
        self._go(self._intersection.stages[stage].own_phase)
        return True

    def take_away(self):
        """Somebody else puts the own program back."""
        self._ours = False
        self._go(0)

    def commit(self):
        """Every command took effect when it was given."""

    def close(self):
        self.is_closed = True

    def _step(self):
        if self._time_s >= self._switch_s:
            self._go(self._program.phases[self._phase].next if self._ours else (self._phase + 1) % len(self._own))
        self._time_s += 1.0

    def _go(self, phase):
        length_s = self._program.phases[phase].duration_s if self._ours else self._own[phase][1]
        self._phase, self._since_s, self._switch_s = phase, self._time_s, self._time_s + length_s

    def _state(self):
        return self._program.phases[self._phase].state if self._ours else self._own[self._phase][0]

    def _sighting(self):
        return SignalDisplay(
            state=self.shown_by_others or self._state(),
            program=PROGRAM_ID if self._ours else "0",
            phase=self._phase,
            spent_s=self._time_s - self._since_s,
            slowest_inside_mps=self.inside_mps(self._time_s) if self._is_last() else math.inf,
        )

    def _is_last(self):
        return self._ours and self._program.phases[self._phase].extension is not None

    def _vehicles(self):
        rows = []
        for lane in self._intersection.lanes:
            near = lane.spans[0]
            n = self._queues.get(lane.id, 0) + (
                0 if self.is_stuck or lane.id not in self._queues else int(self._time_s) // 10 % 2
            )
            rows += [(self.lane_index[near.lane], near.to_m - 1.0 - 7.5 * k, 0.0) for k in range(n)]
        table = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
        return Vehicles(lane=table[:, 0].astype(np.intp), position_m=table[:, 1], speed_mps=table[:, 2])


def check_signal_device(device, program):
    """The contract that every device keeps, at a moment when its one signal shows a stage by its own program."""
    first = device.read()
    (own,) = first.displays
    stage = next(k for k, phase in enumerate(program.phases) if phase.state == own.state)
    other = (stage + 1) % program.n_stages
    assert not own.is_ours
    assert not device.request(0, stage, 5.0), "a signal that is not engaged was moved"
    assert device.release(0), "what is not ours is handed back already"
    assert not device.extend(0, 1.0), "a signal that is not engaged was held"
    assert not device.engage(0, other), "the display would have jumped"
    assert device.engage(0, stage)
    for unknown in (-1, program.n_stages, 1.5, None, float("nan")):
        assert not device.request(0, unknown, 5.0)
    for senseless in (0.0, -1.0, float("nan"), float("inf")):
        assert not device.request(0, stage, senseless)
    after = device.read()
    assert after.time_s == first.time_s + 1.0
    assert after.displays[0].state == own.state, "the display changed at take-over"
    assert after.displays[0].is_ours
    assert after.displays[0].spent_s == 1.0
    assert not device.engage(0, other), "a stage that is not shown"
    assert device.engage(0, stage), "it runs already"
    assert device.read().displays[0].spent_s == 2.0, "a green was begun anew"
    _check_lease(device, program, stage)


def _check_lease(device, program, stage):
    other = (stage + 2) % program.n_stages
    assert device.request(0, stage, 2.0)
    shown = [device.read().displays[0].phase for _ in range(3)]
    assert shown[:2] == [stage, stage]
    assert shown[2] == program.phases[stage].next, "the lease ran out, the signal walks on by itself"
    target, is_clearing = program.stage_of(shown[2])
    assert is_clearing
    assert not device.request(0, other if other != target else stage, 5.0), "a jump out of a clearance"
    assert not device.release(0), "handed back in the middle of a clearance"
    phases = [shown[2]]
    while program.stage_of(phases[-1])[1]:
        phases.append(device.read().displays[0].phase)
    assert phases[-1] == target
    assert device.request(0, stage, 5.0)
    way = [device.read().displays[0].phase]
    assert way[0] == program.entries[target][stage]
    while program.stage_of(way[-1])[1]:
        way.append(device.read().displays[0].phase)
    assert way[-1] == stage
    _check_extension(device, program, stage, other)
    before = device.read().displays[0].state
    assert device.release(0)
    back = device.read().displays[0]
    assert not back.is_ours
    assert back.state == before, "the display changed at the hand-back"


def _check_extension(device, program, stage, other):
    """A clearance stands longer at its last red, step by step, and then leads where it led; nothing else is extended."""
    assert not device.extend(0, 1.0), "a stage was extended"
    assert device.request(0, other, 5.0)
    end = program.entries[stage][other]
    while program.phases[end].extension is None:
        end = program.phases[end].next
    extension, length_s = program.phases[end].extension, program.phases[end].duration_s
    while (now := device.read().displays[0]).phase != end or now.spent_s < length_s:
        assert now.phase == end or not device.extend(0, 1.0), "held before the last phase of the way"
        assert extension == end or not device.extend(0, 1.0), "a yellow was cut"
    for senseless in (0.0, -1.0, 16.0, float("nan"), float("inf")):
        assert not device.extend(0, senseless)
    for k in range(1, 4):
        assert device.extend(0, 1.0)
        held = device.read().displays[0]
        assert (held.phase, held.state) == (extension, program.phases[extension].state)
        assert held.is_sound
        assert program.extended_s(held.phase, held.spent_s) == k
        assert not device.request(0, stage, 5.0), "a jump out of a clearance that is extended"
        assert not device.release(0), "handed back in a clearance that is extended"
    assert device.read().displays[0].phase == other, "without another word the way goes on within a tick"
    assert device.request(0, stage, 5.0)
    while (now := device.read().displays[0]).phase != stage:
        assert program.stage_of(now.phase) == (stage, True)
