"""The monitors of N signals, and the latch that a trip leaves behind."""

import logging
from collections.abc import Sequence

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.safety.latch import LatchStore
from leed_traffic.serve.safety.monitor import Monitor, Violation

log = logging.getLogger(__name__)


class Guard:
    """A monitor per signal; what one finds is logged and counted."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        latches: LatchStore,
        tally: ServeTally,
        *,
        blind_s: float,
    ) -> None:
        """One monitor each.

        Args:
            intersections: N of them.
            timings: (N,) their limits.
            latches: hold what has tripped.
            tally: counts the violations.
            blind_s: between two looks, beyond a simulation step.
        """
        self._monitors = [Monitor(i, t, blind_s=blind_s) for i, t in zip(intersections, timings, strict=True)]
        self._latches = latches
        self._tally = tally

    def begin(self, n: int, time_s: float, state: str) -> None:
        """A signal is taken over at this display."""
        self._monitors[n].begin(time_s, state)

    def forget(self, n: int) -> None:
        """A signal runs its own program: nothing of before counts."""
        self._monitors[n].forget()

    def judge(self, n: int, time_s: float, state: str) -> Violation | None:
        """The first thing that is wrong with a display; None: nothing."""
        violations = self._monitors[n].judge(time_s, state)
        for v in violations:
            log.error("%s: monitor: %s at %.1f s: %s", v.intersection, v.fault, v.time_s, v.detail)
        if not violations:
            return None
        self._tally.note_violations(violations)
        return violations[0]

    def latch(self, violation: Violation) -> None:
        """Write the trip down; where that fails, the latch holds in this process and the log says so."""
        try:
            self._latches.trip(violation.intersection, violation.fault, violation.detail, violation.time_s)
        except OSError as err:
            log.error(
                "%s: the latch cannot be written to %s: %s", violation.intersection, self._latches.folder, err
            )
