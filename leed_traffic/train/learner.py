"""Learning from the expert's choices and from own experience, for all intersections at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.actor_critic import ActorCritic, masked_log_probs
from leed_traffic.train.config import Sharing, TrainConfig
from leed_traffic.train.expert import Demonstrated, ExpertSteps
from leed_traffic.train.gae import discounted_returns, truncated_gae
from leed_traffic.train.losses import (
    advantage_weight,
    entropy,
    expert_policy_loss,
    mixed_loss,
    own_policy_loss,
    value_loss,
)

Array = NDArray[np.float64]

ADVANTAGE_LIMIT = 20.0  # of f(A_e)
MIN_RETURN_STD = 1e-3
BISECTIONS = 30
AGREEMENT_STEPS = 100  # gradient steps over which agreement with the expert is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """M own steps per intersection, with what they turned out to be worth."""

    observation: Tensor  # (N, M, D_max)
    legal: Tensor  # (N, M, S_max)
    stage: Tensor  # (N, M)
    free: Tensor  # (N, M) more than one stage was legal
    old_log_prob: Tensor  # (N, M)
    advantage: Tensor  # (N, M) standardised over the free steps
    target: Tensor  # (N, M) for the critic


class ReturnScale:
    """Running standard deviation of each intersection's discounted return, by which its rewards are divided."""

    def __init__(self, n: int) -> None:
        self.count = 0.0
        self.mean = np.zeros(n)
        self.square = np.zeros(n)

    def add(self, returns: Array) -> None:
        """Take in (T, N) discounted returns (Chan et al. 1979)."""
        count = float(len(returns))
        shift = returns.mean(axis=0) - self.mean
        total = self.count + count
        self.mean = self.mean + shift * count / total
        self.square = self.square + returns.var(axis=0) * count + shift**2 * self.count * count / total
        self.count = total

    @property
    def std(self) -> Array:
        """(N,) in vehicles; 1 before anything was seen."""
        if self.count == 0.0:
            return np.ones_like(self.mean)
        return np.maximum(np.sqrt(self.square / self.count), MIN_RETURN_STD)


