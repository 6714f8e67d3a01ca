import numpy as np
import pytest

from leed_traffic.errors import TrainingError
from leed_traffic.train.actor_critic import ActorCritic
from leed_traffic.train.records.best_policies import GOLDEN_VECTORS, BestPolicies, golden_steps, read_best
from leed_traffic.train.records.checkpoint import read_checkpoint, write_checkpoint
from tests.train.fakes import S_MAX, SIZES, T, hour


def best():
    episode, _ = hour(1, lambda observation, legal, right: right)
    steps = golden_steps(episode)
    return BestPolicies(
        actor=ActorCritic(SIZES, S_MAX, 8, seed=1).weights(),
        golden_observation=episode.observation[steps],
        golden_legal=episode.legal[steps],
        delay_s=12.5,
        unit=3,
        episodes=4,
        simulated_hours=5.5,
    )


def test_golden_steps_are_spread_from_the_first_to_the_last():
    steps = golden_steps(hour(1, lambda observation, legal, right: right)[0])
    assert (len(steps), steps[0], steps[-1]) == (GOLDEN_VECTORS, 0, T - 1)
    assert (np.diff(steps) > 0).all()


def test_policies_are_read_as_they_were_written(tmp_path):
    written = best()
    written.write(tmp_path / "best.pt")
    read = read_best(tmp_path / "best.pt")
    for a, b in zip(read.actor, written.actor, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(read.golden_observation, written.golden_observation)
    assert (read.delay_s, read.unit, read.episodes, read.simulated_hours) == (12.5, 3, 4, 5.5)


@pytest.mark.parametrize("name", ["actor", "golden_legal", "delay_s"])
def test_policies_that_lack_something_are_one_line(tmp_path, name):
    path = tmp_path / "best.pt"
    best().write(path)
    content = read_checkpoint(path)
    del content[name]
    write_checkpoint(path, content)
    with pytest.raises(TrainingError, match="damaged checkpoint"):
        read_best(path)
