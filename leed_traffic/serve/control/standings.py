"""The standing of N signals, and whether their detectors are believed: what changes is counted, logged and written down."""

import logging
from collections.abc import Collection, Sequence

from leed_traffic.domain.safety.envelope import Ruling
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.detectors.health import Disbelief
from leed_traffic.serve.logs.events import CONTROL_STATUS, CYCLE_FAIL, Decision, Event, Record
from leed_traffic.serve.logs.journal import Journal
from leed_traffic.serve.safety.supervisor import ALARMS, Cause, ModeEvent, ModeState, SignalMode, transition

log = logging.getLogger(__name__)


class Standings:
    """One standing per signal, at the time of the latest look."""

    def __init__(self, ids: Sequence[str], latched: Collection[str], journal: Journal, tally: ServeTally) -> None:
        """Every signal begins in fallback.

        Args:
            ids: (N,) of the signals.
            latched: those that the monitor's latch holds.
            journal: takes the events.
            tally: counts the changes.
        """
        tripped = ModeState(cause=Cause.MONITOR_TRIP, is_latched=True)
        self.each = [tripped if id_ in latched else ModeState() for id_ in ids]
        self.time_s = 0.0  # the device's clock
        self._ids = tuple(ids)
        self._log = journal
        self._tally = tally
        self._alarms: list[Cause | None] = [None] * len(self._ids)
        self._disbeliefs: list[Disbelief | None] = [None] * len(self._ids)

    def find(self, n: int, finding: ModeEvent, why_bad: Cause = Cause.NO_REQUEST) -> None:
        """Something was found out about a signal: it may change its mode."""
        before = self.each[n]
        after = transition(before, finding, why_bad)
        self.each[n] = after
        if after.mode is not before.mode:
            self._tally.transitions[after.mode, after.cause] += 1
            self.note(n, [(Event.UNIT_CONTROL_STATUS, CONTROL_STATUS[after.mode])])
            if (
                after.mode in (SignalMode.DEGRADED, SignalMode.FALLBACK)
                and finding is not ModeEvent.HAND_BACK
                and after.cause not in ALARMS
            ):
                log.warning("%s: %s at %.1f s: %s", self._ids[n], after.mode, self.time_s, after.cause)

    @property
    def alarms(self) -> Sequence[Cause | None]:
        """(N,) why nobody leads a signal; None: it is led."""
        return self._alarms

    def alarm(self, n: int, cause: Cause | None) -> None:
        """Note when nobody leads a signal any more, and when it moves again."""
        before = self._alarms[n]
        self._alarms[n] = cause
        if cause is before:
            return
        if cause is None:
            log.warning("%s: moves under a program of its own again at %.1f s", self._ids[n], self.time_s)
            self.find(n, ModeEvent.MOVES_AGAIN)
        else:
            self._tally.alarms[cause] += 1
            log.error(
                "%s: nobody leads this signal at %.1f s: %s; see what it shows", self._ids[n], self.time_s, cause
            )
            self.find(n, ModeEvent(cause.value))
        self.note(n, [(Event.UNIT_ALARM_STATUS, 0 if cause is None else CYCLE_FAIL)])

    def is_believed(self, n: int) -> bool:
        """Whether a signal's detectors tell the truth, as far as anybody knows."""
        return self._disbeliefs[n] is None

    def believe(self, n: int, disbelief: Disbelief | None) -> None:
        """Note when a signal's detectors are no longer believed, and when they are again."""
        before = self._disbeliefs[n]
        self._disbeliefs[n] = disbelief
        if disbelief == before:
            return
        id_ = self._ids[n]
        time_s = self.time_s
        if before is not None:
            self.note(n, [(Event.DETECTOR_RESTORED, before.number)])
        if disbelief is None:
            log.warning("%s: detectors are believed again at %.1f s", id_, time_s)
        else:
            kind = disbelief.fault.name.lower()
            self._tally.sensing[kind] += 1
            self.note(n, [(Event.DETECTOR_FAULT, disbelief.number)])
            log.warning(
                "%s: lane %s is %s at %.1f s: its requests do not count", id_, disbelief.lane, kind, time_s
            )

    def note(self, n: int, events: Sequence[tuple[Event, int]], since_s: float = 0.0) -> None:
        """Write events of a signal down, `since_s` before the latest look."""
        device = self._ids[n]
        time_s = self.time_s - since_s
        self._log.note(
            Record(time_s=time_s, device=device, event=event, parameter=value) for event, value in events
        )

    def note_decision(self, n: int, requested: float | None, ruling: Ruling, shown: int) -> None:
        """Write a ruling down, and the stage that was shown then."""
        self._log.note_decision(
            Decision(
                time_s=self.time_s,
                intersection=self._ids[n],
                mode=self.each[n].mode,
                requested=requested,
                ruled=ruling.stage,
                reason=ruling.reason,
                shown=shown,
            )
        )
