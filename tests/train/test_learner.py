import numpy as np
import pytest
import torch

from leed_traffic.train.config import TrainConfig
from leed_traffic.train.expert import ExpertSteps, stack_demonstrations, steps_of
from leed_traffic.train.learner import Learner
from leed_traffic.train.rollout import RolloutTask
from tests.train.fakes import NETWORK, S_MAX, SHAPE, SIZES, FakeRollouts, demonstrations


def config(**settings):
    return TrainConfig.from_flat({"scenario": "fake", "out": "unused", "minibatch": 40, **settings})


def learner_of(sizes, n_stages, settings):
    return Learner(sizes, n_stages, settings.learner, seed=settings.seed)


def update(learner, settings, episodes, expert, w, **options):
    return learner.update(episodes, expert, w, settings.ppo, settings.ppo_rates, **options)


def roll(learner, seed, **task):
    return FakeRollouts().run([RolloutTask(weights=learner.model.weights(), seed=seed, sample_seed=seed, **task)])[
        0
    ]


def test_cloning_learns_what_the_expert_shows():
    settings = config()
    learner = learner_of(SIZES, S_MAX, settings)
    stacked = stack_demonstrations(demonstrations(range(20)), NETWORK, SHAPE, S_MAX)
    learner.clone(steps_of(stacked), 400, settings.cloning)
    best = RolloutTask(weights=learner.model.weights(), seed=999)
    assert FakeRollouts().run([best])[0].episode.reward.mean() > -0.15


def linear_expert(seed, steps=600):
    """Serves the stage with the most vehicles, as max-wave does: its lanes, shares of what fits."""
    observation = np.random.default_rng(seed).uniform(0.0, 0.5, (1, steps, 8)).astype(np.float32)
    stage = observation.reshape(1, steps, 4, 2).sum(axis=3).argmax(axis=2)
    every = np.ones((1, steps, 4), dtype=bool)
    return ExpertSteps(
        observation=observation,
        legal=every,
        stage=stage,
        has_choice=every[..., 0],
        weight=np.ones((1, steps), dtype=np.float32),
    )


def agreement(learner, steps):
    log_probs = learner.model.log_probs(torch.from_numpy(steps.observation), torch.from_numpy(steps.legal))
    return float((log_probs.argmax(-1).numpy() == steps.stage).mean())


def test_the_direct_path_alone_learns_a_rule_that_is_linear():
    settings = config(cloning_learning_rate=1e-9)
    learner = learner_of([8], 4, settings)
    learner.clone(linear_expert(1), 1000, settings.cloning)
    assert agreement(learner, linear_expert(2)) > 0.95


def test_cloning_ends_as_soon_as_all_agree():
    settings = config(cloning_agreement=0.9)
    learner = learner_of([8], 4, settings)
    share = learner.clone(linear_expert(1), 3000, settings.cloning)
    assert 0.9 <= share < 0.97, "went on although it agreed"
    strict = config(cloning_agreement=1.0)
    assert learner_of([8], 4, strict).clone(linear_expert(1), 100, strict.cloning) < 0.9


def test_tempered_clones_explore_and_their_best_stage_is_the_same():
    settings = config(tempered_entropy=0.4)
    learner = learner_of([8], 4, settings)
    steps = linear_expert(1)
    learner.clone(steps, 2000, settings.cloning)
    observation, legal = torch.from_numpy(steps.observation), torch.from_numpy(steps.legal)
    before = learner.model.log_probs(observation, legal).detach()
    learner.temper(steps, settings.ppo.tempered_entropy)
    after = learner.model.log_probs(observation, legal).detach()
    assert torch.equal(before.argmax(-1), after.argmax(-1))
    assert float(-(before.exp() * before).sum(-1).mean()) < 0.3
    assert float(-(after.exp() * after).sum(-1).mean()) == pytest.approx(0.4, abs=1e-3)


def test_actors_that_are_uncertain_enough_stay_as_they_are():
    settings = config(tempered_entropy=0.3)
    learner = learner_of([8], 4, settings)
    steps = linear_expert(1)
    before = [p.clone() for p in learner.model.parameters()]
    learner.temper(steps, settings.ppo.tempered_entropy)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.model.parameters(), strict=True))


def test_on_policy_episodes_alone_improves_the_return_of_every_intersection():
    settings = config(learning_rate=3e-3)
    learner = learner_of(SIZES, S_MAX, settings)
    first = roll(learner, 0).episode.total_reward
    for round_ in range(15):
        episodes = [roll(learner, 100 * round_ + k).episode for k in range(4)]
        update(learner, settings, episodes, None, np.zeros(2))
    last = np.mean([roll(learner, 5000 + k).episode.total_reward for k in range(4)], axis=0)
    assert (last > first + 3.0).all()


def test_critics_alone_learn_without_moving_the_actors():
    settings = config()
    learner = learner_of(SIZES, S_MAX, settings)
    before = [p.clone() for p in learner.model.actor.parameters()]
    losses = update(learner, settings, [roll(learner, 1).episode], None, np.zeros(2), critic_only=True)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.model.actor.parameters(), strict=True))
    assert losses["value_loss"] > 0.0


def test_with_a_weight_of_1_only_the_expert_moves_the_policy():
    settings = config(entropy_weight=0.0, learning_rate=3e-3)
    learner = learner_of(SIZES, S_MAX, settings)
    expert = steps_of(stack_demonstrations(demonstrations(range(20)), NETWORK, SHAPE, S_MAX))
    for k in range(40):
        update(learner, settings, [roll(learner, k).episode], expert, np.ones(2))
    assert (
        FakeRollouts().run([RolloutTask(weights=learner.model.weights(), seed=999)])[0].episode.reward.mean()
        > -0.2
    )


def test_padding_stays_zero_while_learning():
    settings = config()
    learner = learner_of(SIZES, S_MAX, settings)
    update(learner, settings, [roll(learner, 1).episode], None, np.zeros(2))
    for n, size in enumerate(SIZES):
        assert (learner.model.actor.w1[n, size:] == 0.0).all()


def test_advantage_weights_prefer_what_turned_out_better():
    settings = config(critic_steps=50)
    learner = learner_of(SIZES, S_MAX, settings)
    stacked = stack_demonstrations(demonstrations(), NETWORK, SHAPE, S_MAX)
    stacked.reward[:, 10] += 50.0
    learner.fit_critic(stacked, settings.cloning)
    weight = learner.advantage_weights(stacked, 1.0)
    assert weight.shape == (2, 120)
    assert weight[:, 10].min() > np.median(weight)
