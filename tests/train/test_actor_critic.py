import numpy as np
import torch

from leed_traffic.train.actor_critic import ActorCritic, StackedMlp


def test_stacked_networks_compute_what_each_computes_alone():
    stacked = StackedMlp([3, 5], 8, 4, gain=1.0, generator=torch.Generator().manual_seed(0))
    x = torch.rand(2, 6, 5)
    for n in range(2):
        alone = torch.tanh(x[n] @ stacked.w1[n] + stacked.b1[n])
        alone = torch.tanh(alone @ stacked.w2[n] + stacked.b2[n]) @ stacked.w3[n] + stacked.b3[n]
        torch.testing.assert_close(stacked(x)[n], alone)


def test_numpy_and_torch_agree_to_1e_5():
    model = ActorCritic([20, 31], 4, 64, seed=3)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    x = np.random.default_rng(0).uniform(-1, 2, (200, 2, 31)).astype(np.float32)
    with torch.no_grad():
        expected = model.actor(torch.from_numpy(x.swapaxes(0, 1).copy())).numpy().swapaxes(0, 1)
    weights = model.weights()
    np.testing.assert_allclose(np.stack([weights.logits(row) for row in x]), expected, atol=1e-5)


def test_a_new_policy_is_undecided():
    model = ActorCritic([20, 31], 4, 64, seed=3)
    p = model.log_probs(torch.rand(2, 50, 31), torch.ones(2, 50, 4, dtype=torch.bool)).exp()
    assert (p - 0.25).abs().max() < 0.05


def test_gradients_are_clipped_for_each_intersection_on_its_own():
    model = ActorCritic([4, 4], 2, 8, seed=0)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    model.actor.w1.grad[0] = 100.0
    model.actor.w1.grad[1] = 1e-3
    model.clip_gradients(0.5)
    assert model.actor.w1.grad[0].norm().item() < 0.5001
    assert model.actor.w1.grad[1, 0, 0].item() == np.float32(1e-3)


def test_the_same_seed_draws_the_same_parameters():
    one, two, other = (ActorCritic([4, 6], 2, 8, seed=s) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.actor.w1, other.actor.w1)
