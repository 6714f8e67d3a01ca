"""Signals that nobody leads: frozen by another client, switched off, or stuck.

    foreign program   it runs neither our program nor one that it had when we connected (SUMO's `online` and `off`
                      are none); or ours by its name, but for half a minute not as we put it there
    standstill        nobody has had green for longer than a maximum red; or the display has not changed for so
                      long, and all that time a vehicle stood before a red that some stage would end

A maximum red is the site's, or the longest phase of the signal's own program where that is longer. Walkers are not
judged by: they count as waiting whenever their crossing is red, and a main road that rests in green while nobody
else comes is in order, as is a stage of an actuated program that is rarely called. Loops that count in and out do
not tell who stands: there only the greens are judged.
"""

from collections.abc import Sequence

import numpy as np

from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.safety.supervisor import Cause

UNSOUND_S = 30.0  # s: damaged readings are over by then, a program that somebody has changed under our name is not

_CLOSED = frozenset("rR")


class Standstills:
    """Judges N signals over one connection; the device says for how long what is seen first has stood."""

    def __init__(
        self, intersections: Sequence[Intersection], timings: Sequence[Timing], *, sees_who_stands: bool
    ) -> None:
        """Begin with nothing seen.

        Args:
            intersections: N of them.
            timings: (N,) their limits.
            sees_who_stands: whether a count of vehicles is one of vehicles that are there.
        """
        self._limits_s = [_longest_s(i, t) for i, t in zip(intersections, timings, strict=True)]
        self._links = [_links_of_lanes(i) for i in intersections]
        self._sees_who_stands = sees_who_stands
        self._shown: list[str | None] = [None] * len(timings)
        self._since_s = [0.0] * len(timings)
        self._green_at_s = [0.0] * len(timings)
        self._sound_at_s = [0.0] * len(timings)
        n_lanes = sum(i.n_lanes for i in intersections)
        self._red = np.zeros(n_lanes, dtype=np.bool_)
        self._free_at_s = np.full(n_lanes, -np.inf)

    def causes(self, time_s: float, displays: Sequence[SignalDisplay], readings: Readings) -> list[Cause | None]:
        """Judge the displays of a tick: (N,) causes, None where nothing is wrong."""
        starts = readings.lane_starts
        for n, display in enumerate(displays):
            if self._shown[n] is None or not display.is_ours or display.is_sound:
                self._sound_at_s[n] = time_s
            if display.state != self._shown[n]:
                self._change(n, display, time_s, starts[n])
            if not GREEN.isdisjoint(display.state):
                self._green_at_s[n] = time_s
        stands = self._red & (readings.count_veh > 0.0)  # a NaN is nobody
        self._free_at_s = np.where(stands, self._free_at_s, time_s)
        return [self._judge(n, display, time_s, starts) for n, display in enumerate(displays)]

    def _change(self, n: int, display: SignalDisplay, time_s: float, first_lane: int) -> None:
        is_first = self._shown[n] is None
        self._shown[n] = display.state
        self._since_s[n] = time_s - display.spent_s if is_first else time_s
        if is_first:
            self._green_at_s[n] = self._since_s[n]
        letters = display.state
        for k, links in enumerate(self._links[n]):
            self._red[first_lane + k] = bool(links) and all(
                link < len(letters) and letters[link] in _CLOSED for link in links
            )

    def _judge(self, n: int, display: SignalDisplay, time_s: float, starts: Sequence[int]) -> Cause | None:
        if display.is_foreign or time_s - self._sound_at_s[n] > UNSOUND_S:
            return Cause.FOREIGN_PROGRAM
        limit_s = self._limits_s[n]
        if time_s - self._green_at_s[n] > limit_s:
            return Cause.STANDSTILL
        if not self._sees_who_stands or time_s - self._since_s[n] <= limit_s:
            return None
        stood_s = time_s - self._free_at_s[starts[n] : starts[n + 1]]
        return Cause.STANDSTILL if (stood_s > limit_s).any() else None


def _longest_s(intersection: Intersection, timing: Timing) -> float:
    return max(timing.max_red_s, *(phase.duration_s for phase in intersection.own_program))


def _links_of_lanes(intersection: Intersection) -> list[tuple[int, ...]]:
    """List per lane the links of its vehicles, if a stage serves any."""
    served = frozenset(link for stage in intersection.stages for link in stage.green)
    found = []
    for lane in intersection.lanes:
        links = tuple(m.link for m in intersection.vehicle_movements if m.from_lane == lane.id)
        found.append(links if served.intersection(links) else ())
    return found