class Learner:
    """Owns the parameters, their optimiser, the reward scale and the chance of one run."""

    def __init__(self, sizes: Sequence[int], n_stages_max: int, config: TrainConfig) -> None:
        """Begin with drawn parameters.

        Args:
            sizes: (N,) D of each intersection.
            n_stages_max: S_max.
            config: settings and seed.
        """
        self._config = config
        self.model = ActorCritic(sizes, n_stages_max, config.hidden, seed=config.seed, sharing=config.sharing)
        direct = [self.model.actor.w0]
        others = [p for p in self.model.parameters() if p is not direct[0]]
        self._optimiser = torch.optim.Adam(
            [{"params": others}, {"params": direct}], lr=config.learning_rate, eps=1e-5
        )
        self._generator = torch.Generator().manual_seed(config.seed)
        self.scale = ReturnScale(len(sizes))

    def clone(self, steps: ExpertSteps, n_steps: int) -> float:
        """Fit the actors to the expert's choices, until every one agrees as far as the settings ask.

        Args:
            steps: the expert's choices.
            n_steps: gradient steps at most.

        Returns:
            Share of the last batches' choices that the actors share, mean over those that had any.
        """
        config = self._config
        self._set_rates(config.learning_rate, config.direct_learning_rate)
        batches = _Batches(steps, config.minibatch, self._generator)
        share = torch.zeros(len(steps.stage))
        for begin in range(0, n_steps, AGREEMENT_STEPS):
            agreed = torch.zeros(len(steps.stage))
            seen = torch.zeros(len(steps.stage))
            for _ in range(begin, min(begin + AGREEMENT_STEPS, n_steps)):
                observation, legal, stage, weight, free = batches.draw()
                log_probs = self.model.log_probs(observation, legal)
                self._descend(expert_policy_loss(_pick(log_probs, stage), weight, free))
                agreed += ((log_probs.argmax(-1) == stage) & free).sum(-1)
                seen += free.sum(-1)
            share = (agreed / seen)[seen > 0]
            if bool((share >= config.cloning_agreement).all()):
                break
        return float(share.mean()) if len(share) else 0.0

    def soften(self, steps: ExpertSteps) -> None:
        """Make cloned actors uncertain enough to learn by trying: up to the entropy of the settings, mean over the states.

        A clone that agrees with its expert is certain of everything: it draws the same stage always, and own
        experience shows it nothing new. Its logits are scaled, so its best stage, and with it what it does in the
        street, stays the same.

        Args:
            steps: states that the expert was asked about.
        """
        config = self._config
        observation = torch.from_numpy(steps.observation)
        legal = torch.from_numpy(steps.legal)
        free = torch.from_numpy(steps.usable)
        with torch.no_grad():
            log_probs = self.model.log_probs(observation, legal)
        low = torch.zeros(len(free))
        high = torch.ones(len(free))
        for _ in range(BISECTIONS):  # entropy falls as the factor grows
            middle = (low + high) / 2.0
            scaled = masked_log_probs(middle.view(-1, 1, 1) * log_probs, legal)
            is_certain = entropy(scaled, free) < config.own_entropy
            low = torch.where(is_certain, low, middle)
            high = torch.where(is_certain, middle, high)
        self.model.soften_actors(high)

    def fit_critic(self, demonstrated: Demonstrated, n_steps: int) -> None:
        """Give the critics a first idea: the discounted returns of the demonstrated hours, without each hour's tail."""
        gamma = self._config.gamma
        returns = np.stack([discounted_returns(r, gamma=gamma) for r in demonstrated.reward])
        for hour in returns:
            self.scale.add(hour)
        # what the hour's end cuts off is under 5 % where gamma^k < 0.05
        tail = min(int(np.ceil(np.log(0.05) / np.log(max(gamma, 1e-9)))), returns.shape[1] - 1)
        target = torch.from_numpy(
            np.ascontiguousarray(_flat(returns[:, : returns.shape[1] - tail] / self.scale.std))
        )
        observation = torch.from_numpy(_flat(demonstrated.observation[:, : returns.shape[1] - tail]))
        self._set_rates(self._config.learning_rate, self._config.direct_learning_rate)
        agents = torch.arange(len(observation))[:, None]
        for _ in range(n_steps):
            pick = torch.randint(target.shape[1], (len(agents), self._config.minibatch), generator=self._generator)
            if self._config.sharing is Sharing.CRITIC:
                pick = pick[:1].expand_as(pick)
            value = self.model.values(observation[agents, pick])
            self._descend(value_loss(value, target[agents, pick].float(), torch.ones_like(value)))

    def advantage_weights(self, demonstrated: Demonstrated) -> NDArray[np.float32]:
        """(N, E T) f(A_e) of the demonstrated steps under today's critics; advantages in standard deviations."""
        advantages = []
        for observation, reward in zip(demonstrated.observation, demonstrated.reward, strict=True):
            values = self._values(observation)
            advantages.append(
                truncated_gae(reward / self.scale.std, values, values[-1], gamma=self._config.gamma, lam=0.95)
            )
        flat = _flat(np.stack(advantages))
        standard = torch.from_numpy(flat / (flat.std(axis=1, keepdims=True) + 1e-8))
        weight = advantage_weight(standard, beta=self._config.advantage_beta or 1.0, limit=ADVANTAGE_LIMIT)
        out: NDArray[np.float32] = weight.float().numpy()
        return out

    def update(
        self, episodes: Sequence[Episode], expert: ExpertSteps | None, w: Array, critic_only: bool = False
    ) -> dict[str, float]:
        """One update from a list of episodes.

        Args:
            episodes: own hours under the current parameters.
            expert: choices for L_e; None where every w is 0.
            w: (N,) weight of the expert loss.
            critic_only: leave the actors as they are.

        Returns:
            Means over intersections: losses, entropy, KL divergence from the policy that acted, explained
                variance; and per
            gradient step how many networks took none, because their gradient was not finite.
        """
        config = self._config
        experience = self._look_back(episodes)
        self._set_rates(*config.own_rates)
        batches = _Batches(expert, config.minibatch, self._generator) if expert is not None and w.any() else None
        weights = torch.from_numpy(w).float()
        sums: dict[str, float] = {}
        n_batches = 0
        for _ in range(config.epochs):
            order = torch.randperm(experience.stage.shape[1], generator=self._generator)
            for pick in torch.split(order, config.minibatch):
                parts = self._loss(experience, pick, batches, weights, critic_only)
                sums["skipped"] = sums.get("skipped", 0.0) + self._descend(parts.pop("loss"))
                for name, value in parts.items():
                    sums[name] = sums.get(name, 0.0) + float(value.mean())
                n_batches += 1
        means = {name: total / n_batches for name, total in sums.items()}
        means["explained_variance"] = self._explained(experience)
        return means

    def state(self) -> dict[str, Any]:
        """Everything that a bit-for-bit continuation needs."""
        scale = {"count": self.scale.count, "mean": self.scale.mean.tolist(), "square": self.scale.square.tolist()}
        return {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            "scale": scale,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self.scale.count = state["scale"]["count"]
        self.scale.mean, self.scale.square = np.array(state["scale"]["mean"]), np.array(state["scale"]["square"])

    def _loss(
        self, own: Experience, pick: Tensor, batches: "_Batches | None", w: Tensor, critic_only: bool
    ) -> dict[str, Tensor]:
        """The mixed loss of one minibatch and its parts, (N,) each."""
        config = self._config
        free = own.free[:, pick]
        value = self.model.values(own.observation[:, pick])
        l_v = value_loss(value, own.target[:, pick], torch.ones_like(value))
        if critic_only:
            return {"loss": config.value_weight * l_v, "value_loss": l_v.detach()}
        log_probs = self.model.log_probs(own.observation[:, pick], own.legal[:, pick])
        log_prob = _pick(log_probs, own.stage[:, pick])
        old = own.old_log_prob[:, pick]
        l_a = own_policy_loss(log_prob, old, own.advantage[:, pick], free, epsilon=config.clip)
        h = entropy(log_probs, free)
        l_e = torch.zeros_like(l_a)
        if batches is not None:
            observation, legal, stage, weight, usable = batches.draw()
            l_e = expert_policy_loss(_pick(self.model.log_probs(observation, legal), stage), weight, usable)
        # L_i = (1 - w_i) L_a + w_i L_e + c_v L_V - c_h H
        loss = mixed_loss(l_a, l_e, w) + config.value_weight * l_v - config.entropy_weight * h
        parts = {
            "policy_loss": l_a,
            "expert_loss": l_e,
            "value_loss": l_v,
            "entropy": h,
            "kl": (old - log_prob).mean(-1),
        }
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def _descend(self, loss: Tensor) -> int:
        """One step of every intersection's own descent: where no parameter is shared, the sum separates.

        Returns:
            How many networks took no step, because their gradient was not finite.
        """
        self._optimiser.zero_grad(set_to_none=True)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        skipped = self.model.clip_gradients(self._config.max_gradient)
        self._optimiser.step()
        return skipped

    def _look_back(self, episodes: Sequence[Episode]) -> Experience:
        """Value what happened."""
        config = self._config
        for episode in episodes:
            self.scale.add(discounted_returns(episode.reward, gamma=config.gamma))
        advantages = []
        targets = []
        for episode in episodes:
            values = self._values(episode.observation)
            last = self._values(episode.last_observation[None])[0]
            advantage = truncated_gae(
                episode.reward / self.scale.std, values, last, gamma=config.gamma, lam=config.lam
            )
            advantages.append(advantage)
            targets.append(advantage + values)
        observation = torch.from_numpy(_join([e.observation for e in episodes]))
        legal = torch.from_numpy(_join([e.legal for e in episodes]))
        stage = torch.from_numpy(_join([e.stage for e in episodes]))
        free = legal.sum(-1) > 1
        with torch.no_grad():
            old = _pick(self.model.log_probs(observation, legal), stage)
        return Experience(
            observation=observation,
            legal=legal,
            stage=stage,
            free=free,
            old_log_prob=old,
            advantage=_standardise(torch.from_numpy(_join(advantages)).float(), free),
            target=torch.from_numpy(_join(targets)).float(),
        )

    def _values(self, observation: NDArray[np.float32]) -> Array:
        """(T, N) from (T, N, D_max), in scaled units."""
        with torch.no_grad():
            values = self.model.values(torch.from_numpy(np.ascontiguousarray(observation.swapaxes(0, 1))))
        out: Array = values.T.numpy().astype(np.float64)
        return out

    def _explained(self, experience: Experience) -> float:
        """Share of the returns' variance that the critics explain, mean over intersections."""
        with torch.no_grad():
            rest = experience.target - self.model.values(experience.observation)
        return float((1.0 - rest.var(-1) / (experience.target.var(-1) + 1e-8)).mean())

    def _set_rates(self, rate: float, direct_rate: float) -> None:
        for group, value in zip(self._optimiser.param_groups, (rate, direct_rate), strict=True):
            group["lr"] = value


class _Batches:
    """Draws expert steps at which there was a choice, for every intersection from its own."""

    def __init__(self, steps: ExpertSteps, size: int, generator: torch.Generator) -> None:
        self._observation = torch.from_numpy(steps.observation)
        self._legal = torch.from_numpy(steps.legal)
        self._stage = torch.from_numpy(steps.stage)
        self._weight = torch.from_numpy(steps.weight)
        counts = steps.usable.sum(axis=1)
        table = np.argsort(~steps.usable, axis=1, kind="stable")  # usable steps first
        self._table = torch.from_numpy(table)
        self._counts = torch.from_numpy(counts)
        self._size = size
        self._generator = generator
        self._agents = torch.arange(len(counts))[:, None]

    def draw(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(N, B, ...) observation, legal, stage, weight and whether the step is usable (no: an agent without any)."""
        u = torch.rand((len(self._agents), self._size), generator=self._generator)
        rank = (u * self._counts[:, None]).long().clamp(max=self._table.shape[1] - 1)
        pick = self._table.gather(1, rank)
        usable = (self._counts > 0)[:, None].expand_as(pick)
        at = (self._agents, pick)
        return self._observation[at], self._legal[at], self._stage[at], self._weight[at], usable


def _pick(log_probs: Tensor, stage: Tensor) -> Tensor:
    """(N, B) log-probability of the stage."""
    return log_probs.gather(-1, stage[..., None]).squeeze(-1)


def _standardise(x: Tensor, where: Tensor) -> Tensor:
    """(N, M) to mean 0 and standard deviation 1 over the true entries."""
    mask = where.to(x.dtype)
    count = mask.sum(-1, keepdim=True).clamp(min=1.0)
    mean = (x * mask).sum(-1, keepdim=True) / count
    variance = ((x - mean).square() * mask).sum(-1, keepdim=True) / count
    return (x - mean) / (variance.sqrt() + 1e-8)


def _join(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """(N, M, ...) from several (T, N, ...)."""
    return np.ascontiguousarray(np.concatenate(parts).swapaxes(0, 1))


def _flat(x: NDArray[Any]) -> NDArray[Any]:
    """(N, E T, ...) from (E, T, N, ...)."""
    return _join(list(x))
