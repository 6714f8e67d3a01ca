"""Mixed policy loss, one number per intersection.

    L_i = (1 - w_i) L_a + w_i L_e + c_v L_V - c_h H

The mix is LEED's (arXiv 2509.14680); the form of L_e and of w (train/similarity.py) is our reconstruction, as are
DAgger before PPO (train/expert.py) and the gate on return.

L_a is PPO's clipped loss on on-policy steps (Schulman et al. 2017), L_e the likelihood of the expert's choices.
Every mean runs over the steps where there was a choice: while a signal clears or a minimum green runs, one stage
is legal and nothing is there to learn.
"""

import torch
from torch import Tensor


def own_policy_loss(
    log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, has_choice: Tensor, *, epsilon: float
) -> Tensor:
    """(N,) L_a = -E[min(rho A, clip(rho, 1 - eps, 1 + eps) A)], rho = pi(a|o) / pi_old(a|o).

    Args:
        log_prob: (N, B) of the stage shown, under the policy that learns.
        old_log_prob: (N, B) under the policy that acted.
        advantage: (N, B).
        has_choice: (N, B) true where more than one stage was legal.
        epsilon: how far the ratio may move.
    """
    rho = torch.exp(log_prob - old_log_prob)
    gain = torch.minimum(rho * advantage, rho.clamp(1.0 - epsilon, 1.0 + epsilon) * advantage)
    return -mean_where(gain, has_choice)


def expert_policy_loss(log_prob: Tensor, weight: Tensor, has_choice: Tensor) -> Tensor:
    """(N,) L_e = -E[f(A_e) log pi(a_e | o_e)].

    Args:
        log_prob: (N, B) of the expert's stage.
        weight: (N, B) f(A_e): 1, or `advantage_weight`.
        has_choice: (N, B) true where the expert had a choice; forced keeps teach nothing.
    """
    return -mean_where(weight * log_prob, has_choice)


def advantage_weight(advantage: Tensor, *, beta: float, limit: float) -> Tensor:
    """f(A_e) = min(exp(A_e / beta), limit): imitate more what turned out better (Peng et al. 2019)."""
    return torch.exp(advantage / beta).clamp(max=limit)


def entropy(log_probs: Tensor, has_choice: Tensor) -> Tensor:
    """(N,) H = -E[sum_a pi log pi], in nats; (N, B, S) in."""
    return mean_where(-(log_probs.exp() * log_probs).sum(-1), has_choice)


def value_loss(value: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """(N,) L_V = E[(V - target)^2] / 2 over the steps that count, (N, B) each."""
    return 0.5 * mean_where((value - target).square(), counts)


def mixed_loss(own: Tensor, expert: Tensor, w: Tensor) -> Tensor:
    """(N,) (1 - w) L_a + w L_e."""
    return (1.0 - w) * own + w * expert


def mean_where(x: Tensor, where: Tensor) -> Tensor:
    """(N,) mean of (N, B) over the true entries; 0 where there is none."""
    mask = where.to(x.dtype)
    return (x * mask).sum(-1) / mask.sum(-1).clamp(min=1.0)
