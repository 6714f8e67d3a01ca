"""What the stacking is worth: one update of N intersections at once against a Python loop over N agents, on the same data."""

import time
from functools import partial
from statistics import median

import numpy as np
import pytest
import torch

from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.config import LearnerConfig, PpoConfig
from leed_traffic.train.learner import Learner
from leed_traffic.train.parallel.blocks import BlockedLearner, cut_into_blocks
from leed_traffic.train.parallel.workers import ThreadedBlocks
from leed_traffic.train.similarity import dtw

D, S, T = 40, 4, 720  # a four-leg signal for an hour of decisions every 5 s
LEARNER = LearnerConfig(minibatch=240)
PPO = PpoConfig(epochs=1)
RATES = PPO.rates(is_cloned=False)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def hour(n):
    rng = np.random.default_rng(0)
    return Episode(
        seed=0, observation=rng.uniform(size=(T, n, D)).astype(np.float32), legal=np.ones((T, n, S), dtype=bool),
        stage=rng.integers(0, S, (T, n)), reward=rng.normal(size=(T, n)),
        last_observation=rng.uniform(size=(n, D)).astype(np.float32), last_legal=np.ones((n, S), dtype=bool),
        overrides=0, score=None, cpu_s=0.0, simulated_s=3600.0,
    )  # fmt: skip


def of_one(episode, n):
    part = slice(n, n + 1)
    return Episode(
        seed=0, observation=episode.observation[:, part], legal=episode.legal[:, part], stage=episode.stage[:, part],
        reward=episode.reward[:, part], last_observation=episode.last_observation[part], last_legal=episode.last_legal[part],
        overrides=0, score=None, cpu_s=0.0, simulated_s=3600.0,
    )  # fmt: skip


def cpu_s(function, repeats=3):
    function()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        function()
        times.append(time.process_time() - begin)
    return median(times)


@pytest.mark.benchmark
@pytest.mark.parametrize("n", [16, 64, 144])
def test_a_stacked_update_beats_a_loop_over_agents(n, capsys):
    episode, w = hour(n), np.zeros(n)
    stacked = Learner([D] * n, S, LEARNER, seed=1)
    alone = [Learner([D], S, LEARNER, seed=1) for _ in range(n)]
    parts = [of_one(episode, k) for k in range(n)]
    together_s = cpu_s(lambda: stacked.update([episode], None, w, PPO, RATES))
    one_by_one_s = cpu_s(
        lambda: [a.update([p], None, w[:1], PPO, RATES) for a, p in zip(alone, parts, strict=True)], repeats=1
    )
    ratio = one_by_one_s / together_s
    with capsys.disabled():
        print(
            f"\nupdate, 1 epoch, N = {n}: stacked {together_s * 1e3:.0f} ms, "
            f"loop {one_by_one_s * 1e3:.0f} ms, ratio {ratio:.1f}"
        )
    assert ratio > 1.5


@pytest.mark.benchmark
@pytest.mark.parametrize("n", [16, 144])
def test_similarity_of_180_points_stays_affordable(n, capsys):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(180, n, D)), rng.normal(size=(180, n, D))
    seconds = cpu_s(lambda: dtw(a, b, band=18), repeats=1)
    with capsys.disabled():
        print(f"\nDTW of 180 points, N = {n}: {seconds * 1e3:.0f} ms")
    assert seconds < 5.0


@pytest.mark.benchmark
def test_an_update_grows_at_most_with_the_number_of_agents(capsys):
    """By blocks, as a run learns: 12 times the agents are 12 times the arithmetic, never more than that."""
    seconds = {}
    for n in (16, 64, 196, 400):
        learner = BlockedLearner(cut_into_blocks([D] * n, S, LEARNER, seed=1), ThreadedBlocks(1))
        episode, w = hour(n), np.zeros(n)
        seconds[n] = cpu_s(partial(learner.update, [episode], None, w, PPO, RATES))
    with capsys.disabled():
        print(
            "\nupdate, 1 epoch, by blocks: " + ", ".join(f"N = {n}: {s * 1e3:.0f} ms" for n, s in seconds.items())
        )
        print(f"196 against 16 agents: {seconds[196] / seconds[16]:.1f} times")
    assert seconds[196] / seconds[16] < 196 / 16
    assert seconds[400] / seconds[16] < 400 / 16
