"""Steps to learn from as tensors: the expert's, drawn at random, and on-policy ones, with what they were worth."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from leed_traffic.train.expert import ExpertSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPolicySteps:
    """M steps per intersection under the current policies."""

    observation: Tensor  # (N, M, D_max)
    legal: Tensor  # (N, M, S_max)
    stage: Tensor  # (N, M)
    has_choice: Tensor  # (N, M) more than one stage was legal
    old_log_prob: Tensor  # (N, M)
    advantage: Tensor  # (N, M) standardised over the steps with a choice
    target: Tensor  # (N, M) for the critic

    def at(self, pick: Tensor) -> "OnPolicySteps":
        """Steps at the picked moments, of every intersection."""
        return OnPolicySteps(
            observation=self.observation[:, pick],
            legal=self.legal[:, pick],
            stage=self.stage[:, pick],
            has_choice=self.has_choice[:, pick],
            old_log_prob=self.old_log_prob[:, pick],
            advantage=self.advantage[:, pick],
            target=self.target[:, pick],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertBatch:
    """B choices of the expert per intersection."""

    observation: Tensor  # (N, B, D_max)
    legal: Tensor  # (N, B, S_max)
    stage: Tensor  # (N, B)
    weight: Tensor  # (N, B) f(A_e)
    has_choice: Tensor  # (N, B) false for an intersection without any choice


class ExpertBatches:
    """Draws expert steps at which there was a choice, for every intersection from its own."""

    def __init__(self, steps: ExpertSteps, size: int, generator: torch.Generator) -> None:
        """Begin to draw.

        Args:
            steps: choices of the expert.
            size: B.
            generator: chance.
        """
        self._observation = torch.from_numpy(steps.observation)
        self._legal = torch.from_numpy(steps.legal)
        self._stage = torch.from_numpy(steps.stage)
        self._weight = torch.from_numpy(steps.weight)
        self._counts = torch.from_numpy(steps.has_choice.sum(axis=1))
        # steps with a choice first
        self._table = torch.from_numpy(np.argsort(~steps.has_choice, axis=1, kind="stable"))
        self._size = size
        self._generator = generator
        self._intersections = torch.arange(len(self._counts))[:, None]

    def draw(self) -> ExpertBatch:
        """B steps per intersection, with replacement."""
        u = torch.rand((len(self._intersections), self._size), generator=self._generator)
        rank = (u * self._counts[:, None]).long().clamp(max=self._table.shape[1] - 1)
        pick = self._table.gather(1, rank)
        at = (self._intersections, pick)
        return ExpertBatch(
            observation=self._observation[at],
            legal=self._legal[at],
            stage=self._stage[at],
            weight=self._weight[at],
            has_choice=(self._counts > 0)[:, None].expand_as(pick),
        )


def standardise(x: Tensor, where: Tensor) -> Tensor:
    """(N, M) to mean 0 and standard deviation 1 over the true entries."""
    mask = where.to(x.dtype)
    count = mask.sum(-1, keepdim=True).clamp(min=1.0)
    mean = (x * mask).sum(-1, keepdim=True) / count
    variance = ((x - mean).square() * mask).sum(-1, keepdim=True) / count
    return (x - mean) / (variance.sqrt() + 1e-8)
