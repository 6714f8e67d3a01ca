import pytest

from leed_traffic.drill.exercises import (
    displays,
)
from leed_traffic.serve.safety.monitor import Monitor

pytestmark = pytest.mark.sumo


def test_every_cut_clearance_trips_the_monitor(setting):
    found = displays.cut_displays(setting)
    assert found.faults == []
    assert found.count > 200


def test_a_monitor_that_sleeps_is_found_out(setting, monkeypatch):
    monkeypatch.setattr(displays, "Monitor", lambda intersection, timing: _Asleep())
    assert len(displays.cut_displays(setting).faults) == displays.cut_displays(setting).count


class _Asleep(Monitor):
    def __init__(self):
        pass

    def judge(self, time_s, state):
        return []
