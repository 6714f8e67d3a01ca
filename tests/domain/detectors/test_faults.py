import numpy as np
import pytest

from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates, draw_faults


def draw(rates, lanes=(4, 6), seed=1, duration_s=3600.0):
    return draw_faults(rates, lanes, duration_s, np.random.default_rng(seed))


def test_without_rates_nothing_breaks():
    assert FaultRates().is_sound
    assert not draw(FaultRates()).at(100.0).any()


def test_the_same_seed_breaks_the_same_detectors_and_another_seed_others():
    rates = FaultRates(dropouts_per_lane_hour=5.0, faults_per_lane_hour=1.0)
    first, again, other = draw(rates), draw(rates), draw(rates, seed=2)
    assert first.from_s.tolist() == again.from_s.tolist()
    assert first.from_s.tolist() != other.from_s.tolist()


def test_a_fault_begins_and_ends():
    plan = draw(FaultRates(dropouts_per_lane_hour=0.5))
    k = 0
    now = [plan.at(t)[plan.lane[k]] for t in (plan.from_s[k] - 1e-6, plan.from_s[k], plan.to_s[k])]
    assert now == [DetectorFault.NONE, DetectorFault.DEAD, DetectorFault.NONE]


def test_rates_are_kept_over_many_lanes():
    plan = draw(FaultRates(faults_per_lane_hour=2.0), lanes=(1000,))
    assert len(plan.lane) == pytest.approx(2000, rel=0.1)
    shares = np.bincount(plan.kind, minlength=5)[1:] / len(plan.kind)
    assert shares == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    "kind", [DetectorFault.DEAD, DetectorFault.STUCK_ON, DetectorFault.STUCK_OFF, DetectorFault.CHATTER]
)
def test_one_lane_of_every_signal_is_broken_all_the_time(kind):
    plan = draw(FaultRates(one_per_intersection=kind))
    for time_s in (0.0, 1800.0, 3600.0):
        now = plan.at(time_s)
        assert [int((part == kind).sum()) for part in (now[:4], now[4:])] == [1, 1]


@pytest.mark.parametrize(
    "wrong", [{"dropouts_per_lane_hour": -1.0}, {"faults_per_lane_hour": 101.0}, {"dropout_s": 0.0}]
)
def test_impossible_rates_are_refused(wrong):
    with pytest.raises(ValueError, match="need"):
        FaultRates(**wrong)
