import pytest

from leed_traffic.drill import soak as soaking
from leed_traffic.drill.soak import soak

pytestmark = pytest.mark.sumo


def test_minutes_of_a_bad_day_bring_no_violation(tmp_path, monkeypatch):
    pytest.importorskip("sumo", reason="needs SUMO")
    monkeypatch.setattr(soaking, "KILL_SHARE", 0.0)  # a kill begins the hour anew
    hours = []
    report = soak(1, 5, tmp_path, hours.append, hour_s=700.0)  # long enough to fall back and take over again
    assert report.holds
    assert report.violations == 0
    assert list(report.hours) == hours
    assert all(hour.ticks >= 640 and hour.detector_faults > 5 for hour in hours)
    assert report.bound_per_junction_hour == pytest.approx(3.0 / report.junction_hours)
