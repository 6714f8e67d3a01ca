"""When a clearance stands longer because a vehicle that lost its green is still inside: simulation's rule, in the street."""

import math

from leed_traffic.domain.safety.envelope import keeps_closed_mps, may_extend
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.serve.device.contract import SignalDisplay

_EPSILON_S = 1e-6


def is_to_stand(
    sighting: SignalDisplay, program: StageProgram, state: SignalState, timing: Timing, *, tick_s: float
) -> bool:
    """Whether a clearance that would end before the next tick has to stand for another one.

    Args:
        sighting: of a signal that runs our program; where nothing sees the inside of the junction, nothing is
            extended.
        program: its stage program.
        state: clearing, and who waits.
        timing: the site's limits.
        tick_s: until the next look.
    """
    slowest_mps = sighting.slowest_inside_mps
    phase = sighting.phase
    spent_s = sighting.spent_s
    if slowest_mps is None or math.isinf(slowest_mps):
        return False
    extended_s = program.extended_s(phase, spent_s)
    is_over = program.rest_s(phase, spent_s) < tick_s - _EPSILON_S
    if (
        not is_over
        or program.extension_at(phase, spent_s, tick_s) is None
        or not slowest_mps < keeps_closed_mps(extended_s)
    ):
        return False
    return may_extend(state, timing, extended_s=extended_s + tick_s, delay_s=tick_s, horizon_s=tick_s)
