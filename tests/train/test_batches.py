import numpy as np
import pytest
import torch

from leed_traffic.train.batches import ExpertBatches, OnPolicySteps, standardise
from leed_traffic.train.expert import ExpertSteps


def steps(has_choice):
    """States whose observation is their number."""
    has_choice = np.array(has_choice)
    n, m = has_choice.shape
    number = np.arange(m, dtype=np.float32)[None].repeat(n, axis=0)
    return ExpertSteps(
        observation=number[..., None],
        legal=np.ones((n, m, 2), dtype=bool),
        stage=number.astype(np.int64) % 2,
        has_choice=has_choice,
        weight=number,
    )


def test_only_steps_with_a_choice_are_drawn_each_intersection_from_its_own():
    made = steps([[True, False, True, False], [False, False, False, True]])
    batch = ExpertBatches(made, 200, torch.Generator().manual_seed(1)).draw()
    assert [set(row.tolist()) for row in batch.weight] == [{0.0, 2.0}, {3.0}]
    assert torch.equal(batch.observation[..., 0], batch.weight)
    assert torch.equal(batch.stage, batch.weight.long() % 2)
    assert batch.has_choice.all()


def test_an_intersection_without_any_choice_says_so():
    batch = ExpertBatches(steps([[True, True], [False, False]]), 5, torch.Generator()).draw()
    assert batch.has_choice.tolist() == [[True] * 5, [False] * 5]


def test_the_same_chance_draws_the_same_steps():
    made = steps([[True] * 50])
    first, second = (ExpertBatches(made, 20, torch.Generator().manual_seed(3)).draw().weight for _ in range(2))
    assert torch.equal(first, second)


def test_picked_moments_are_the_same_for_every_intersection():
    number = torch.arange(6.0).reshape(2, 3)
    own = OnPolicySteps(
        observation=number[..., None],
        legal=torch.ones(2, 3, 2, dtype=torch.bool),
        stage=number.long(),
        has_choice=number > 1,
        old_log_prob=number,
        advantage=number,
        target=number,
    )
    picked = own.at(torch.tensor([2, 0]))
    assert picked.target.tolist() == [[2.0, 0.0], [5.0, 3.0]]
    assert picked.has_choice.tolist() == [[True, False], [True, True]]


def test_only_steps_with_a_choice_set_mean_and_deviation():
    x = torch.tensor([[1.0, 3.0, 99.0], [5.0, 5.0, 5.0]])
    where = torch.tensor([[True, True, False], [True, True, True]])
    out = standardise(x, where)
    assert out[0, :2].tolist() == pytest.approx([-1.0, 1.0])
    assert out[1].tolist() == [0.0, 0.0, 0.0]
