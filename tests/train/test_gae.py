import numpy as np
import pytest

from leed_traffic.train.gae import discounted_returns, gae, truncated_gae


def arrays(t=50, n=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(t, n)), rng.normal(size=(t, n)), rng.normal(size=n)


def test_with_lambda_1_an_advantage_is_the_monte_carlo_return_minus_the_value():
    rewards, values, last = arrays()
    expected = np.zeros_like(rewards)
    for t in range(len(rewards)):
        steps = len(rewards) - t
        expected[t] = sum(0.9**k * rewards[t + k] for k in range(steps)) + 0.9**steps * last - values[t]
    np.testing.assert_allclose(truncated_gae(rewards, values, last, gamma=0.9, lam=1.0), expected, atol=1e-12)


def test_with_lambda_0_an_advantage_is_the_one_step_error():
    rewards, values, last = arrays()
    after = np.concatenate([values[1:], last[None]])
    expected = rewards + 0.9 * after - values
    np.testing.assert_allclose(truncated_gae(rewards, values, last, gamma=0.9, lam=0.0), expected, atol=1e-12)


def test_perfect_values_leave_no_advantage():
    rewards = np.ones((30, 1))
    values = np.full((30, 1), 1.0 / (1.0 - 0.9))
    np.testing.assert_allclose(truncated_gae(rewards, values, values[0], gamma=0.9, lam=0.95), 0.0, atol=1e-12)


def test_a_truncated_step_bootstraps_and_a_terminated_one_does_not():
    one = np.ones((1, 1))
    yes, no = np.ones((1, 1), dtype=bool), np.zeros((1, 1), dtype=bool)
    truncated = gae(one, 0 * one, 10 * one, no, yes, gamma=0.9, lam=0.95)
    terminated = gae(one, 0 * one, 10 * one, yes, yes, gamma=0.9, lam=0.95)
    assert truncated.item() == pytest.approx(10.0)
    assert terminated.item() == pytest.approx(1.0)


def test_the_recursion_stops_where_an_episode_ended():
    rewards, values, _ = arrays(t=4, n=1)
    ended = np.array([[False], [True], [False], [True]])
    no = np.zeros((4, 1), dtype=bool)
    after = np.ones((4, 1))
    whole = gae(rewards, values, after, no, ended, gamma=0.9, lam=0.8)
    first = gae(rewards[:2], values[:2], after[:2], no[:2], ended[:2], gamma=0.9, lam=0.8)
    np.testing.assert_allclose(whole[:2], first)


def test_discounted_returns_sum_to_the_end():
    returns = discounted_returns(np.array([[1.0], [2.0], [4.0]]), gamma=0.5)
    np.testing.assert_allclose(returns[:, 0], [1 + 1 + 1, 2 + 2, 4])
