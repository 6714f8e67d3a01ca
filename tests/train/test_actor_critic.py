import numpy as np
import pytest
import torch

from leed_traffic.train.actor_critic import ActorCritic, StackedMlp
from leed_traffic.train.config import Sharing


def test_stacked_networks_compute_what_each_computes_alone():
    stacked = StackedMlp([3, 5], 8, 4, gain=1.0, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        stacked.w0.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.rand(2, 6, 5)
    for n in range(2):
        alone = torch.tanh(x[n] @ stacked.w1[n] + stacked.b1[n])
        alone = torch.tanh(alone @ stacked.w2[n] + stacked.b2[n]) @ stacked.w3[n] + stacked.b3[n]
        torch.testing.assert_close(stacked(x)[n], alone + x[n] @ stacked.w0[n])


def test_numpy_and_torch_agree_to_1e_5():
    model = ActorCritic([20, 31], 4, 64, seed=3)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
        model.actor.w0.normal_(generator=torch.Generator().manual_seed(1))
    x = np.random.default_rng(0).uniform(-1, 2, (200, 2, 31)).astype(np.float32)
    with torch.no_grad():
        expected = model.actor(torch.from_numpy(x.swapaxes(0, 1).copy())).numpy().swapaxes(0, 1)
    weights = model.weights()
    np.testing.assert_allclose(np.stack([weights.logits(row) for row in x]), expected, atol=1e-5)


def test_a_new_policy_is_undecided():
    model = ActorCritic([20, 31], 4, 64, seed=3)
    p = model.log_probs(torch.rand(2, 50, 31), torch.ones(2, 50, 4, dtype=torch.bool)).exp()
    assert (p - 0.25).abs().max() < 0.05


@pytest.mark.parametrize("sharing", [Sharing.NOTHING, Sharing.EVERYTHING])
def test_softer_actors_are_less_certain_of_the_same_stage(sharing):
    model = ActorCritic([6, 6], 4, 8, seed=3, sharing=sharing)
    with torch.no_grad():
        model.actor.w0.normal_(generator=torch.Generator().manual_seed(1)).mul_(5.0)
    x, legal = torch.rand(2, 50, 6), torch.ones(2, 50, 4, dtype=torch.bool)
    before = model.log_probs(x, legal)
    model.scale_logits(torch.tensor([0.2, 0.2]))
    after = model.log_probs(x, legal)
    assert torch.equal(before.argmax(-1), after.argmax(-1))
    assert (after.max(-1).values < before.max(-1).values).all()


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


def test_a_gradient_that_is_not_finite_moves_nobody_and_is_counted():
    model = ActorCritic([4, 4], 2, 8, seed=0)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e-3)
    model.actor.w2.grad[1, 0, 0] = float("nan")
    assert model.clip_gradients(0.5) == 1
    assert model.actor.w1.grad[0, 0, 0].item() == np.float32(1e-3)
    assert all((p.grad[1] == 0.0).all() for p in model.actor.parameters())


def test_with_everything_shared_equal_observations_mean_equal_policies_and_values():
    model = ActorCritic([4, 6], 3, 8, seed=1, sharing=Sharing.EVERYTHING)
    x = torch.rand(1, 7, 6).expand(2, 7, 6)
    legal = torch.ones(2, 7, 3, dtype=torch.bool)
    assert torch.equal(*model.log_probs(x, legal))
    assert torch.equal(*model.values(x))
    weights = model.weights()
    assert weights.w1.shape[0] == 2
    np.testing.assert_array_equal(weights.w3[0], weights.w3[1])


def test_a_shared_critic_sees_what_the_neighbours_see_and_an_actor_does_not():
    model = ActorCritic([4, 6], 3, 8, seed=1, sharing=Sharing.CRITIC)
    x, legal = torch.rand(2, 7, 6), torch.ones(2, 7, 3, dtype=torch.bool)
    x[0, :, 4:] = 0.0
    other = x.clone()
    other[1] += 0.5
    assert torch.equal(model.log_probs(x, legal)[0], model.log_probs(other, legal)[0])
    assert not torch.equal(model.values(x)[0], model.values(other)[0])


@pytest.mark.parametrize("sharing", Sharing)
def test_values_have_one_row_per_intersection_whoever_computes_them(sharing):
    assert ActorCritic([4, 6], 3, 8, seed=1, sharing=sharing).values(torch.rand(2, 7, 6)).shape == (2, 7)
