"""Ticks by the wall clock (`--realtime`): when the next one begins, and how late it was.

    on time                   wait until the tick is due
    late by less than a tick  begin at once; the next tick stays due where it was, so the delay is made up once
    late by a tick or more    the ticks that were missed are dropped and counted, the schedule begins anew from now

So nothing is ever made up by more than one shortened pause: no burst of commands follows a stall. The limits of
the street are counted in the device's time, which no pace can shorten.
"""

from collections.abc import Callable

from leed_traffic.serve.control.tally import ServeTally

Clock = Callable[[], float]  # seconds, monotonic


def divides(step_s: float, tick_s: float) -> bool:
    """Return whether a tick is a whole number of steps; float noise is far below the millisecond of a device."""
    steps = tick_s / step_s
    return round(steps) >= 1 and abs(steps - round(steps)) < 1e-6


class Pace:
    """One tick every `tick_s` seconds of the clock."""

    def __init__(self, tick_s: float, clock: Clock, sleep: Callable[[float], None], tally: ServeTally) -> None:
        self._tick_s = tick_s
        self._clock = clock
        self._sleep = sleep
        self._tally = tally
        self._due_s: float | None = None

    def wait(self) -> None:
        """Wait until the next tick is due; note how late it begins."""
        now_s = self._clock()
        due_s = now_s if self._due_s is None else self._due_s + self._tick_s
        if now_s < due_s:
            self._sleep(due_s - now_s)
            now_s = self._clock()
        late_s = max(0.0, now_s - due_s)
        self._tally.lateness_s.append(late_s)
        missed = int(late_s // self._tick_s)
        self._tally.missed_ticks += missed
        self._due_s = now_s if missed else due_s
