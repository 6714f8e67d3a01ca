"""Bundles of N signals: swapped at a stage boundary, watched for a while, and back again at the first trip.

    A runs --begin(B)--> each signal moves to B at its next green --> all have moved: probation --> B is proven
                            |                                             |
                            +---- a fault of B or a monitor's trip -------+--> A runs everywhere, at once

A signal that is not ours, or whose stage has stood longer than its maximum green, need not wait for its next
stage. What a rollback goes back to is the bundle that ran before, as it was checked then: it never left the
memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.serve.logs.events import BundleChange, ChangeKind

PROBATION_S = 600.0  # s of the device's time after the last signal has moved: at least five cycles
LAST_PATTERN = 253  # NTCIP 1202: 254 is free operation, 255 flash


class Decider(Protocol):
    """Policies that decide for all signals; `artifacts.policy.Policy` in the field."""

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """(N,) requested stages from (N, D_max) observations and (N, S_max) legal stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A bundle that passed every check, with its policies."""

    bundle: Bundle
    decider: Decider
    pattern: int = 1  # the parameter of a pattern change: 1 for the first, one more for each that followed


class HotSwap:
    """The bundles of N signals over the life of a controller. A `Decider` itself."""

    def __init__(self, first: Generation, timings: Sequence[Timing], *, probation_s: float = PROBATION_S) -> None:
        self._timings = tuple(timings)
        self._probation_s = probation_s
        self._target = first
        self._previous = first
        self._rows = [first] * len(timings)
        self._n_begun = first.pattern
        self._time_s = 0.0
        self._complete_at_s = -math.inf
        self._is_proven = True
        self._before: list[StageDisplay | None] = [None] * len(timings)
        self.changes: list[BundleChange] = []  # for the controller to write down and clear

    @property
    def target(self) -> Generation:
        """Bundle that runs everywhere, or soon will."""
        return self._target

    @property
    def previous(self) -> Generation | None:
        """Bundle that a rollback would go back to; None: there is none."""
        return None if self._previous is self._target else self._previous

    @property
    def n_waiting(self) -> int:
        """Signals that have not moved yet."""
        return sum(row is not self._target for row in self._rows)

    @property
    def is_on_probation(self) -> bool:
        """True if a fault would lead back to the bundle before."""
        return not self._is_proven

    def at(self, n: int) -> Generation:
        """Return the bundle that decides at a signal."""
        return self._rows[n]

    def reconnected(self) -> None:
        """Move every signal, begin probation again: the device's clock may start anew, and we lead none."""
        self._rows = [self._target] * len(self._rows)
        self._before = [None] * len(self._rows)
        self._time_s = 0.0
        self._complete_at_s = -math.inf

    def begin(self, generation: Generation, why: str) -> None:
        """Move every signal to this bundle at its next stage boundary; what is proven stays at hand."""
        if self._is_proven:
            self._previous = self._target
        self._n_begun = self._n_begun % LAST_PATTERN + 1
        self._aim(replace(generation, pattern=self._n_begun))
        self._note(ChangeKind.BEGUN, None, why)

    def go_back(self, why: str) -> bool:
        """Go back to the bundle before, at the stage boundaries; False: there is none."""
        if self.previous is None:
            return False
        self._aim(self._previous)
        self._is_proven = True
        self._note(ChangeKind.BEGUN, None, why)
        return True

    def look(self, stages: Sequence[StageDisplay], are_ours: Sequence[bool], time_s: float) -> None:
        """Move the signals that are at a stage boundary, once a tick."""
        self._time_s = time_s
        waiting = self.n_waiting
        for n in range(len(self._rows)) if waiting else ():
            if self._rows[n] is not self._target and (not are_ours[n] or self._is_at_boundary(n, stages[n])):
                self._rows[n] = self._target
                self._note(ChangeKind.MOVED, n, "stage boundary" if are_ours[n] else "not led by us")
        self._before = list(stages)
        if waiting and not self.n_waiting:
            self._complete_at_s = time_s
            self._note(ChangeKind.COMPLETE, None, "every signal has moved")
        if not self._is_proven and not self.n_waiting:
            self._complete_at_s = time_s if math.isinf(self._complete_at_s) else self._complete_at_s
            if time_s - self._complete_at_s >= self._probation_s:
                self._is_proven = True
                self._note(ChangeKind.PROVEN, None, f"{self._probation_s:g} s without a fault")

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """Return each signal's request by its own bundle; a fault of a new one brings the old one's at once."""
        requests = self._ask(observation, legal)
        if not self._is_proven:
            for n, request in enumerate(requests):
                if self._rows[n] is self._target and not self._is_stage(n, request):
                    self.trip(f"{self._timings[n].intersection}: its policy asked for {request}")
                    return self._ask(observation, legal)
        return requests

    def trip(self, why: str) -> None:
        """Roll back after a fault: on probation, the bundle before runs everywhere at once."""
        if self._is_proven:
            return
        moved = [n for n, row in enumerate(self._rows) if row is not self._previous]
        self._note(ChangeKind.ROLLED_BACK, None, why)
        self._rows = [self._previous] * len(self._rows)
        self._aim(self._previous)
        self._is_proven = True
        for n in moved:
            self._note(ChangeKind.MOVED, n, "rolled back")

    def _ask(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        generations = {id(row): row for row in self._rows}
        answers = {key: row.decider.decide(observation, legal) for key, row in generations.items()}
        for answer in answers.values():
            if len(answer) != len(self._rows):
                raise ValueError(f"expected {len(self._rows)} requests from the policy, got {len(answer)}")
        return [answers[id(row)][n] for n, row in enumerate(self._rows)]

    def _is_at_boundary(self, n: int, now: StageDisplay) -> bool:
        before = self._before[n]
        timing = self._timings[n]
        if now.is_clearing:
            return False
        has_begun = before is not None and (before.is_clearing or before.stage != now.stage)
        return has_begun or now.green_s >= timing.max_green_s[now.stage]

    def _is_stage(self, n: int, request: float | None) -> bool:
        return request is not None and math.isfinite(request) and request in range(self._timings[n].n_stages)

    def _aim(self, generation: Generation) -> None:
        self._target = generation
        self._is_proven = False
        self._complete_at_s = -math.inf

    def _note(self, step: ChangeKind, n: int | None, why: str) -> None:
        row = self._target if n is None else self._rows[n]
        digest = row.bundle.digest
        pattern = row.pattern
        self.changes.append(
            BundleChange(time_s=self._time_s, step=step, n=n, digest=digest, pattern=pattern, why=why)
        )
