"""Envelope, stage program and monitor together, driven by whatever hypothesis finds; two judges see every second.

The independent monitor (serve/safety/monitor.py) and the oracle (domain/safety/oracle.py) share no code with each
other, nor with what they judge. While somebody rules, nobody whom the detectors have seen waits beyond the maximum
red.
"""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from leed_traffic.domain.safety import envelope, program
from leed_traffic.domain.safety.envelope import Ruling, may_extend
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.domain.safety.verification import Subject
from leed_traffic.serve.safety.monitor import Monitor
from tests.intersections import early_release, four_legs, star, t_junction, three_stages, tight_timing, with_limits
from tests.street import Street

JUNCTIONS = {j.id: j for j in (three_stages(), star(2, "S2"), t_junction(), early_release(), four_legs())}
REQUESTS = st.sampled_from([0, 1, 2, 3, 1.0, None, math.nan, math.inf, -math.inf, -1, 0.5, 99, True, "1"])
AGES = st.sampled_from([0.0, 0.0, 0.0, 10.0, 10.1, math.nan, math.inf])
LINKS = st.integers(0, 11)


class WatchedStreet(Street):
    """A street before the monitor; detectors may be dead, the own program may run, clearances may be extended."""

    def __init__(self, *args, monitor_limits=None, **settings):
        self.monitor, self.dead, self.is_ours, self.occupied_steps = None, set(), True, 0
        self._monitor_limits = monitor_limits
        super().__init__(*args, **settings)

    def reset(self, stage=0):
        super().reset(stage)
        self.extended_s, self._looked, self._looked_s = 0.0, None, 0
        self.monitor = Monitor(self.intersection, self._monitor_limits or self.timing)
        self.monitor.begin(0.0, self.intersection.stages[stage].state)

    def state(self, elapsed_s):
        state = super().state(elapsed_s)
        self._looked, self._looked_s = state, self.time_s
        return state

    def count_veh(self):
        count = super().count_veh()
        count[[lane for lane in self.dead if lane < len(count)]] = np.nan
        return count

    def take_over(self, stage):
        """The own program shows a stage; ours begins there, and everything counts from now."""
        now_s = self.time_s
        super().reset(stage)
        self.is_ours, self.extended_s = True, 0.0
        self.monitor.begin(float(now_s), self.intersection.stages[stage].state)
        self.time_s, self._looked_s = now_s, now_s

    def _step(self):
        display = self.program.phases[self.phase].state
        self.violations += [str(violation) for violation in self.monitor.judge(float(self.time_s), display)]
        super()._step()

    def _follow(self):
        """A clearance that is over stands on while somebody is still inside, as long as the envelope lets it."""
        phase = self.program.phases[self.phase]
        if phase.extension is not None and self.occupied_steps > 0 and self._looked is not None:
            state = SignalState(stage=phase.stage, is_clearing=True, green_s=0.0, wait_s=self._looked.wait_s)
            delay_s, extended_s = float(self.time_s - self._looked_s + 1), self.extended_s + 1.0
            if may_extend(state, self.timing, extended_s=extended_s, delay_s=delay_s, horizon_s=self.interval_s):
                self.occupied_steps, self.extended_s = self.occupied_steps - 1, extended_s
                self.phase, self.left_s = phase.extension, 1
                return
        self.extended_s = 0.0
        super()._follow()


