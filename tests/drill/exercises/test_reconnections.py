import pytest

from leed_traffic.drill.exercises import (
    reconnections,
)
from leed_traffic.drill.row import DrillSetting

pytestmark = pytest.mark.sumo


def test_nobody_waits_beyond_the_maximum_red_though_connection_and_process_are_lost(setting, monkeypatch):
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 300)
    monkeypatch.setattr(reconnections, "CASES", ((11, 0, True),))
    found = reconnections.lose_again_and_again(setting)
    assert found.faults == []
    assert found.count >= 20


def test_waits_that_begin_anew_at_every_connection_are_found_out(setting, monkeypatch):
    from leed_traffic.serve.control.waits import StreetWaits

    def forget(self, sights):
        self.__init__(self._intersections, self._timings, tick_s=1.0, lease_s=4.0, sees_all=True)
        self._gap_s = lambda n, time_s: 1.0 if self._is_watched else 0.0

    monkeypatch.setattr(StreetWaits, "lost", forget)
    monkeypatch.setattr(DrillSetting, "many", lambda self, short, full: 300)
    monkeypatch.setattr(reconnections, "CASES", ((11, 0, True),))
    assert "max_red_s is 180" in reconnections.lose_again_and_again(setting).faults[0]
