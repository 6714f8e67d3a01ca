import pytest

from leed_traffic.drill.exercises import (
    replays,
)
from leed_traffic.drill.row import DrillSetting

pytestmark = pytest.mark.sumo


def test_recorded_runs_are_decided_again(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 2)
    assert replays.decide_again(setting).faults == []
