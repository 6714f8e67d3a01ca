import threading

import pytest

from leed_traffic.drill.rig.place import watch
from leed_traffic.errors import DeviceError


def test_a_run_that_ends_by_an_error_of_ours_is_classified():
    def lost():
        raise DeviceError("gateway:8813: lost")

    outcome = watch(lost, lambda: None)
    assert outcome.is_classified
    assert outcome.summary is None


def test_a_run_that_hangs_is_let_go_and_told():
    freed = threading.Event()

    def hangs():
        freed.wait(20)
        raise DeviceError("let go")

    outcome = watch(hangs, freed.set, hang_s=0.05)
    assert freed.is_set()
    assert not outcome.is_classified


def test_a_bug_is_no_outcome_that_is_classified():
    def broken():
        raise ZeroDivisionError("a bug")

    assert not watch(broken, lambda: None).is_classified


@pytest.mark.sumo
def test_a_place_has_a_bundle_to_serve_and_limits_of_every_signal(crossing_place):
    assert len(crossing_place.site.timings) == len(crossing_place.network.intersections) == 1
    assert crossing_place.bundle.path.is_dir()
