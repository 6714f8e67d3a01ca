"""A street of one signal without a simulator: the stage program walked second by second under rulings, judged by the oracle."""

import math

import numpy as np

from leed_traffic.domain.safety.oracle import Oracle
from leed_traffic.domain.safety.signal_state import SignalState, WaitClocks
from leed_traffic.domain.safety.verification import Subject


class Street:
    """Walks one signal; `violations` collects everything that the oracle, or somebody who waits too long, complains of."""

    def __init__(
        self, intersection, timing, *, interval_s=5, subject=None, wait_clocks=WaitClocks, is_reviewed=True
    ):
        self.intersection, self.timing, self.interval_s = intersection, timing, interval_s
        self.subject = subject or Subject()
        self.program = self.subject.build_program(intersection, timing, step_s=1.0)
        self.clocks = wait_clocks([intersection])
        self.oracle = Oracle(intersection, timing, step_s=1.0, is_reviewed=is_reviewed)
        self._looks = {}
        self._lane_of = [next((k for k, ln in enumerate(intersection.lanes) if ln.id == m.from_lane), None)
                         for m in sorted(intersection.movements, key=lambda m: m.link)]  # fmt: skip
        self._green = [[k for k, x in enumerate(st.state) if x in "Gg"] for st in intersection.stages]
        self.reset()

    def reset(self, stage=0):
        self.phase, self.green_s, self.time_s = stage, 0, 0
        self.left_s = round(self.program.phases[stage].duration_s)
        self.memory = self.oracle.first(stage, self.program.phases[stage].state)
        self.called_s = [None] * self.intersection.n_links
        self.longest_wait_s = 0
        self.was_silent = False
        self.clocks.reset()
        self.violations = []

    def call(self, link):
        """Somebody arrives at a link; a green serves him at once."""
        if self.called_s[link] is None and self.program.phases[self.phase].state[link] not in "Gg":
            self.called_s[link] = self.time_s

    def state(self, elapsed_s):
        stage, is_clearing = self.program.stage_of(self.phase)
        (wait_s,) = self.clocks.update([stage], [is_clearing], self.count_veh(), elapsed_s)
        return SignalState(
            stage=stage, is_clearing=is_clearing, green_s=0.0 if is_clearing else self.green_s, wait_s=wait_s
        )

    def count_veh(self):
        """Who stands on which lane, as the detectors tell it."""
        count = np.zeros(self.intersection.n_lanes)
        for link, called_s in enumerate(self.called_s):
            if called_s is not None and self._lane_of[link] is not None:
                count[self._lane_of[link]] = 1.0
        return count

    def decide(self, request, *, age_s=0.0, arrivals=()):
        """A ruling, then seconds until the next one; `arrivals` are (second, link)."""
        state = self.state(0.0 if self.time_s == 0 else self.interval_s)
        rule, shortest_s = self.subject.rule, self.interval_s + 1.0
        ruling = rule(request, state, self.timing, horizon_s=self.interval_s, request_age_s=age_s, lease_s=10.0)
        if ruling.stage != state.stage:
            self._leave()
            self.phase, self.green_s = self.program.entries[state.stage][ruling.stage], 0
            self.left_s = round(self.program.phases[self.phase].duration_s)
        else:
            if not state.is_clearing and any(
                self._waiting(j) for j in range(self.timing.n_stages) if j != state.stage
            ):
                self.violations += self.oracle.kept(state.stage, state.green_s, self.interval_s)
            if ruling.renews:
                hold_s = self.subject.hold_s(state, self.timing, lease_s=10.0, shortest_s=shortest_s)
                self.left_s = math.ceil(hold_s)
        self.walk(self.interval_s, arrivals)
        return ruling

    def walk(self, seconds, arrivals=()):
        """Seconds without a ruling."""
        for second in range(seconds):
            for when, link in arrivals:
                if when == second:
                    self.call(link)
            self._step()

    def _waiting(self, stage):
        """Whether somebody called for a stage before this moment."""
        now = self.program.phases[self.phase].state
        return any(self.called_s[k] is not None and self.called_s[k] < self.time_s and now[k] not in "Gg"
                   for k in self._green[stage])  # fmt: skip

    def _leave(self):
        if self.phase < self.timing.n_stages:
            self.violations += self.oracle.ended(self.phase, self.green_s)

    def _step(self):
        display = self.program.phases[self.phase].state
        stage = self.phase if self.phase < self.timing.n_stages else None
        key = (self.memory, self.phase)
        if key not in self._looks:
            self._looks[key] = self.oracle.see(self.memory, display, stage)
        self.memory, wrong = self._looks[key]
        self.violations += wrong
        for link, called_s in enumerate(self.called_s):
            if called_s is not None:
                waited_s = self.time_s - called_s
                if display[link] in "Gg" and stage is not None:
                    self.called_s[link] = None
                self.longest_wait_s = max(self.longest_wait_s, waited_s)
                if waited_s > self.timing.max_red_s and not self.was_silent:
                    self.violations.append(f"link {link} waits {waited_s} s, max_red_s is {self.timing.max_red_s}")
        self.time_s += 1
        self.green_s = self.green_s + 1 if stage is not None else 0
        self.left_s -= 1
        if self.left_s <= 0:
            self._leave()
            self._follow()

    def _follow(self):
        self.phase, self.green_s = self.program.phases[self.phase].next, 0
        self.left_s = round(self.program.phases[self.phase].duration_s)


def starve(street, victim, *, decisions=60, refuse=False):
    """Everybody calls all the time; the adversary asks for anything but the victim stage, always the one served last.

    With `refuse` nothing usable is asked at all.
    """
    links = range(street.intersection.n_links)
    for k in range(decisions):
        stage = street.program.stage_of(street.phase)[0]
        others = [j for j in range(street.timing.n_stages) if j not in (victim, stage)] or [stage]
        request = math.nan if refuse else others[k % len(others)] if k % 3 else stage
        street.decide(request, arrivals=[(s, link) for s in range(street.interval_s) for link in links])
    return street.violations
