"""Supervisor of who is in charge of a signal: four modes, one table of transitions, a reason for each.

    FALLBACK --data and policy are sound--> STANDBY --the stage program runs--> ENGAGED <--> DEGRADED
       ^                                       |                                   |             |
       +--------- unsound for too long, the program was lost, or the monitor tripped (latched) --+

FALLBACK: the signal's own program, and nobody waits to take it over. STANDBY: its own program, until it shows one
of our stages. ENGAGED: the policy's requests count. DEGRADED: no usable requests; the stage program walks on by
itself.

A signal that nobody leads (serve/safety/standstill.py: a foreign program, a standstill) is in FALLBACK with an
alarm, whatever its data are worth, until it moves under a program of its own again; then it is to be earned back
as after a lost program.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

GOOD_DECISIONS_TO_RETURN = 3  # hysteresis: sound decisions in a row before a degraded signal listens again
BAD_DECISIONS_TO_FALL_BACK = 12  # a minute at a decision every 5 s
GOOD_DECISIONS_TO_STANDBY = 24  # after a fallback: two minutes


class OperatingMode(StrEnum):
    """Modes of operation: how much the controller may do."""

    MONITOR = "monitor"  # watch and log
    SHADOW = "shadow"  # decide and log, send nothing
    ACTIVE = "active"


class SignalMode(StrEnum):
    """Modes of a signal; see the module's head."""

    FALLBACK = "fallback"
    STANDBY = "standby"
    ENGAGED = "engaged"
    DEGRADED = "degraded"


class Cause(StrEnum):
    """Causes for which a signal is in its mode."""

    START = "start"
    SOUND = "sound"
    TAKEN_OVER = "taken_over"
    NO_REQUEST = "no_request"
    STALE_REQUEST = "stale_request"
    NO_DECISION = "no_decision"
    BAD_SENSING = "bad_sensing"
    PROGRAM_LOST = "program_lost"
    FOREIGN_PROGRAM = "foreign_program"
    STANDSTILL = "standstill"
    REFUSED = "refused"
    SILENT_TOO_LONG = "silent_too_long"
    MONITOR_TRIP = "monitor_trip"
    WITHDRAWN = "withdrawn"
    HAND_BACK = "hand_back"


ALARMS = frozenset({Cause.FOREIGN_PROGRAM, Cause.STANDSTILL})  # nobody leads the signal: somebody has to look


class ModeEvent(StrEnum):
    """Event of one tick that bears on a signal's mode."""

    GOOD_DECISION = "good_decision"
    BAD_DECISION = "bad_decision"
    TAKEN_OVER = "taken_over"
    PROGRAM_LOST = "program_lost"
    FOREIGN_PROGRAM = "foreign_program"
    STANDSTILL = "standstill"
    MOVES_AGAIN = "moves_again"
    MONITOR_TRIP = "monitor_trip"
    WITHDRAWN = "withdrawn"  # a person wants us to watch only
    HAND_BACK = "hand_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeState:
    """Mode of one signal, its cause, and how many decisions in a row were good or bad."""

    mode: SignalMode = SignalMode.FALLBACK
    cause: Cause = Cause.START
    good: int = 0
    bad: int = 0
    is_latched: bool = False

    @property
    def is_in_charge(self) -> bool:
        """Return whether our stage program should be running."""
        return self.mode in (SignalMode.ENGAGED, SignalMode.DEGRADED)


def transition(state: ModeState, event: ModeEvent, why_bad: Cause = Cause.NO_REQUEST) -> ModeState:
    """The table: what an event makes of a mode. Total; a latched signal stays as it is.

    Args:
        state: before.
        event: of this tick.
        why_bad: what was wrong with a bad decision.
    """
    if state.is_latched:
        return state
    if event is ModeEvent.MONITOR_TRIP:
        return ModeState(cause=Cause.MONITOR_TRIP, is_latched=True)
    if event is ModeEvent.HAND_BACK:
        return ModeState(cause=Cause.HAND_BACK, is_latched=True)
    if event is ModeEvent.WITHDRAWN:
        return state if state.cause in ALARMS else ModeState(cause=Cause.WITHDRAWN)
    if event in (ModeEvent.FOREIGN_PROGRAM, ModeEvent.STANDSTILL):
        return ModeState(cause=Cause(event.value))
    if event is ModeEvent.MOVES_AGAIN:
        return ModeState(cause=Cause.PROGRAM_LOST) if state.cause in ALARMS else state
    if event is ModeEvent.PROGRAM_LOST:
        return ModeState(cause=Cause.PROGRAM_LOST) if state.is_in_charge else state
    if event is ModeEvent.TAKEN_OVER:
        return (
            ModeState(mode=SignalMode.ENGAGED, cause=Cause.TAKEN_OVER)
            if state.mode is SignalMode.STANDBY
            else state
        )
    if event is ModeEvent.GOOD_DECISION:
        return _after_good(replace(state, good=state.good + 1, bad=0))
    return _after_bad(replace(state, good=0, bad=state.bad + 1), why_bad)


def _after_good(state: ModeState) -> ModeState:
    if state.cause in ALARMS:
        return replace(state, good=0)
    if state.mode is SignalMode.FALLBACK:
        needed = 1 if state.cause in (Cause.START, Cause.WITHDRAWN) else GOOD_DECISIONS_TO_STANDBY
        return ModeState(mode=SignalMode.STANDBY, cause=Cause.SOUND) if state.good >= needed else state
    if state.mode is SignalMode.DEGRADED and state.good >= GOOD_DECISIONS_TO_RETURN:
        return ModeState(mode=SignalMode.ENGAGED, cause=Cause.SOUND)
    return state


def _after_bad(state: ModeState, why_bad: Cause) -> ModeState:
    if state.mode is SignalMode.STANDBY:
        return ModeState(cause=why_bad)
    if state.mode is SignalMode.ENGAGED:
        return replace(state, mode=SignalMode.DEGRADED, cause=why_bad)
    if state.mode is SignalMode.DEGRADED and state.bad >= BAD_DECISIONS_TO_FALL_BACK:
        return ModeState(cause=Cause.SILENT_TOO_LONG)
    return state
