"""Translation of a device's display into the state that rulings need: one signal, under its own program or ours."""

from dataclasses import dataclass, replace

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.domain.situation import StageDisplay
from leed_traffic.serve.device.contract import SignalDisplay
from leed_traffic.serve.logs.events import Event
from leed_traffic.serve.logs.phases import PhaseEvents

_EPSILON_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """The green that stood when a connection was lost."""

    stage: int
    time_s: float
    began_s: float  # the green of this stage


class DisplayTracker:
    """Follows one signal tick by tick: stage, time since green, waits, intervals."""

    def __init__(self, intersection: Intersection, program: StageProgram, memory: LastSeen | None = None) -> None:
        """Begin with nothing seen.

        Args:
            intersection: the signal.
            program: our stage program of it.
            memory: what stood when the connection before this one was lost.
        """
        self._intersection = intersection
        self._program = program
        self._stage_of_state = {stage.state: k for k, stage in enumerate(intersection.stages)}
        self._phases = PhaseEvents(intersection)
        self._green_since_s: float | None = None
        self._time_s = self._began_s = 0.0
        self._memory = memory
        self._terminated_by: tuple[int, Event] | None = None  # the stage that a command has ended, and why
        self.now = StageDisplay(stage=0, is_clearing=True, green_s=0.0)
        self.state = self.now.with_waits((0.0,) * intersection.n_stages)

    def look(self, display: SignalDisplay, time_s: float) -> list[tuple[Event, int]]:
        """Take in one display; return the events since the one before."""
        before = self.now
        if display.is_ours and not display.is_sound:
            now = StageDisplay(stage=before.stage, is_clearing=True, green_s=0.0)
        elif display.is_ours:
            stage, is_clearing = self._program.stage_of(display.phase)
            now = StageDisplay(
                stage=stage, is_clearing=is_clearing, green_s=0.0 if is_clearing else display.spent_s
            )
            self._green_since_s = None
        else:
            now = self._own_display(display.state, time_s)
        self._time_s = time_s
        if not now.is_clearing:
            self._began_s = self._began(before, now, display.spent_s)
            now = replace(now, earlier_s=max(0.0, time_s - self._began_s - now.green_s))
        self.now = now
        self._memory = None
        return self._events(display.state)

    def taken_over(self, stage: int) -> None:
        """Begin our program: the minimum green counts anew, the maximum green goes on."""
        self.now = StageDisplay(
            stage=stage, is_clearing=False, green_s=0.0, earlier_s=max(0.0, self._time_s - self._began_s)
        )
        self.wait(self.state.wait_s)

    def remember(self) -> LastSeen | None:
        """Return what the next connection has to know; None: no stage stands."""
        if self._memory is not None:
            return self._memory  # nothing was seen over this connection
        return (
            None
            if self.now.is_clearing
            else LastSeen(stage=self.now.stage, time_s=self._time_s, began_s=self._began_s)
        )

    def will_end(self, why: Event) -> None:
        """Note that a command has ended the green that stands; the next change is put down to it."""
        self._terminated_by = (self.now.stage, why)

    def wait(self, wait_s: tuple[float, ...]) -> None:
        """Take in for how long each stage has been waited for, (S,) in seconds."""
        self.state = self.now.with_waits(wait_s)

    def _began(self, before: StageDisplay, now: StageDisplay, spent_s: float) -> float:
        """Return when the green that stands began: a phase that is older than the gap stood through it."""
        memory = self._memory
        if (
            memory is not None
            and memory.stage == now.stage
            and 0.0 <= self._time_s - memory.time_s <= spent_s + _EPSILON_S
        ):
            return memory.began_s
        if not before.is_clearing and before.stage == now.stage:
            return self._began_s
        return self._time_s - spent_s

    def _own_display(self, state: str, time_s: float) -> StageDisplay:
        stage = self._stage_of_state.get(state)
        if stage is None:
            self._green_since_s = None
            return StageDisplay(stage=self.now.stage, is_clearing=True, green_s=0.0)
        if self._green_since_s is None or stage != self.now.stage:
            self._green_since_s = time_s
        return StageDisplay(stage=stage, is_clearing=False, green_s=time_s - self._green_since_s)

    def _events(self, state: str) -> list[tuple[Event, int]]:
        is_standing = not self.now.is_clearing
        why = None if self._terminated_by is None else self._terminated_by[1]
        events = self._phases.see(state, is_standing=is_standing, terminated_by=why)
        if self._terminated_by is not None and is_standing and self.now.stage != self._terminated_by[0]:
            self._terminated_by = None
        return events
