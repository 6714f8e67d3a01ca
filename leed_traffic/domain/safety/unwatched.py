"""Waits that nobody counted: a controller was away, or begins.

A wait that was counted before goes on with the time that has passed: nobody can have waited longer. Without that,
it is taken to be as long as a signal within its limits can have left it behind: long enough that everybody is
served in one round from now on, short enough that this round is still lawful. A signal that walked its stage
program alone served everybody in its cycle.
"""

import math
from collections.abc import Sequence

from leed_traffic.domain.safety.timing import Timing


def lawful_waits(wait_s: Sequence[float], stage: int, timing: Timing, *, horizon_s: float) -> tuple[float, ...]:
    """(S,) waits, in seconds, cut to what lets everybody be green within the maximum red.

    Most urgent first, among equals in the order of the fallback cycle from the stage that stands or comes, for
    k = 1, 2, ...:
        wait_k <= max_red - t_k,   t_k = t_(k-1) + min_green_(k-1) + horizon + longest clearance to k

    Args:
        wait_s: (S,) how long each stage may have been waited for.
        stage: that is shown, or cleared towards; its clearance and its minimum green are still to come.
        timing: the site's limits.
        horizon_s: between two rulings.
    """
    found = list(wait_s)
    for follower, start_s in _starts(wait_s, stage, timing, horizon_s):
        found[follower] = min(wait_s[follower], max(0.0, timing.max_red_s - start_s))
    return tuple(found)


def silent_cycle_s(timing: Timing) -> float:
    """Seconds of a round of the stage program when nobody speaks to it: no red of a stage lasts as long."""
    return sum(math.ceil(green_s - 1e-9) for green_s in timing.fallback_green_s) + sum(timing.longest_clearances_s)


def _starts(wait_s: Sequence[float], stage: int, timing: Timing, horizon_s: float) -> list[tuple[int, float]]:
    """Stages with the seconds until each is green in that round."""
    order = [stage]
    while len(order) < timing.n_stages:
        order.append(timing.next_in_fallback(order[-1]))
    order[1:] = sorted(order[1:], key=lambda j: -wait_s[j])
    starts = []
    start_s = 0.0
    for j in order:
        start_s += timing.longest_clearances_s[j]
        starts.append((j, start_s))
        start_s += timing.min_green_s[j] + horizon_s
    return starts
