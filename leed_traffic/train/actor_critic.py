"""Actor and critic of each intersection, all with parameters of their own, evaluated as one stacked batch.

N networks are one set of arrays with N in front; a `bmm` evaluates them together, which costs far less than N
calls. Unequal observation and stage counts are padded with zeros; the padded weights stay zero, because their
inputs are.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from leed_traffic.train.config import Sharing
from leed_traffic.train.rollout import ActorWeights

NOT_LEGAL = -1e9  # logit of a stage that may not be asked for: its probability is exactly 0 in float32


class StackedMlp(nn.Module):
    """N networks of two tanh layers and a direct path beside them: (N, B, D_max) -> (N, B, outputs).

    Many rules of the field are linear in what the detectors count (max-wave: the vehicles of a stage's lanes,
    weighed by their links). The direct path learns such a rule from a few hours; the layers are for what is not
    linear (wide and deep, Cheng et al. 2016).
    """

    def __init__(
        self, sizes: Sequence[int], hidden: int, outputs: int, *, gain: float, generator: torch.Generator
    ) -> None:
        """Draw orthogonal weights for every network (Saxe et al. 2014); the direct path begins at zero.

        Args:
            sizes: (N,) D of each network; inputs beyond it are zero.
            hidden: width of both layers.
            outputs: width of the last layer.
            gain: scale of the last layer; small for a policy that begins undecided.
            generator: chance.
        """
        super().__init__()
        n = len(sizes)
        d_max = max(sizes)
        self.w0 = nn.Parameter(torch.zeros(n, d_max, outputs))
        self.w1 = nn.Parameter(torch.zeros(n, d_max, hidden))
        self.w2 = nn.Parameter(torch.zeros(n, hidden, hidden))
        self.w3 = nn.Parameter(torch.zeros(n, hidden, outputs))
        self.b1 = nn.Parameter(torch.zeros(n, 1, hidden))
        self.b2 = nn.Parameter(torch.zeros(n, 1, hidden))
        self.b3 = nn.Parameter(torch.zeros(n, 1, outputs))
        with torch.no_grad():
            for k, size in enumerate(sizes):
                self.w1[k, :size] = _orthogonal(size, hidden, 2.0**0.5, generator)
                self.w2[k] = _orthogonal(hidden, hidden, 2.0**0.5, generator)
                self.w3[k] = _orthogonal(hidden, outputs, gain, generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, B, outputs) from (N, B, D_max): tanh(tanh(x W1 + b1) W2 + b2) W3 + b3 + x W0."""
        direct = torch.bmm(x, self.w0)
        x = torch.tanh(torch.baddbmm(self.b1, x, self.w1))
        x = torch.tanh(torch.baddbmm(self.b2, x, self.w2))
        return direct + torch.baddbmm(self.b3, x, self.w3)


class ActorCritic(nn.Module):
    """Actors and critics of N intersections; as baselines, some of them in common."""

    def __init__(
        self,
        sizes: Sequence[int],
        n_stages_max: int,
        hidden: int,
        *,
        seed: int,
        sharing: Sharing = Sharing.NOTHING,
    ) -> None:
        """Draw all parameters.

        Args:
            sizes: (N,) D of each intersection.
            n_stages_max: S_max.
            hidden: width of the hidden layers.
            seed: of the weights.
            sharing: what the intersections have in common.
        """
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self._n = len(sizes)
        self._sharing = sharing
        own = [max(sizes)] if sharing is Sharing.EVERYTHING else sizes
        self.actor = StackedMlp(own, hidden, n_stages_max, gain=0.01, generator=generator)
        if sharing is Sharing.CRITIC:
            self._real = torch.cat([torch.arange(size) + n * max(sizes) for n, size in enumerate(sizes)])
            self.critic = StackedMlp([len(self._real)], 2 * hidden, len(sizes), gain=1.0, generator=generator)
        else:
            self.critic = StackedMlp(own, hidden, 1, gain=1.0, generator=generator)

    def log_probs(self, observation: Tensor, legal: Tensor) -> Tensor:
        """(N, B, S_max) log pi(stage | observation) among the legal stages."""
        return masked_log_probs(self._local(self.actor, observation), legal)

    def values(self, observation: Tensor) -> Tensor:
        """(N, B) expected discounted return; a shared critic needs the same B moments for all intersections."""
        if self._sharing is Sharing.CRITIC:
            n, b, d = observation.shape
            together = observation.transpose(0, 1).reshape(1, b, n * d)[..., self._real]
            central: Tensor = self.critic(together)[0].T
            return central
        return self._local(self.critic, observation).squeeze(-1)

    def scale_logits(self, factor: Tensor) -> None:
        """Multiply the logits of every actor by its (N,) factor: below 1 it is less certain, its best stage the same."""
        if self._sharing is Sharing.EVERYTHING:
            factor = factor.mean().view(1)
        with torch.no_grad():
            for last in (self.actor.w0, self.actor.w3, self.actor.b3):
                last.mul_(factor.view(-1, 1, 1))

    def weights(self) -> ActorWeights:
        """Actors as numpy arrays, one per intersection, for rollout processes that never import torch."""
        a = self.actor
        rows = (p.expand(self._n, *p.shape[1:]) for p in (a.w0, a.w1, a.b1, a.w2, a.b2, a.w3, a.b3))
        return ActorWeights(*(_to_numpy(p) for p in rows))

    def clip_gradients(self, max_norm: float) -> int:
        """Clip the gradient of each intersection's parameters on its own: no agent's outlier slows another.

        Returns:
            How many networks take no step, because their gradient is not finite.
        """
        skipped = 0
        for part in (self.actor, self.critic):
            gradients = [p.grad for p in part.parameters() if p.grad is not None]
            if not gradients:
                continue
            # ||g_n|| over all parameters of agent n
            norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
            is_finite = norm.isfinite()
            skipped += int((~is_finite).sum())
            scale = (max_norm / (norm + 1e-8)).clamp(max=1.0).view(-1, 1, 1)
            for g in gradients:
                g.copy_(torch.where(is_finite.view(-1, 1, 1), g * scale, 0.0))
        return skipped

    def _local(self, networks: StackedMlp, observation: Tensor) -> Tensor:
        """(N, B, outputs) of networks that see one intersection each."""
        if self._sharing is not Sharing.EVERYTHING:
            out: Tensor = networks(observation)
            return out
        n, b, d = observation.shape
        shared: Tensor = networks(observation.reshape(1, n * b, d))
        return shared.reshape(n, b, -1)


def masked_log_probs(logits: Tensor, legal: Tensor) -> Tensor:
    """Log-softmax over the legal stages; a stage that is not legal has probability 0."""
    return torch.log_softmax(logits.masked_fill(~legal, NOT_LEGAL), dim=-1)


def _orthogonal(rows: int, columns: int, gain: float, generator: torch.Generator) -> Tensor:
    return nn.init.orthogonal_(torch.empty(rows, columns), gain=gain, generator=generator)


def _to_numpy(parameter: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    out: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = parameter.detach().numpy().copy()
    return out
