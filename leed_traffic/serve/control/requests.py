"""Requests of the policies: asked for once per decision interval, with waits in that rhythm, as in training."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.situation import Observer, StageDisplay
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.device.contract import Snapshot

_EPSILON_S = 1e-6


class PolicyRequests:
    """Asks N policies when it is time; their answers stand until they are asked again.

    Its waits begin with the connection, as in training: a policy never sees a number that it was not trained on.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._interval_s = assignment.decision_interval_s
        self._observer = Observer(
            assignment.intersections,
            assignment.timings,
            horizon_s=assignment.decision_interval_s,
            reach_m=assignment.reach_m,
            counts_persons=assignment.counts_persons,
        )
        self.wanted_at_s = -math.inf  # when the latest answers came
        self.asked_at_s = -math.inf
        self.observations: NDArray[np.float32] = np.zeros(self._observer.shape, dtype=np.float32)

    def is_due(self, time_s: float) -> bool:
        """Return whether a decision interval is over."""
        return time_s - self.asked_at_s >= self._interval_s - _EPSILON_S

    def begin(self, time_s: float) -> float:
        """Begin a decision; return the seconds since the one before, 0 at the first."""
        elapsed_s = 0.0 if math.isinf(self.asked_at_s) else time_s - self.asked_at_s
        self.asked_at_s = time_s
        return elapsed_s

    def ask(
        self,
        snapshot: Snapshot,
        stages: Sequence[StageDisplay],
        readings: Readings,
        policies: HotSwap,
        elapsed_s: float,
    ) -> list[float | None]:
        """Observe, and return what the policies want, (N,).

        Args:
            snapshot: of now.
            stages: (N,) that the signals show.
            readings: of the detectors, in the rhythm of decisions.
            policies: that decide.
            elapsed_s: what `begin` returned.
        """
        persons = np.array(snapshot.persons) if snapshot.persons else None
        situation = self._observer.look(snapshot.time_s, stages, readings, elapsed_s, persons)
        self.observations = situation.observation
        wanted = policies.decide(situation.observation, situation.legal)
        self.wanted_at_s = self.asked_at_s
        return wanted

    def begin_anew(self) -> None:
        """Begin as at the start: nobody has counted waits for a while."""
        self._observer.reset()
        self.asked_at_s = -math.inf
