import pytest

from leed_traffic.drill.exercises import (
    sensors,
)

pytestmark = pytest.mark.sumo


def test_a_missing_lane_on_a_street_degrades_its_junction_alone(setting, monkeypatch):
    monkeypatch.setattr(sensors, "BREAKS", {"missing": sensors.BREAKS["missing"]})
    assert sensors.bad_sensing(setting).faults == []
