import numpy as np
import pytest

from leed_traffic.domain.trajectory import Trajectory


def trajectory(**changes):
    parts = {
        "observation": np.zeros((3, 2), dtype=np.float32),
        "stage": np.array([0, 1, 1]),
        "reward": np.array([-1.0, -2.0, 0.5]),
        "legal": np.ones((3, 2), dtype=bool),
    }
    return Trajectory(intersection="X", seed=1, **(parts | changes))


def test_a_trajectory_has_a_length_and_a_total_reward():
    assert (len(trajectory()), trajectory().total_reward) == (3, -2.5)


def test_an_empty_trajectory_is_one():
    empty = trajectory(
        observation=np.zeros((0, 2), np.float32),
        stage=np.zeros(0, int),
        reward=np.zeros(0),
        legal=np.ones((0, 2), bool),
    )
    assert (len(empty), empty.total_reward) == (0, 0.0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"stage": np.array([0, 1, 2])}, "stage 2 at step 2 was not legal"),
        ({"stage": np.array([0, -1, 1])}, "stage -1 at step 1 was not legal"),
        ({"reward": np.zeros(2)}, "reward has 2 steps, stage has 3"),
        ({"observation": np.zeros((4, 2))}, "observation has 4 steps"),
        ({"legal": np.ones((2, 2), dtype=bool)}, "legal has 2 steps"),
        ({"reward": np.array([0.0, np.nan, 0.0])}, "not finite"),
        ({"observation": np.full((3, 2), np.inf)}, "not finite"),
        ({"legal": np.array([[True, True], [True, False], [True, True]])}, "stage 1 at step 1 was not legal"),
    ],
)
def test_a_broken_trajectory_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        trajectory(**changes)
