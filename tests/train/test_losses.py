import pytest
import torch

from leed_traffic.train.actor_critic import ActorCritic, masked_log_probs
from leed_traffic.train.losses import (
    advantage_weight,
    entropy,
    expert_policy_loss,
    mixed_loss,
    own_policy_loss,
    value_loss,
)

YES = torch.ones(1, 4, dtype=torch.bool)


def test_a_stage_that_is_not_legal_has_no_probability_and_gets_no_gradient():
    logits = torch.tensor([[[5.0, 1.0, -2.0]]], requires_grad=True)
    log_probs = masked_log_probs(logits, torch.tensor([[[False, True, True]]]))
    assert log_probs.exp()[0, 0, 0] == 0.0
    assert log_probs.exp().sum().item() == pytest.approx(1.0)
    log_probs[0, 0, 1].backward()
    assert logits.grad[0, 0, 0] == 0.0


def test_the_expert_loss_raises_the_probability_of_the_demonstrated_stage():
    model = ActorCritic([4, 4], 3, 16, seed=0)
    observation, legal = torch.rand(2, 8, 4), torch.ones(2, 8, 3, dtype=torch.bool)
    stage = torch.full((2, 8), 2)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.log_probs(observation, legal)[..., 2].mean()
    chosen = model.log_probs(observation, legal).gather(-1, stage[..., None]).squeeze(-1)
    expert_policy_loss(chosen, torch.ones(2, 8), torch.ones(2, 8, dtype=torch.bool)).sum().backward()
    optimiser.step()
    assert model.log_probs(observation, legal)[..., 2].mean() > before


def test_forced_keeps_teach_nothing():
    log_prob = torch.tensor([[-1.0, -3.0]], requires_grad=True)
    loss = expert_policy_loss(log_prob, torch.ones(1, 2), torch.tensor([[True, False]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(1.0)
    assert log_prob.grad[0, 1] == 0.0


def test_the_own_loss_gains_nothing_beyond_the_clip():
    old = torch.zeros(1, 4)
    ratio = torch.tensor([[1.5, 0.5, 1.5, 0.5]])
    log_prob = ratio.log().requires_grad_()
    advantage = torch.tensor([[1.0, -1.0, -1.0, 1.0]])
    loss = own_policy_loss(log_prob, old, advantage, YES, epsilon=0.2)
    # min(rho A, clip(rho) A): 1.2, -0.8, -1.5, 0.5
    assert loss.item() == pytest.approx(-(1.2 - 0.8 - 1.5 + 0.5) / 4)
    loss.sum().backward()
    assert log_prob.grad[0, 0] == 0.0
    assert log_prob.grad[0, 1] == 0.0
    assert log_prob.grad[0, 2] != 0.0


def test_where_nothing_was_free_the_loss_is_zero():
    assert own_policy_loss(torch.ones(1, 4), torch.zeros(1, 4), torch.ones(1, 4), ~YES, epsilon=0.2).item() == 0.0


def test_entropy_of_an_even_choice_among_legal_stages_is_its_logarithm():
    log_probs = masked_log_probs(torch.zeros(1, 4, 3), torch.tensor([True, True, False]).expand(1, 4, 3))
    assert entropy(log_probs, YES).item() == pytest.approx(0.6931, abs=1e-4)


def test_advantage_weights_grow_with_the_advantage_up_to_a_limit():
    weight = advantage_weight(torch.tensor([-1.0, 0.0, 1.0, 100.0]), beta=1.0, limit=20.0)
    assert weight.tolist() == pytest.approx([0.3679, 1.0, 2.7183, 20.0], abs=1e-3)


def test_the_mixed_loss_moves_from_own_experience_to_the_expert():
    own, expert = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([5.0, 5.0, 5.0])
    assert mixed_loss(own, expert, torch.tensor([0.0, 0.5, 1.0])).tolist() == [1.0, 3.0, 5.0]


def test_value_loss_is_half_the_mean_square():
    assert value_loss(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), torch.ones(1, 2)).item() == pytest.approx(2.5)
