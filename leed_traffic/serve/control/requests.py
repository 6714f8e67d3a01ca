"""What the policies want: asked once per decision interval, with waits counted in that rhythm, as in training."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.action import legal_mask
from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.observation import Encoder
from leed_traffic.domain.safety.envelope import permit
from leed_traffic.domain.safety.signal_state import WaitClocks
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.control.signal import SignalSight

_EPSILON_S = 1e-6


class Requests:
    """The latest request of N policies; it stands until they are asked again."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        *,
        interval_s: float,
        reach_m: float,
        counts_persons: bool = False,
    ) -> None:
        """Nobody has been asked.

        Args:
            intersections: N of them.
            timings: (N,) their limits.
            interval_s: between two decisions.
            reach_m: of the observation.
            counts_persons: whether the policies see who waits at crossings.
        """
        self._timings = tuple(timings)
        self._interval_s = interval_s
        self._clocks = WaitClocks(intersections)
        self._encoder = Encoder(intersections, timings, reach_m=reach_m, counts_persons=counts_persons)
        self._n_stages_max = max(i.n_stages for i in intersections)
        self.wanted: list[float | None] = [None] * len(self._timings)
        self.wanted_at_s = self.asked_at_s = -math.inf
        self.observations: NDArray[np.float32] = np.zeros(self._encoder.shape, dtype=np.float32)

    def is_due(self, time_s: float) -> bool:
        """Whether a decision interval is over."""
        return time_s - self.asked_at_s >= self._interval_s - _EPSILON_S

    def begin(self, time_s: float) -> float:
        """They are asked now; the seconds since they were asked before, 0 at the first time."""
        elapsed_s = 0.0 if math.isinf(self.asked_at_s) else time_s - self.asked_at_s
        self.asked_at_s = time_s
        return elapsed_s

    def ask(
        self,
        readings: Readings,
        sights: Sequence[SignalSight],
        policies: HotSwap,
        elapsed_s: float,
        persons: Sequence[float] = (),
    ) -> None:
        """Observe, and hear what the policies want.

        Args:
            readings: of the detectors, in the rhythm of decisions.
            sights: (N,) what the signals show.
            policies: that decide.
            elapsed_s: what `begin` said.
            persons: who waits at each crossing; none where nobody looks.
        """
        waits = wait_s(self._clocks, sights, readings, elapsed_s)
        states = [sight.state_with(wait) for sight, wait in zip(sights, waits, strict=True)]
        permissions = [
            permit(s, t, horizon_s=self._interval_s) for s, t in zip(states, self._timings, strict=True)
        ]
        self.observations = self._encoder.encode(
            readings, states, permissions, np.array(persons) if persons else None
        )
        self.wanted = policies.decide(self.observations, legal_mask(permissions, self._n_stages_max))
        self.wanted_at_s = self.asked_at_s

    def drop(self) -> None:
        """No request stands any more."""
        self.wanted = [None] * len(self.wanted)

    def begin_anew(self) -> None:
        """Nobody has counted waits for a while: as at the start."""
        self._clocks.reset()
        self.drop()
        self.asked_at_s = -math.inf


def wait_s(
    clocks: WaitClocks, sights: Sequence[SignalSight], readings: Readings, elapsed_s: float
) -> list[tuple[float, ...]]:
    """(N,) of (S,) seconds for which each stage of each signal has been waited for."""
    shown = [sight.shown for sight in sights]
    return clocks.update([s.stage for s in shown], [s.is_clearing for s in shown], readings.count_veh, elapsed_s)
