import pytest

from leed_traffic.drill import soak as soaking
from leed_traffic.drill.soak import Hour, _report, slope, soak


@pytest.mark.sumo
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
    assert hours[0].records == 1
    assert hours[0].judged_s >= 640.0


@pytest.mark.sumo
def test_an_hour_with_a_killed_simulator_judges_both_records(tmp_path, monkeypatch):
    pytest.importorskip("sumo", reason="needs SUMO")
    monkeypatch.setattr(soaking, "KILL_SHARE", 1.0)
    hours = []
    report = soak(1, 6, tmp_path, hours.append, hour_s=400.0)
    assert (hours[0].reconnections, hours[0].records, report.violations) == (1, 2, 0)
    assert hours[0].ticks > 340  # the hour begins anew
    assert hours[0].judged_s >= hours[0].ticks - soaking.UNJUDGED_S
    assert report.holds


def hour(**changes):
    figures = {"ticks": 3540, "violations": 0, "unsafe_changes": 0, "records": 1, "judged_s": 3540.0, "reconnections": 0,
               "detector_faults": 0, "resident_mb": 300.0, "open_files": 12, "seconds": 40.0}  # fmt: skip
    return Hour(**(figures | changes))


def test_memory_that_grows_little_by_little_and_a_file_that_stays_open_are_found_out():
    noise = [300.0 + 4.0 * (k % 3) for k in range(24)]
    assert _report([hour(resident_mb=mb) for mb in noise], 1, 3600.0).holds
    leaking = _report([hour(resident_mb=mb + 0.6 * k) for k, mb in enumerate(noise)], 1, 3600.0)
    assert not leaking.holds
    assert leaking.growth_mb < soaking.GROWTH_MB
    assert leaking.slope_mb_per_hour == pytest.approx(0.6, abs=0.1)
    assert not _report([hour(open_files=12 + k // 10) for k in range(24)], 1, 3600.0).holds
    assert _report(
        [hour(resident_mb=250.0), *[hour() for _ in range(23)]], 1, 3600.0
    ).holds  # what is loaded in the first hour


def test_a_slope_is_the_median_of_all_pairs():
    assert slope([]) == slope([1.0]) == 0.0
    assert slope([1.0, 3.0, 5.0]) == 2.0
    assert slope([0.0, 0.0, 50.0, 0.0, 0.0]) == 0.0


def test_an_unsafe_change_a_violation_or_seconds_that_nobody_judged_fail_the_soak():
    assert not _report([hour(unsafe_changes=1)], 1, 3600.0).holds
    assert not _report([hour(violations=1)], 1, 3600.0).holds
    assert not _report([hour(records=2, ticks=5000)], 1, 3600.0).holds
    assert _report([hour(records=2, ticks=3700)], 1, 3600.0).holds
    assert _report([hour()] * 24, 1, 3600.0).bound_per_junction_hour == pytest.approx(3.0 / 216.0)
