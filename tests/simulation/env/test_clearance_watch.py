import pytest

from leed_traffic.domain.safety.envelope import EXTENSION_LIMIT_S
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.simulation.env.clearance_watch import ClearanceWatch
from tests.intersections import flat_timing, star


class FakeEngine:
    """Time passes; somebody may stand in the junction until `clear_at_s`, then drives off at 5 m/s until `gone_at_s`."""

    def __init__(self, clear_at_s, gone_at_s=None):
        self.time_s, self.commands, self.questions = 0.0, [], []
        self._clear_at_s, self._gone_at_s = clear_at_s, clear_at_s if gone_at_s is None else gone_at_s

    def inner_lanes(self, signal_id):
        self.questions.append(signal_id)
        return ((":0",), (":1",))

    def any_slower(self, lanes, speed_mps):
        assert lanes == (":0", ":1"), "every link is red at the end of this clearance"
        return self.time_s < self._clear_at_s or (self.time_s < self._gone_at_s and speed_mps > 5.0)

    def advance(self, until_s):
        self.time_s = max(self.time_s, until_s)

    def jump(self, signal_id, phase):
        self.commands.append((self.time_s, "jump", phase))

    def hold(self, signal_id, seconds):
        self.commands.append((self.time_s, "hold", seconds))


def watch(engine, *, all_red_s=1.0, max_red_s=180.0):
    """Two stages, 3 s of yellow; the signal leaves stage 0 for stage 1 at time 0."""
    timing = flat_timing(2, max_red_s=max_red_s, all_red_s=all_red_s)
    program = build_program(star(2), timing)
    clearances = ClearanceWatch(engine, [program], [timing], horizon_s=5.0)
    clearances.reset()
    clearances.begin(0, program.entries[0][1])
    return clearances, program


def standing(wait_s=0.0):
    return [SignalState(stage=0, is_clearing=False, green_s=9.0, wait_s=(0.0, wait_s))]


def test_a_clear_junction_is_never_held():
    engine = FakeEngine(clear_at_s=3.9)
    clearances, _ = watch(engine)
    clearances.advance(5.0, standing())
    assert (engine.time_s, engine.commands, clearances.extended_s) == (5.0, [], 0.0)


def test_an_all_red_stands_step_by_step_until_the_junction_is_clear():
    engine = FakeEngine(clear_at_s=6.0)
    clearances, _ = watch(engine)
    clearances.advance(5.0, standing())
    clearances.advance(10.0, standing())
    assert engine.commands == [(4.0, "hold", 1.0), (5.0, "hold", 1.0)]
    assert clearances.extended_s == 2.0


def test_without_all_red_the_whole_yellow_is_shown_and_then_everything_is_red():
    engine = FakeEngine(clear_at_s=5.0)
    clearances, program = watch(engine, all_red_s=0.0)
    clearances.advance(10.0, standing())
    extension = program.phases[program.entries[0][1]].extension
    assert engine.commands == [(3.0, "jump", extension), (3.0, "hold", 1.0), (4.0, "hold", 1.0)]
    assert program.phases[extension].state == "rr"
    assert program.phases[extension].next == 1


def test_an_extension_lasts_until_who_stood_drives_off_fast_enough():
    engine = FakeEngine(clear_at_s=5.5, gone_at_s=8.0)
    clearances, _ = watch(engine)
    clearances.advance(20.0, standing())
    assert [time_s for time_s, _, _ in engine.commands] == [4.0, 5.0, 6.0, 7.0]


def test_nobody_slow_at_the_end_means_no_extension_at_all():
    engine = FakeEngine(clear_at_s=0.0, gone_at_s=8.0)
    clearances, _ = watch(engine)
    clearances.advance(20.0, standing())
    assert engine.commands == []


def test_a_vehicle_that_never_leaves_is_waited_for_only_so_long():
    engine = FakeEngine(clear_at_s=1e9)
    clearances, _ = watch(engine)
    clearances.advance(100.0, standing())
    assert clearances.extended_s == EXTENSION_LIMIT_S


@pytest.mark.parametrize(("wait_s", "extended_s"), [(0.0, 3.0), (54.0, 2.0), (56.0, 0.0)])
def test_the_maximum_red_goes_before_the_extension(wait_s, extended_s):
    engine = FakeEngine(clear_at_s=7.0)
    clearances, _ = watch(engine, max_red_s=60.0)
    clearances.advance(20.0, standing(wait_s))
    assert clearances.extended_s == extended_s


def test_a_network_is_asked_once_for_its_inner_lanes():
    engine = FakeEngine(clear_at_s=0.0)
    clearances, program = watch(engine)
    clearances.reset()
    assert engine.questions == [program.intersection]
