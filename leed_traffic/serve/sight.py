"""From what a device shows to the state that rulings need: one signal, whichever program it runs."""

from dataclasses import dataclass

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.program import StageProgram
from leed_traffic.domain.signal_state import SignalState
from leed_traffic.serve.device import Sighting
from leed_traffic.serve.events import Event
from leed_traffic.serve.phases import PhaseEvents


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The stage that a signal shows or, while clearing, leads to (its own program: the one shown last)."""

    stage: int
    is_clearing: bool
    green_s: float


class SignalSight:
    """Follows one signal tick by tick: stage, time since green, waits, intervals."""

    def __init__(self, intersection: Intersection, program: StageProgram) -> None:
        self._intersection, self._program = intersection, program
        self._stage_of_state = {stage.state: k for k, stage in enumerate(intersection.stages)}
        self._phases = PhaseEvents(intersection)
        self._green_since_s: float | None = None
        self._terminated_by: tuple[int, Event] | None = None  # the stage that a command has ended, and why
        self.shown = Shown(stage=0, is_clearing=True, green_s=0.0)
        self.state = self.state_with((0.0,) * intersection.n_stages)

    @property
    def n_stages(self) -> int:
        """S."""
        return self._intersection.n_stages

    def see(self, sighting: Sighting, time_s: float) -> list[tuple[Event, int]]:
        """Take in one sighting; return the events since the one before."""
        if sighting.is_ours and not sighting.is_sound:
            self.shown = Shown(stage=self.shown.stage, is_clearing=True, green_s=0.0)
        elif sighting.is_ours:
            stage, is_clearing = self._program.stage_of(sighting.phase)
            self.shown = Shown(stage=stage, is_clearing=is_clearing, green_s=0.0 if is_clearing else sighting.spent_s)
            self._green_since_s = None
        else:
            self.shown = self._see_own(sighting.state, time_s)
        return self._events(sighting.state)

    def taken_over(self, stage: int) -> None:
        """Our program runs from now on: the minimum green counts anew."""
        self.shown = Shown(stage=stage, is_clearing=False, green_s=0.0)
        self.state = self.state_with(self.state.wait_s)

    def will_end(self, why: Event) -> None:
        """A command has ended the green that stands; the next change is put down to it."""
        self._terminated_by = (self.shown.stage, why)

    def state_with(self, wait_s: tuple[float, ...]) -> SignalState:
        """What is shown, with these (S,) waits in seconds."""
        shown = self.shown
        return SignalState(stage=shown.stage, is_clearing=shown.is_clearing, green_s=shown.green_s, wait_s=wait_s)

    def _see_own(self, state: str, time_s: float) -> Shown:
        stage = self._stage_of_state.get(state)
        if stage is None:
            self._green_since_s = None
            return Shown(stage=self.shown.stage, is_clearing=True, green_s=0.0)
        if self._green_since_s is None or stage != self.shown.stage:
            self._green_since_s = time_s
        return Shown(stage=stage, is_clearing=False, green_s=time_s - self._green_since_s)

    def _events(self, state: str) -> list[tuple[Event, int]]:
        is_standing = not self.shown.is_clearing
        why = None if self._terminated_by is None else self._terminated_by[1]
        events = self._phases.see(state, is_standing=is_standing, terminated_by=why)
        if self._terminated_by is not None and is_standing and self.shown.stage != self._terminated_by[0]:
            self._terminated_by = None
        return events
