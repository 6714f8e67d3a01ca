"""Mode of one signal, and whether its detectors are believed: changes are counted, logged and written down."""

import logging
from collections.abc import Sequence

from leed_traffic.domain.safety.envelope import Ruling
from leed_traffic.serve.control.service_state import ServiceState
from leed_traffic.serve.detectors.health import Disbelief
from leed_traffic.serve.logs.events import CONTROL_STATUS, CYCLE_FAIL, Decision, Event, Record
from leed_traffic.serve.safety.supervisor import ALARMS, Cause, ModeEvent, ModeState, SignalMode, transition

log = logging.getLogger(__name__)


class ModeTracker:
    """The mode, the alarm and the disbelief of one signal, at the time of the latest look."""

    def __init__(self, id_: str, service: ServiceState) -> None:
        """Begin in fallback; a signal that is latched stays there."""
        is_latched = id_ in service.latches.latched
        self.state = ModeState(cause=Cause.MONITOR_TRIP, is_latched=True) if is_latched else ModeState()
        self.alarm: Cause | None = None  # why nobody leads the signal; None: it is led
        self._disbelief: Disbelief | None = None
        self._id = id_
        self._service = service

    @property
    def is_believed(self) -> bool:
        """True if the signal's detectors are not known to be wrong."""
        return self._disbelief is None

    def take(self, event: ModeEvent, why_bad: Cause = Cause.NO_REQUEST) -> None:
        """Take in an event, which may change the mode."""
        before = self.state
        after = transition(before, event, why_bad)
        self.state = after
        if after.mode is not before.mode:
            self._service.tally.transitions[after.mode, after.cause] += 1
            self.note([(Event.UNIT_CONTROL_STATUS, CONTROL_STATUS[after.mode])])
            if (
                after.mode in (SignalMode.DEGRADED, SignalMode.FALLBACK)
                and event is not ModeEvent.HAND_BACK
                and after.cause not in ALARMS
            ):
                log.warning("%s: %s at %.1f s: %s", self._id, after.mode, self._service.time_s, after.cause)

    def judge(self, cause: Cause | None) -> None:
        """Note when nobody leads the signal any more, and when it moves again."""
        before = self.alarm
        self.alarm = cause
        if cause is before:
            return
        if cause is None:
            log.warning("%s: moves under a program of its own again at %.1f s", self._id, self._service.time_s)
            self.take(ModeEvent.MOVES_AGAIN)
        else:
            self._service.tally.alarms[cause] += 1
            log.error(
                "%s: nobody leads this signal at %.1f s: %s; see what it shows",
                self._id,
                self._service.time_s,
                cause,
            )
            self.take(ModeEvent(cause.value))
        self.note([(Event.UNIT_ALARM_STATUS, 0 if cause is None else CYCLE_FAIL)])

    def believe(self, disbelief: Disbelief | None) -> None:
        """Note when the signal's detectors are no longer believed, and when they are again."""
        before = self._disbelief
        self._disbelief = disbelief
        if disbelief == before:
            return
        time_s = self._service.time_s
        if before is not None:
            self.note([(Event.DETECTOR_RESTORED, before.number)])
        if disbelief is None:
            log.warning("%s: detectors are believed again at %.1f s", self._id, time_s)
        else:
            kind = disbelief.fault.name.lower()
            self._service.tally.sensing[kind] += 1
            self.note([(Event.DETECTOR_FAULT, disbelief.number)])
            log.warning(
                "%s: lane %s is %s at %.1f s: its requests do not count", self._id, disbelief.lane, kind, time_s
            )

    def note(self, events: Sequence[tuple[Event, int]], since_s: float = 0.0) -> None:
        """Write events of the signal down, `since_s` before the latest look."""
        time_s = self._service.time_s - since_s
        self._service.journal.note(
            Record(time_s=time_s, device=self._id, event=event, parameter=value) for event, value in events
        )

    def note_decision(self, requested: float | None, ruling: Ruling, shown: int) -> None:
        """Write a ruling down, and the stage that was shown then."""
        self._service.journal.note_decision(
            Decision(
                time_s=self._service.time_s,
                intersection=self._id,
                mode=self.state.mode,
                requested=requested,
                ruled=ruling.stage,
                reason=ruling.reason,
                shown=shown,
            )
        )
