"""Connections that break and come again; whole runs over losses are in test_patience.py and test_waits.py."""

import pytest

from leed_traffic.errors import MismatchError
from leed_traffic.serve.control.service import _check_rhythm
from tests.intersections import flat_timing, with_limits
from tests.serve.test_run import drive, fake


@pytest.mark.parametrize("step_s", [0.1, 0.2, 0.25, 0.5, 1.0])
def test_steps_that_fill_a_tick_are_taken(step_s):
    _check_rhythm(step_s, [flat_timing(2)])


@pytest.mark.parametrize(
    ("step_s", "why"), [(1.01, "expected up to 1 s"), (0.3, "no whole number is a tick of 1 s")]
)
def test_steps_that_are_too_long_or_do_not_fill_a_tick_are_refused(step_s, why):
    with pytest.raises(MismatchError, match=why):
        _check_rhythm(step_s, [flat_timing(2)])


def test_a_yellow_that_ends_between_two_looks_is_refused():
    timing = flat_timing(2)
    short = tuple(tuple(0.5 if s else 0.0 for s in row) for row in timing.clearances.yellow_s)
    with pytest.raises(MismatchError, match=r"a yellow of 0\.5 s ends between two looks"):
        _check_rhythm(0.5, [with_limits(timing, yellow_s=short)])
    _check_rhythm(1.0, [with_limits(timing, yellow_s=short)])


def test_a_device_of_another_rhythm_is_closed_before_anything_is_commanded(crossing_bundle):
    device = fake()
    device.step_s = 2.0
    with pytest.raises(MismatchError):
        drive(crossing_bundle, device)
    assert device.is_closed
    assert device.requests == []
