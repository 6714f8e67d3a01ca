import json
from copy import deepcopy

import numpy as np
import pytest
import torch

from leed_traffic.train.expert import labelled_steps, stack_demonstrations
from leed_traffic.train.learner import Learner
from leed_traffic.train.parallel.blocks import BlockedLearner, cut_into_blocks
from leed_traffic.train.parallel.workers import ThreadedBlocks
from leed_traffic.train.rollout import Rollout, RolloutTask
from tests.train.fakes import NETWORK, S_MAX, SHAPE, SIZES, FakeRollouts, demonstrations
from tests.train.test_run import config

DEMONSTRATED = stack_demonstrations(demonstrations(), NETWORK, SHAPE, S_MAX)


def learned(learner, tmp_path):
    """Everything that a run asks of a learner, once."""
    weights = learner.weights() if isinstance(learner, BlockedLearner) else learner.model.weights()
    tasks = [RolloutTask(weights=weights, seed=seed, sample_seed=seed, plans={"A": None}) for seed in (7, 8)]
    rollouts: list[Rollout] = FakeRollouts().run(tasks)
    steps = labelled_steps(rollouts[0])
    settings = config(tmp_path, critic_steps=5)
    agreement = learner.clone(steps, 5, settings.cloning)
    learner.fit_critic(DEMONSTRATED, settings.cloning)
    f = learner.advantage_weights(DEMONSTRATED, 1.0)
    episodes = [rollout.episode for rollout in rollouts]
    losses = learner.update(episodes, steps, np.array([0.5, 0.1]), settings.ppo, settings.ppo_rates)
    weights = learner.weights() if isinstance(learner, BlockedLearner) else learner.model.weights()
    return agreement, f, losses, weights


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def blocked(tmp_path, size, threads=1):
    blocks = cut_into_blocks(SIZES, S_MAX, config(tmp_path).learner, seed=1, size=size)
    return BlockedLearner(blocks, ThreadedBlocks(threads))


def test_one_block_is_the_learner_itself_bit_for_bit(tmp_path):
    alone, one = (
        learned(Learner(SIZES, S_MAX, config(tmp_path).learner, seed=1), tmp_path),
        learned(blocked(tmp_path, 32), tmp_path),
    )
    assert alone[0] == one[0]
    assert np.array_equal(alone[1], one[1])
    assert alone[2] == one[2]
    assert same(alone[3], one[3])


def test_threads_change_no_bit(tmp_path):
    torch.set_num_threads(1)
    one, two = learned(blocked(tmp_path, 1), tmp_path), learned(blocked(tmp_path, 1, threads=2), tmp_path)
    assert json.dumps(one[2]) == json.dumps(two[2])
    assert np.array_equal(one[1], two[1])
    assert same(one[3], two[3])


def test_blocks_draw_weights_of_their_own_padded_to_the_widest(tmp_path):
    weights = blocked(tmp_path, 1).weights()
    assert weights.w1.shape[:2] == SHAPE
    assert not weights.w1[0, SIZES[0] :].any()
    assert not np.array_equal(weights.w2[0], weights.w2[1])


def test_a_state_continues_bit_for_bit_and_other_blocks_are_refused(tmp_path):
    first, second = blocked(tmp_path, 1), blocked(tmp_path, 1)
    learned(first, tmp_path)
    second.load_state(deepcopy(first.state()))
    assert same(first.weights(), second.weights())
    assert same(learned(first, tmp_path)[3], learned(second, tmp_path)[3])
    with pytest.raises(ValueError, match="need 1 blocks, got 2"):
        blocked(tmp_path, 2).load_state(first.state())
