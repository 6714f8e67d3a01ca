"""Waits of people at N signals, over connections, modes and processes.

The clocks run while somebody looks. What passed while nobody did counts, too: the device's clock says how long
that was, and whoever calls now has waited no longer than that beyond what was counted before. Where nothing was
counted, or longer ago than a maximum red, a wait is as long as a signal within its limits can have left it behind
(`domain/safety/unwatched.py`). A clock that shows less than a maximum red has not run for longer, and neither has
anybody waited.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.program import LONGEST_HOLD_S
from leed_traffic.domain.safety.signal_state import WaitClocks
from leed_traffic.domain.safety.timing import DECISION_MARGIN_S, Timing
from leed_traffic.domain.safety.unwatched import lawful_waits, silent_cycle_s
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.serve.control.display import LastSeen
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.safety.kept_waits import KEEP_EVERY_S, KeptWaits, WaitStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    """Latest count of a signal's waits."""

    time_s: float  # of the device's clock
    was_ours: bool
    away_s: float = 0.0  # at least so long ago, by the wall clock


class StreetWaits:
    """The waits that feed the rulings; what a connection has seen outlives it."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        *,
        tick_s: float,
        lease_s: float,
        sees_all: bool,
        kept: Sequence[KeptWaits] = (),
        store: WaitStore | None = None,
    ) -> None:
        """Begin with nobody seen.

        Args:
            intersections: N of them.
            timings: (N,) their limits.
            tick_s: between two looks.
            lease_s: how long a command lasts.
            sees_all: who waits is seen at once; else whoever may wait is taken to wait where nothing was counted.
            kept: what a process before this one has counted.
            store: takes down what this one counts.
        """
        self._intersections = tuple(intersections)
        self._timings = tuple(timings)
        self._clocks = WaitClocks(intersections)
        self._store = store
        self._tick_s = tick_s
        self._sees_all = sees_all
        self._last: list[_Last | None] = [None] * len(timings)
        self._memories: list[LastSeen | None] = [None] * len(timings)
        self._is_watched = False
        self._waits_s = self._clocks.longest_s()
        self.horizon_s = tick_s
        self._kept_at_s = -math.inf
        self._unheard_s = (
            KEEP_EVERY_S + lease_s + LONGEST_HOLD_S
        )  # until the latest command before the gap has run out
        self._go_on(kept)

    @property
    def memories(self) -> Sequence[LastSeen | None]:
        """(N,) what stood at each signal when the connection was lost."""
        return self._memories

    def lost(self, memories: Sequence[LastSeen | None]) -> None:
        """Keep what a lost connection has seen, (N,).

        One that broke once may break again: from now on every stage has room for a silence. That is the room for
        which `Timing` lays out its round, and in which policies are trained.
        """
        self._memories = list(memories)
        self._is_watched = False
        self.horizon_s = max(self._tick_s, DECISION_MARGIN_S)

    def look(
        self,
        time_s: float,
        displays: Sequence[SignalDisplay],
        stages: Sequence[StageDisplay],
        readings: Readings,
    ) -> list[tuple[float, ...]]:
        """Count on to now; return (N,) of (S,) seconds for which each stage of each signal has been waited for."""
        before = self._waits_s
        counts = readings.count_veh
        gaps_s = [self._gap_s(n, time_s) for n in range(len(stages))]
        if not self._is_watched and not self._sees_all:
            counts = np.full_like(counts, np.nan)
        shown = [s.stage for s in stages]
        are_clearing = [s.is_clearing for s in stages]
        self._waits_s = self._clocks.update(shown, are_clearing, counts, np.array(gaps_s)[:, None])
        if not self._is_watched:
            for n, gap_s in enumerate(gaps_s):
                self._bound(n, gap_s, time_s, shown[n], displays[n].is_ours)
            self._waits_s = self._clocks.longest_s()
        self._last = [_Last(time_s=time_s, was_ours=display.is_ours) for display in displays]
        if (
            not self._is_watched
            or time_s - self._kept_at_s >= KEEP_EVERY_S
            or _is_anybody_served(before, self._waits_s)
        ):
            self._keep(time_s)
        self._is_watched = True
        return self._waits_s

    def _gap_s(self, n: int, time_s: float) -> float:
        """Return the seconds since the waits were counted last: a maximum red at most, or where they never were."""
        last = self._last[n]
        longest_s = self._timings[n].max_red_s
        if last is not None and time_s < last.time_s:  # another device, or one that has started anew
            self._clocks.put(n, [0.0] * self._intersections[n].n_links)
            last = self._last[n] = None
            self._is_watched = False
        if last is None:
            return longest_s
        if self._is_watched:
            return time_s - last.time_s
        self.horizon_s = max(self._tick_s, DECISION_MARGIN_S)
        return min(longest_s, max(time_s - last.time_s, last.away_s))

    def _bound(self, n: int, gap_s: float, time_s: float, stage: int, is_ours: bool) -> None:
        """Cut what was not counted to what it can be."""
        last = self._last[n]
        timing = self._timings[n]
        self._clocks.limit(n, [max(0.0, time_s)] * timing.n_stages)
        cycle_s = silent_cycle_s(timing)
        if last is not None and last.was_ours and is_ours and gap_s >= cycle_s + self._unheard_s:
            self._clocks.limit(n, [cycle_s] * timing.n_stages)
        if gap_s >= timing.max_red_s:
            waits_s = self._clocks.longest_s()[n]
            self._clocks.limit(n, lawful_waits(waits_s, stage, timing, horizon_s=self.horizon_s))

    def _go_on(self, kept: Sequence[KeptWaits]) -> None:
        """Go on from where an earlier process was."""
        places = {intersection.id: n for n, intersection in enumerate(self._intersections)}
        for note in kept:
            n = places.get(note.signal)
            if n is not None and len(note.wait_s) == self._intersections[n].n_links:
                self._clocks.put(n, note.wait_s)
                self._last[n] = _Last(time_s=note.time_s, was_ours=note.is_ours, away_s=note.away_s)

    def _keep(self, time_s: float) -> None:
        """Leave a note for the process that follows."""
        self._kept_at_s = time_s
        if self._store is None:
            return
        self._store.save(
            [
                KeptWaits(
                    signal=i.id, wait_s=self._clocks.links_of(n), time_s=max(0.0, time_s), is_ours=last.was_ours
                )
                for n, (i, last) in enumerate(zip(self._intersections, self._last, strict=True))
                if last is not None
            ]
        )


def _is_anybody_served(before: Sequence[tuple[float, ...]], now: Sequence[tuple[float, ...]]) -> bool:
    return any(was_s > is_s for a, b in zip(before, now, strict=True) for was_s, is_s in zip(a, b, strict=True))