class SignalMachine(RuleBasedStateMachine):
    """What a policy, an operator, the network and the street may do, in any order."""

    subject = Subject()
    limits = staticmethod(tight_timing)

    @initialize(
        name=st.sampled_from(sorted(JUNCTIONS)), interval_s=st.sampled_from([1, 5]), stage=st.integers(0, 3)
    )
    def begin(self, name, interval_s, stage):
        junction = JUNCTIONS[name]
        self.street = WatchedStreet(junction, self.limits(junction), interval_s=interval_s, subject=self.subject)
        self.street.reset(stage % junction.n_stages)

    @precondition(lambda self: self.street.is_ours)
    @rule(request=REQUESTS, age_s=AGES, link=LINKS, second=st.integers(0, 4))
    def ask(self, request, age_s, link, second):
        street = self.street
        street.decide(
            request, age_s=age_s, arrivals=[(second % street.interval_s, link % street.intersection.n_links)]
        )

    @precondition(lambda self: self.street.is_ours)
    @rule(request=REQUESTS, times=st.integers(2, 20))
    def insist(self, request, times):
        for _ in range(times):
            self.street.decide(request)

    @precondition(lambda self: self.street.is_ours)
    @rule(seconds=st.integers(1, 90))
    def fall_silent(self, seconds):
        """No ruling: the leases run out. From here on no maximum red is promised (docs/safety.md)."""
        self.street.was_silent = True
        self.street.walk(seconds)

    @rule(link=LINKS)
    def call(self, link):
        self.street.call(link % self.street.intersection.n_links)

    @rule()
    def everybody_calls(self):
        for link in range(self.street.intersection.n_links):
            self.street.call(link)

    @rule(lane=st.integers(0, 7))
    def break_or_mend_a_detector(self, lane):
        self.street.dead ^= {lane}

    @rule(steps=st.integers(1, 40))
    def stand_in_the_junction(self, steps):
        self.street.occupied_steps = steps

    @precondition(lambda self: self.street.is_ours)
    @rule()
    def hand_back(self):
        """As the controller does: not in a clearance, not before the minimum green is over."""
        street = self.street
        stage, is_clearing = street.program.stage_of(street.phase)
        if not is_clearing and street.green_s >= street.timing.min_green_s[stage]:
            street.is_ours = False
            street.monitor.forget()

    @precondition(lambda self: not self.street.is_ours)
    @rule(stage=st.integers(0, 3), seconds=st.integers(0, 60))
    def take_over(self, stage, seconds):
        self.street.time_s += seconds
        self.street.take_over(stage % self.street.timing.n_stages)

    @invariant()
    def both_judges_are_content(self):
        assert getattr(self, "street", None) is None or self.street.violations == []


def many(examples, *phases):
    """Settings; without shrinking where a fault is put in on purpose and nobody reads it."""
    return settings(
        max_examples=examples, stateful_step_count=40, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
        phases=phases or tuple(Phase), report_multiple_bugs=False, derandomize=True,
    )  # fmt: skip


def test_nothing_that_may_happen_in_any_order_breaks_a_limit():
    run_state_machine_as_test(SignalMachine, settings=many(60))


def short_green(requested, state, timing, **settings):
    ruling = envelope.rule(requested, state, timing, **settings)
    is_wanted = requested in range(timing.n_stages) and not isinstance(requested, bool) and not state.is_clearing
    return Ruling(stage=int(requested), reason=ruling.reason) if is_wanted else ruling


def no_yellow(intersection, timing, *, step_s):
    built = program.build_program(intersection, timing, step_s=step_s)
    entries = [list(row) for row in built.entries]
    entries[0][1] = 1
    return program.StageProgram(
        intersection=built.intersection, phases=built.phases, entries=tuple(map(tuple, entries)), step_s=step_s
    )


@pytest.mark.parametrize(
    "subject", [Subject(rule=short_green), Subject(build_program=no_yellow)], ids=["envelope", "program"]
)
def test_the_machine_finds_a_fault_that_is_put_in(subject):
    class Faulty(SignalMachine):
        pass

    Faulty.subject = subject
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=many(30, Phase.generate))


def test_the_machine_finds_clearances_that_are_shorter_than_the_monitor_s():
    class Hasty(SignalMachine):
        @initialize()
        def begin(self):
            junction = four_legs()
            limits, less = tight_timing(junction), derive_timing(star(4))
            hasty = with_limits(limits, all_red_s=less.clearances.pedestrian_clearance_s)
            self.street = WatchedStreet(junction, hasty, monitor_limits=limits, is_reviewed=False)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Hasty, settings=many(30, Phase.generate))
