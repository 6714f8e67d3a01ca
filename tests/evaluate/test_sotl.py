import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import LocalReadings
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.evaluate.sotl import THETA_VEH_S, SotlSignal

from .test_controllers import network


def readings(north: float, west: float) -> LocalReadings:
    lanes = np.array([north, west])
    return LocalReadings(queue_veh=lanes, count_veh=lanes, exit_count_veh=np.zeros(2), exit_fill=np.zeros(2))


def state(stage: int = 0, *, is_clearing: bool = False) -> SignalState:
    return SignalState(stage=stage, is_clearing=is_clearing, green_s=30.0, wait_s=(0.0, 0.0))


@pytest.fixture
def signal() -> SotlSignal:
    return SotlSignal(network().intersections[0])


def test_the_signal_changes_when_the_red_light_has_gathered_theta(signal):
    two_waiting, nobody_near = readings(0, 2), readings(0, 0)
    steps = [signal.request(two_waiting, nobody_near, state(), 5.0) for _ in range(5)]
    assert steps == [0, 0, 0, 0, 1]  # 10 vehicle seconds a step
    assert THETA_VEH_S == 50.0


def test_a_platoons_tail_is_not_cut_but_a_long_platoon_is(signal):
    many = readings(0, 20)
    assert signal.request(many, readings(1, 0), state(), 5.0) == 0
    assert signal.request(many, readings(2.9, 0), state(), 5.0) == 0
    assert signal.request(many, readings(3, 0), state(), 5.0) == 1


def test_green_forgets_what_was_gathered(signal):
    assert signal.request(readings(0, 20), readings(0, 0), state(), 5.0) == 1
    assert signal.request(readings(0, 0), readings(0, 0), state(1), 5.0) == 1
    assert signal.request(readings(0, 0), readings(0, 0), state(0), 5.0) == 0


def test_nothing_is_asked_while_the_signal_clears(signal):
    assert signal.request(readings(0, 90), readings(0, 0), state(is_clearing=True), 5.0) == 0


def test_a_dead_detector_counts_nobody(signal):
    assert signal.request(readings(0, float("nan")), readings(float("nan"), 0), state(), 50.0) == 0
