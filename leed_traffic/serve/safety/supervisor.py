"""Who is in charge of a signal: four modes, one table of transitions, a reason for each.

    FALLBACK --data and policy are sound--> STANDBY --the stage program runs--> ENGAGED <--> DEGRADED
       ^                                       |                                   |             |
       +--------- unsound for too long, the program was lost, or the monitor tripped (latched) --+

FALLBACK: the signal's own program, and nobody waits to take it over. STANDBY: its own program, until it shows one of our
stages. ENGAGED: the policy's requests count. DEGRADED: no usable requests; the stage program walks on by itself.

A signal that nobody leads (serve/safety/standstill.py: a foreign program, a standstill) is in FALLBACK with an alarm, whatever
its data are worth, until it moves under a program of its own again; then it is to be earned back as after a lost program.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

GOOD_DECISIONS_TO_RETURN = 3  # hysteresis: sound decisions in a row before a degraded signal listens again
BAD_DECISIONS_TO_FALL_BACK = 12  # a minute at a decision every 5 s
GOOD_DECISIONS_TO_STANDBY = 24  # after a fallback: two minutes


class Control(StrEnum):
    """How much the controller may do."""

    MONITOR = "monitor"  # watch and log
    SHADOW = "shadow"  # decide and log, send nothing
    ACTIVE = "active"


class Mode(StrEnum):
    """See the module's head."""

    FALLBACK = "fallback"
    STANDBY = "standby"
    ENGAGED = "engaged"
    DEGRADED = "degraded"


class Cause(StrEnum):
    """Why a signal is in its mode."""

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


class Finding(StrEnum):
    """What one tick says about a signal."""

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
class Standing:
    """One signal's mode, why, and how many decisions in a row were good or bad."""

    mode: Mode = Mode.FALLBACK
    cause: Cause = Cause.START
    good: int = 0
    bad: int = 0
    is_latched: bool = False

    @property
    def is_in_charge(self) -> bool:
        """Whether our stage program should be running."""
        return self.mode in (Mode.ENGAGED, Mode.DEGRADED)


def transition(standing: Standing, finding: Finding, why_bad: Cause = Cause.NO_REQUEST) -> Standing:
    """The table: what a finding makes of a standing. Total; a latched signal stays as it is.

    Args:
        standing: before.
        finding: of this tick.
        why_bad: what was wrong with a bad decision.
    """
    if standing.is_latched:
        return standing
    if finding is Finding.MONITOR_TRIP:
        return Standing(cause=Cause.MONITOR_TRIP, is_latched=True)
    if finding is Finding.HAND_BACK:
        return Standing(cause=Cause.HAND_BACK, is_latched=True)
    if finding is Finding.WITHDRAWN:
        return standing if standing.cause in ALARMS else Standing(cause=Cause.WITHDRAWN)
    if finding in (Finding.FOREIGN_PROGRAM, Finding.STANDSTILL):
        return Standing(cause=Cause(finding.value))
    if finding is Finding.MOVES_AGAIN:
        return Standing(cause=Cause.PROGRAM_LOST) if standing.cause in ALARMS else standing
    if finding is Finding.PROGRAM_LOST:
        return Standing(cause=Cause.PROGRAM_LOST) if standing.is_in_charge else standing
    if finding is Finding.TAKEN_OVER:
        return Standing(mode=Mode.ENGAGED, cause=Cause.TAKEN_OVER) if standing.mode is Mode.STANDBY else standing
    if finding is Finding.GOOD_DECISION:
        return _after_good(replace(standing, good=standing.good + 1, bad=0))
    return _after_bad(replace(standing, good=0, bad=standing.bad + 1), why_bad)


def _after_good(standing: Standing) -> Standing:
    if standing.cause in ALARMS:
        return replace(standing, good=0)
    if standing.mode is Mode.FALLBACK:
        needed = 1 if standing.cause in (Cause.START, Cause.WITHDRAWN) else GOOD_DECISIONS_TO_STANDBY
        return Standing(mode=Mode.STANDBY, cause=Cause.SOUND) if standing.good >= needed else standing
    if standing.mode is Mode.DEGRADED and standing.good >= GOOD_DECISIONS_TO_RETURN:
        return Standing(mode=Mode.ENGAGED, cause=Cause.SOUND)
    return standing


def _after_bad(standing: Standing, why_bad: Cause) -> Standing:
    if standing.mode is Mode.STANDBY:
        return Standing(cause=why_bad)
    if standing.mode is Mode.ENGAGED:
        return replace(standing, mode=Mode.DEGRADED, cause=why_bad)
    if standing.mode is Mode.DEGRADED and standing.bad >= BAD_DECISIONS_TO_FALL_BACK:
        return Standing(cause=Cause.SILENT_TOO_LONG)
    return standing
