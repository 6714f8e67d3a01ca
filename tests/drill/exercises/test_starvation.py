from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.drill.exercises.starvation import WaitWatch, always_hold
from leed_traffic.drill.row import DrillSetting
from tests.intersections import four_legs

pytestmark = pytest.mark.sumo


def test_nobody_waits_beyond_the_maximum_red_though_a_stage_is_held(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 500)
    found = always_hold(replace(setting, scenarios=("crossing",)))
    assert (found.faults, found.count) == ([], 2)
    assert "worst waits crossing: 17" in found.detail  # the policy goes to the limit, not beyond it


def test_the_watch_counts_a_wait_from_the_call_to_the_green():
    junction = four_legs()
    watcher = WaitWatch(junction, {f"in{k}_0": k for k in range(8)}, reach_m=50.0)
    far, near = np.full(8, -np.inf), np.full(8, -np.inf)
    far[2], near[2] = 29.0, 30.0  # lanes of 80 m
    red, green = "GgrrGgrrrGrG", "rrGgrrGgGrGr"
    watcher.see(0.0, red, near, counts=False)
    watcher.see(10.0, red, far, counts=True)
    assert watcher.longest_s == 0.0
    watcher.see(12.0, red, near, counts=True)
    watcher.see(30.0, red, far, counts=True)  # who has called is remembered; the crossings have called since 10 s
    assert (watcher.longest_s, watcher.where[:9]) == (20.0, "X, link 8")
    watcher.see(31.0, green, far, counts=True)
    watcher.see(50.0, green, far, counts=True)
    assert (watcher.longest_s, watcher.where) == (20.0, "X, link 8")
