"""From what a device shows to the state that rulings need: one signal, whichever program it runs."""

from dataclasses import dataclass

from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.domain.program import StageProgram
from leed_traffic.domain.signal_state import SignalState
from leed_traffic.serve.device import Sighting
from leed_traffic.serve.events import Event, Interval, between


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
        self._interval: Interval | None = None
        self._last_stage = 0
        self._green_since_s: float | None = None
        self._terminated_by: Event | None = None
        self.shown = Shown(stage=0, is_clearing=True, green_s=0.0)
        self.state = self.state_with((0.0,) * intersection.n_stages)

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
        return self._next_interval(sighting.state)

    def taken_over(self, stage: int) -> None:
        """Our program runs from now on: the minimum green counts anew."""
        self.shown = Shown(stage=stage, is_clearing=False, green_s=0.0)
        self.state = self.state_with(self.state.wait_s)

    def will_end(self, why: Event) -> None:
        """A command has ended the green that stands; the next change is put down to it."""
        self._terminated_by = why

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

    def _next_interval(self, state: str) -> list[tuple[Event, int]]:
        now = self._interval_now(state)
        events = between(self._interval, now, terminated_by=self._terminated_by)
        if events:
            self._terminated_by = None
        self._interval = now
        return events

    def _interval_now(self, state: str) -> Interval:
        if not self.shown.is_clearing:
            self._last_stage = self.shown.stage
            return Interval(stage=self.shown.stage, kind="green")
        if "y" in state:
            return Interval(stage=self._last_stage, kind="yellow")
        if self._interval is not None and self._interval.kind == "green" and self._only_walkers_ended(state):
            return self._interval
        return Interval(stage=self._last_stage, kind="red")

    def _only_walkers_ended(self, state: str) -> bool:
        vehicles = self._intersection.stages[self._last_stage].green - self._intersection.pedestrian_links
        return len(state) == self._intersection.n_links and all(state[link] in GREEN for link in vehicles)
