import pytest

from leed_traffic.drill.exercises import (
    displays,
    restarts,
)
from leed_traffic.drill.row import DrillSetting

pytestmark = pytest.mark.sumo


def test_a_stop_at_some_ticks_hands_back(setting, monkeypatch):
    monkeypatch.setattr(displays, "range", lambda *_: (23, 41, 58), raising=False)
    assert displays.hand_back_at_every_tick(setting).faults == []


def test_a_lost_simulator_is_regained(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 2)
    assert restarts.lost_simulators(setting).faults == []
