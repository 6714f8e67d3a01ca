import numpy as np
import pytest

from leed_traffic.domain.action import choose_at_random, choose_best, legal_mask
from leed_traffic.domain.safety.envelope import Permission, Reason


def test_the_mask_is_false_beyond_an_intersection_s_own_stages():
    permissions = [
        Permission(legal=(True, False), otherwise=0, reason=Reason.MIN_GREEN),
        Permission(legal=(True, True, True), otherwise=0, reason=Reason.GRANTED),
    ]
    assert legal_mask(permissions, 4).tolist() == [[True, False, False, False], [True, True, True, False]]


def test_the_best_stage_is_the_legal_one_with_the_highest_logit_and_the_first_on_a_tie():
    logits = np.array([[9.0, 1.0, 2.0], [1.0, 1.0, 1.0], [-5.0, 0.0, 7.0]])
    legal = np.array([[False, True, True], [False, True, True], [True, False, False]])
    assert choose_best(logits, legal).tolist() == [2, 1, 0]


def test_a_random_stage_is_always_legal():
    rng = np.random.default_rng(7)
    legal = rng.random((500, 6)) < 0.4
    legal[np.arange(500), rng.integers(6, size=500)] = True
    chosen = choose_at_random(rng.normal(scale=20.0, size=(500, 6)), legal, rng)
    assert legal[np.arange(500), chosen].all()


def test_a_random_stage_follows_the_softmax_of_the_legal_logits():
    logits = np.tile(np.log([0.2, 0.5, 0.3]), (20_000, 1))
    legal = np.tile([True, False, True], (20_000, 1))
    chosen = choose_at_random(logits, legal, np.random.default_rng(3))
    assert (chosen == 0).mean() == pytest.approx(0.4, abs=0.02)


def test_the_same_seed_draws_the_same_stages():
    draws = [
        choose_at_random(np.zeros((50, 4)), np.ones((50, 4), dtype=bool), np.random.default_rng(1))
        for _ in range(2)
    ]
    assert (draws[0] == draws[1]).all()
