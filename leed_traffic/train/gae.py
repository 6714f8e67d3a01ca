"""Advantage of a step: how much better it was than expected."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def gae(
    rewards: Array,
    values: Array,
    next_values: Array,
    terminated: NDArray[np.bool_],
    ended: NDArray[np.bool_],
    *,
    gamma: float,
    lam: float,
) -> Array:
    """Generalized advantage estimation over one rollout (Schulman et al. 2016, eq. 16).

    Args:
        rewards: (T, N) reward of each step.
        values: (T, N) value of the state before each step.
        next_values: (T, N) value of the state after each step, before any reset.
        terminated: (T, N) the task itself ended; no bootstrap there.
        ended: (T, N) terminated or truncated; the recursion stops there.
        gamma: discount per decision step.
        lam: 0 trusts the values, 1 the rewards alone.

    Returns:
        (T, N) advantages; advantages + values are the targets of the critic.
    """
    # δ_t = r_t + γ V(s_t+1) - V(s_t)
    delta = rewards + gamma * np.where(terminated, 0.0, next_values) - values
    advantage = np.zeros_like(delta)
    running = np.zeros(delta.shape[1:])
    for t in range(len(delta) - 1, -1, -1):
        # A_t = δ_t + γ λ A_t+1
        running = delta[t] + gamma * lam * np.where(ended[t], 0.0, running)
        advantage[t] = running
    return advantage


def truncated_gae(rewards: Array, values: Array, last_value: Array, *, gamma: float, lam: float) -> Array:
    """Estimate advantages of one simulated hour: it never terminates, it is truncated after the last step.

    Args:
        rewards: (T, N).
        values: (T, N).
        last_value: (N,) value of the state after the last step.
        gamma: discount per decision step.
        lam: see `gae`.
    """
    next_values = np.concatenate([values[1:], last_value[None]])
    terminated = np.zeros(rewards.shape, dtype=bool)
    ended = terminated.copy()
    ended[-1] = True
    return gae(rewards, values, next_values, terminated, ended, gamma=gamma, lam=lam)


def discounted_returns(rewards: Array, *, gamma: float) -> Array:
    """(T, N) discounted sum of the rewards from each step to the end of the rollout, nothing after it."""
    zeros = np.zeros_like(rewards)
    return truncated_gae(rewards, zeros, zeros[0], gamma=gamma, lam=1.0)
