"""Plausibility of what a device says: bytes that were damaged on their way must not become a command."""

import math
from collections.abc import Sequence

from leed_traffic.domain.network import GREEN
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.device.contract import SignalDisplay

LONGEST_STEP_S = 5.0  # s, beyond which no clearance could be shown


def read_step_length(step_s: object) -> float:
    """The device's step, in seconds.

    Raises:
        ValueError: it cannot be.
    """
    if not isinstance(step_s, float) or not 0.0 < step_s <= LONGEST_STEP_S:
        raise ValueError(f"a simulation step of {step_s} s; expected up to {LONGEST_STEP_S:g} s")
    return step_s


def read_display(id_: str, state: object, program: object, phase: object, spent_s: object) -> SignalDisplay:
    """Make a display of one signal's values, if they are of the kind that they are meant to be.

    Raises:
        ValueError: they are not.
    """
    texts = isinstance(state, str) and isinstance(program, str)
    if texts and isinstance(phase, int) and isinstance(spent_s, float) and 0.0 <= spent_s < math.inf:
        return SignalDisplay(state=str(state), program=str(program), phase=phase, spent_s=spent_s)
    raise ValueError(f"signal {id_} reads {state!r}, {program!r}, {phase!r}, {spent_s!r}")


def is_sound(program: StageProgram, before: SignalDisplay | None, now: SignalDisplay, *, elapsed_s: float) -> bool:
    """Return whether phase, letters and time spent of our program fit each other.

    Args:
        program: that should run there.
        before: the display before this one, or what followed from a command since.
        now: of a signal that says it runs our program.
        elapsed_s: between the two.
    """
    if not 0 <= now.phase < len(program.phases) or program.phases[now.phase].state != now.state:
        return False
    if before is None or not before.is_ours or not before.is_sound:
        return True
    went_on = now.phase == before.phase and abs(now.spent_s - before.spent_s - elapsed_s) <= program.step_s
    return went_on or now.spent_s <= elapsed_s + program.step_s


def phase_showing(state: str, likely: int, states: Sequence[str]) -> int | None:
    """The phase with this display; else one with the same greens, of which some only have another priority."""
    if likely < len(states) and states[likely] == state:
        return likely
    if state in states:
        return states.index(state)
    greens = [letter in GREEN for letter in state]
    same = [
        k for k, other in enumerate(states) if "y" not in other and [letter in GREEN for letter in other] == greens
    ]
    return same[0] if same else None
