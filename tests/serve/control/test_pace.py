import time
from itertools import pairwise

import pytest

from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.control.pace import Pace
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import OperatingMode
from tests.serve.test_run import asks_for, fake


class FakeClock:
    """Stands still but for sleeping, and for what a test lets pass."""

    def __init__(self):
        self.now_s, self.slept = 100.0, []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        assert seconds > 0.0, "a negative pause"
        self.slept.append(round(seconds, 9))
        self.now_s += seconds


def paced(*busy_s):
    """Ticks that take so long each; the clock, the tally and when each began."""
    clock, tally = FakeClock(), ServeTally()
    pace, begun = Pace(1.0, clock, clock.sleep, tally), []
    for seconds in busy_s:
        pace.wait()
        begun.append(round(clock.now_s - 100.0, 9))
        clock.now_s += seconds
    return clock, tally, begun


def test_ticks_come_once_a_second_whatever_they_take_within_it():
    clock, tally, begun = paced(0.2, 0.9, 0.0, 0.5)
    assert begun == [0.0, 1.0, 2.0, 3.0]
    assert clock.slept == [0.8, 0.1, 1.0]
    assert list(tally.lateness_s) == [0.0] * 4


def test_a_delay_below_a_tick_is_made_up_by_one_shorter_pause():
    _, tally, begun = paced(1.6, 0.1, 0.1)
    assert begun == [0.0, 1.6, 2.0]
    assert [round(s, 9) for s in tally.lateness_s] == [0.0, 0.6, 0.0]
    assert tally.missed_ticks == 0


def test_after_a_stall_the_missed_ticks_are_dropped_and_nothing_comes_in_a_burst():
    _, tally, begun = paced(7.3, 0.1, 0.1, 0.1)
    assert begun == [0.0, 7.3, 8.3, 9.3]
    assert tally.missed_ticks == 6
    assert round(max(tally.lateness_s), 9) == 6.3


@pytest.mark.parametrize("busy_s", [0.999999, 1.0, 1.000001])
def test_a_loop_that_takes_as_long_as_a_tick_never_sleeps_below_zero(busy_s):
    _, tally, begun = paced(*[busy_s] * 50)
    assert min(later - earlier for earlier, later in pairwise(begun)) >= 0.999999
    assert max(tally.lateness_s) <= 0.0001


def drive_paced(bundle, clock, sleep, *, busy=lambda time_s: None, **changes):
    device = fake()
    return serve(
        ServeConfig(bundle=bundle, port=1, realtime=True, **changes), clock=clock, stop=StopRequest(), sleep=sleep,
        on_tick=lambda time_s, end_s, note: busy(time_s), connect=lambda *_: device, decider=lambda bundle, ids: asks_for(0),
    )  # fmt: skip


def test_a_run_by_the_clock_tells_how_late_it_was(crossing_bundle):
    clock = FakeClock()

    def busy(time_s):
        clock.now_s += 3.5 if time_s == 20.0 else 0.0

    summary = drive_paced(crossing_bundle, clock, clock.sleep, busy=busy, until_s=40.0)
    assert summary.lateness.max_ms == 2500.0
    assert summary.lateness.p50_ms == 0.0
    assert summary.missed_ticks == 2
    assert summary.violations == []


def test_without_realtime_nobody_waits(crossing_bundle):
    device = fake()
    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1, until_s=20.0), clock=lambda: 0.0, stop=StopRequest(), sleep=None,
        connect=lambda *_: device, decider=lambda bundle, ids: asks_for(0),
    )  # fmt: skip
    assert summary.lateness is None


def test_three_seconds_of_the_wall_clock_take_three_seconds(crossing_bundle):
    begin_s = time.monotonic()
    summary = drive_paced(
        crossing_bundle, time.perf_counter, time.sleep, until_s=2.0, control=OperatingMode.MONITOR
    )
    seconds = time.monotonic() - begin_s
    assert seconds >= summary.ticks - 1.0
    assert summary.lateness.p50_ms < 500.0
