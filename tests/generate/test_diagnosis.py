import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import capacity_veh
from leed_traffic.domain.observation import observation_spec
from leed_traffic.generate.diagnosis import diagnose, mean_diagnosis
from tests.intersections import star

JUNCTION = star(2)
NAMES = [entry.name for entry in observation_spec(JUNCTION, decision_interval_s=5.0).entries]


def row(**values):
    """An observation of zeros but for some entries; vehicles in vehicles."""
    observation = np.zeros(len(NAMES) + 3, dtype=np.float32)
    for name, value in values.items():
        name = name.replace("__", " ")
        kind, _, lane = name.partition(" ")
        if kind in ("queue", "count"):
            value = value / capacity_veh(next(x for x in JUNCTION.lanes if x.id == lane), 100.0)
        observation[NAMES.index(name)] = value
    return observation


def green(stage, **values):
    return row(**{f"stage__{stage}__shown": 1.0}, **values)


def test_queues_greens_waste_and_spillback_are_counted():
    observation = np.stack(
        [
            green(0, queue__in0_0=2.0, count__in0_0=3.0),
            green(0, queue__in1_0=4.0, count__in1_0=4.0),  # nobody on in0, four wait on in1
            green(1, exit__fill__of__stage__1=0.9),
            green(1, clearing=1.0),
        ]
    )
    found = diagnose(observation, JUNCTION, 100.0)
    assert found.queue_veh == pytest.approx((0.5, 1.0), abs=1e-3)
    assert found.longest_veh == pytest.approx((2.0, 4.0), abs=1e-3)
    assert found.green_share == (0.5, 0.25)
    assert found.wasted_share == pytest.approx(1 / 3, abs=1e-3)
    assert found.blocked_share == pytest.approx(1 / 3, abs=1e-3)


def test_dead_detectors_count_as_nobody():
    found = diagnose(np.stack([green(0, queue__in0_0=-1.0, count__in0_0=-1.0)]), JUNCTION, 100.0)
    assert found.queue_veh == (0.0, 0.0)


def test_several_runs_are_averaged_and_the_longest_queue_is_the_longest():
    first = diagnose(np.stack([green(0, queue__in0_0=2.0)]), JUNCTION, 100.0)
    second = diagnose(np.stack([green(1, queue__in0_0=4.0)]), JUNCTION, 100.0)
    both = mean_diagnosis([first, second])
    assert both.queue_veh[0] == pytest.approx(3.0, abs=1e-3)
    assert both.longest_veh[0] == pytest.approx(4.0, abs=1e-3)
    assert both.green_share == (0.5, 0.5)
    assert mean_diagnosis([]) is None
