"""Ticks by the wall clock under stalls at random: nothing is made up in a burst."""

import numpy as np

from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.pace import Pace
from leed_traffic.serve.control.tally import ServeTally

WINDOW_TICKS = 10


def stalls(ground: DrillSetting) -> Finding:
    """A clock that stands still but for pauses and for what a tick takes: mostly a fifth of it, at times a hundred."""
    rng = np.random.default_rng(ground.seed)
    tick_s = 1.0
    count = ground.many(20_000, 200_000)
    now_s = 0.0
    shortest_s = float("inf")

    def sleep(seconds: float) -> None:
        nonlocal now_s, shortest_s
        shortest_s = min(shortest_s, seconds)
        now_s += seconds

    tally = ServeTally()
    begun_s = np.zeros(count)
    pace = Pace(tick_s, lambda: now_s, sleep, tally)
    for k in range(count):
        pace.wait()
        begun_s[k] = now_s
        now_s += float(rng.exponential(0.2) if rng.uniform() < 0.98 else rng.uniform(0.5, 100.0))
    lengths_s = begun_s[WINDOW_TICKS:] - begun_s[:-WINDOW_TICKS]
    faults = [] if shortest_s > 0.0 else [f"a pause of {shortest_s:g} s"]
    if lengths_s.min() < (WINDOW_TICKS - 1) * tick_s - 1e-6:
        faults.append(f"{WINDOW_TICKS} ticks within {lengths_s.min():.2f} s")
    if not tally.missed_ticks:
        faults.append("no tick was ever missed: nothing was tried")
    detail = f"{tally.missed_ticks:,} missed ticks dropped; never {WINDOW_TICKS} ticks within {lengths_s.min():.2f} s or less"
    return Finding(count=count, faults=faults, detail=detail)
