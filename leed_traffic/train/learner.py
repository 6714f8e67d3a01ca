"""Learning from the expert's choices and from on-policy episodes, for all intersections at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.actor_critic import ActorCritic, masked_log_probs
from leed_traffic.train.batches import ExpertBatches, OnPolicySteps, standardise
from leed_traffic.train.config import CloningConfig, LearnerConfig, PpoConfig, Sharing
from leed_traffic.train.expert import Demonstrated, ExpertSteps, by_intersection
from leed_traffic.train.gae import discounted_returns, truncated_gae
from leed_traffic.train.losses import (
    advantage_weight,
    entropy,
    expert_policy_loss,
    mixed_loss,
    own_policy_loss,
    value_loss,
)
from leed_traffic.train.return_scale import ReturnScale

Array = NDArray[np.float64]
Rates = tuple[float, float]  # Adam's: of the networks, and of the actors' direct path

ADVANTAGE_LIMIT = 20.0  # of f(A_e)
BISECTIONS = 30
AGREEMENT_STEPS = 100  # gradient steps over which agreement with the expert is counted
TAIL_SHARE = 0.05  # of a return that may be cut off by the end of its hour


class Learner:
    """Parameters, their optimiser, the reward scale and the chance of one run."""

    def __init__(self, sizes: Sequence[int], n_stages_max: int, config: LearnerConfig, *, seed: int) -> None:
        """Begin with drawn parameters.

        Args:
            sizes: (N,) D of each intersection.
            n_stages_max: S_max.
            config: networks, discount and size of a gradient step.
            seed: of weights and minibatches.
        """
        self._config = config
        self.model = ActorCritic(sizes, n_stages_max, config.hidden, seed=seed, sharing=config.sharing)
        direct = self.model.actor.w0
        others = [p for p in self.model.parameters() if p is not direct]
        # rates are set at the beginning of each phase
        self._optimiser = torch.optim.Adam([{"params": others}, {"params": [direct]}], eps=1e-5)
        self._generator = torch.Generator().manual_seed(seed)
        self.scale = ReturnScale(len(sizes))

    def clone(self, steps: ExpertSteps, n_steps: int, config: CloningConfig) -> float:
        """Fit the actors to the expert's choices, until every one agrees as far as the settings ask.

        Args:
            steps: the expert's choices.
            n_steps: gradient steps at most.
            config: rates, and the agreement that is enough.

        Returns:
            Share of the last batches' choices that the actors share, mean over those that had any.
        """
        self._set_rates(config.rates)
        batches = ExpertBatches(steps, self._config.minibatch, self._generator)
        share = torch.zeros(len(steps.stage))
        for begin in range(0, n_steps, AGREEMENT_STEPS):
            agreed = torch.zeros(len(steps.stage))
            seen = torch.zeros(len(steps.stage))
            for _ in range(begin, min(begin + AGREEMENT_STEPS, n_steps)):
                batch = batches.draw()
                log_probs = self.model.log_probs(batch.observation, batch.legal)
                self._descend(expert_policy_loss(_pick(log_probs, batch.stage), batch.weight, batch.has_choice))
                agreed += ((log_probs.argmax(-1) == batch.stage) & batch.has_choice).sum(-1)
                seen += batch.has_choice.sum(-1)
            share = (agreed / seen)[seen > 0]
            if bool((share >= config.cloning_agreement).all()):
                break
        return float(share.mean()) if len(share) else 0.0

    def temper(self, steps: ExpertSteps, target_entropy: float) -> None:
        """Raise the temperature of cloned actors' logits, so that they try enough to learn by trying.

        A clone that agrees with its expert is certain of everything: it draws the same stage always, and on-policy
        episodes show it nothing new. Its logits are scaled, so its best stage, and with it what it does in the
        street, stays the same.

        Args:
            steps: states that the expert was asked about.
            target_entropy: nats, mean over the states; an actor that is less certain stays as it is.
        """
        observation = torch.from_numpy(steps.observation)
        legal = torch.from_numpy(steps.legal)
        has_choice = torch.from_numpy(steps.has_choice)
        with torch.no_grad():
            log_probs = self.model.log_probs(observation, legal)
        low = torch.zeros(len(has_choice))
        high = torch.ones(len(has_choice))
        for _ in range(BISECTIONS):  # entropy falls as the factor grows
            middle = (low + high) / 2.0
            scaled = masked_log_probs(middle.view(-1, 1, 1) * log_probs, legal)
            is_certain = entropy(scaled, has_choice) < target_entropy
            low = torch.where(is_certain, low, middle)
            high = torch.where(is_certain, middle, high)
        self.model.scale_logits(high)

    def fit_critic(self, demonstrated: Demonstrated, config: CloningConfig) -> None:
        """Fit the critics to the discounted returns of the demonstrated hours, without each hour's tail."""
        gamma = self._config.gamma
        returns = np.stack([discounted_returns(r, gamma=gamma) for r in demonstrated.reward])
        for hour in returns:
            self.scale.add(hour)
        # gamma^k < TAIL_SHARE
        tail = min(int(np.ceil(np.log(TAIL_SHARE) / np.log(max(gamma, 1e-9)))), returns.shape[1] - 1)
        kept = returns.shape[1] - tail
        target = torch.from_numpy(by_intersection(returns[:, :kept] / self.scale.std))
        observation = torch.from_numpy(by_intersection(demonstrated.observation[:, :kept]))
        self._set_rates(config.rates)
        rows = torch.arange(len(observation))[:, None]
        for _ in range(config.critic_steps):
            pick = torch.randint(target.shape[1], (len(rows), self._config.minibatch), generator=self._generator)
            if self._config.sharing is Sharing.CRITIC:
                pick = pick[:1].expand_as(pick)
            value = self.model.values(observation[rows, pick])
            self._descend(value_loss(value, target[rows, pick].float(), torch.ones_like(value)))

    def advantage_weights(self, demonstrated: Demonstrated, beta: float) -> NDArray[np.float32]:
        """(N, E T) f(A_e) of the demonstrated steps under today's critics; advantages in standard deviations."""
        advantages = []
        for observation, reward in zip(demonstrated.observation, demonstrated.reward, strict=True):
            values = self._values(observation)
            advantages.append(self._advantage(reward, values, values[-1]))
        flat = by_intersection(advantages)
        standard = torch.from_numpy(flat / (flat.std(axis=1, keepdims=True) + 1e-8))
        weight = advantage_weight(standard, beta=beta, limit=ADVANTAGE_LIMIT)
        out: NDArray[np.float32] = weight.float().numpy()
        return out

    def update(
        self,
        episodes: Sequence[Episode],
        expert: ExpertSteps | None,
        w: Array,
        config: PpoConfig,
        rates: Rates,
        *,
        critic_only: bool = False,
    ) -> dict[str, float]:
        """Learn from on-policy episodes: one update of PPO with the mixed loss.

        Args:
            episodes: hours under the current parameters.
            expert: choices for L_e; None where every w is 0.
            w: (N,) weight of the expert loss.
            config: coefficients of the loss.
            rates: Adam's.
            critic_only: leave the actors as they are.

        Returns:
            Means over intersections: losses, entropy, KL divergence from the policy that acted, explained
                variance; and per gradient step how many networks took none, because their gradient was not finite.
        """
        steps = self._evaluate(episodes)
        self._set_rates(rates)
        minibatch = self._config.minibatch
        batches = ExpertBatches(expert, minibatch, self._generator) if expert is not None and w.any() else None
        weights = torch.from_numpy(w).float()
        sums: dict[str, float] = {}
        n_batches = 0
        for _ in range(config.epochs):
            order = torch.randperm(steps.stage.shape[1], generator=self._generator)
            for pick in torch.split(order, minibatch):
                own = steps.at(pick)
                parts = (
                    self._critic_loss(own, config) if critic_only else self._loss(own, batches, weights, config)
                )
                sums["skipped"] = sums.get("skipped", 0.0) + self._descend(parts.pop("loss"))
                for name, value in parts.items():
                    sums[name] = sums.get(name, 0.0) + float(value.mean())
                n_batches += 1
        means = {name: total / n_batches for name, total in sums.items()}
        means["explained_variance"] = self._explained(steps)
        return means

    def state(self) -> dict[str, Any]:
        """Values that a bit-for-bit continuation needs."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            "scale": self.scale.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self.scale.load_state(state["scale"])

    def _critic_loss(self, own: OnPolicySteps, config: PpoConfig) -> dict[str, Tensor]:
        """c_v L_V of one minibatch and L_V, (N,) each; the actors get no gradient."""
        value = self.model.values(own.observation)
        l_v = value_loss(value, own.target, torch.ones_like(value))
        return {"loss": config.value_weight * l_v, "value_loss": l_v.detach()}

    def _loss(
        self, own: OnPolicySteps, batches: ExpertBatches | None, w: Tensor, config: PpoConfig
    ) -> dict[str, Tensor]:
        """Mixed loss of one minibatch and its parts, (N,) each."""
        critic = self._critic_loss(own, config)
        log_probs = self.model.log_probs(own.observation, own.legal)
        log_prob = _pick(log_probs, own.stage)
        l_a = own_policy_loss(log_prob, own.old_log_prob, own.advantage, own.has_choice, epsilon=config.clip)
        h = entropy(log_probs, own.has_choice)
        l_e = torch.zeros_like(l_a)
        if batches is not None:
            batch = batches.draw()
            expert_log_probs = self.model.log_probs(batch.observation, batch.legal)
            l_e = expert_policy_loss(_pick(expert_log_probs, batch.stage), batch.weight, batch.has_choice)
        # L_i = (1 - w_i) L_a + w_i L_e + c_v L_V - c_h H
        loss = mixed_loss(l_a, l_e, w) + critic["loss"] - config.entropy_weight * h
        parts = {
            "policy_loss": l_a,
            "expert_loss": l_e,
            "value_loss": critic["value_loss"],
            "entropy": h,
            "kl": (own.old_log_prob - log_prob).mean(-1),
        }
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def _descend(self, loss: Tensor) -> int:
        """Take one gradient step for every intersection: where no parameter is shared, the sum separates.

        Returns:
            How many networks took no step, because their gradient was not finite.
        """
        self._optimiser.zero_grad(set_to_none=True)
        loss.sum().backward()  # type: ignore[no-untyped-call]
        skipped = self.model.clip_gradients(self._config.max_gradient)
        self._optimiser.step()
        return skipped

    def _evaluate(self, episodes: Sequence[Episode]) -> OnPolicySteps:
        """Steps of the episodes with their advantages and returns."""
        for episode in episodes:
            self.scale.add(discounted_returns(episode.reward, gamma=self._config.gamma))
        advantages = []
        targets = []
        for episode in episodes:
            values = self._values(episode.observation)
            last_value = self._values(episode.last_observation[None])[0]
            advantage = self._advantage(episode.reward, values, last_value)
            advantages.append(advantage)
            targets.append(advantage + values)
        observation = torch.from_numpy(by_intersection([e.observation for e in episodes]))
        legal = torch.from_numpy(by_intersection([e.legal for e in episodes]))
        stage = torch.from_numpy(by_intersection([e.stage for e in episodes]))
        has_choice = legal.sum(-1) > 1
        with torch.no_grad():
            old_log_prob = _pick(self.model.log_probs(observation, legal), stage)
        return OnPolicySteps(
            observation=observation,
            legal=legal,
            stage=stage,
            has_choice=has_choice,
            old_log_prob=old_log_prob,
            advantage=standardise(torch.from_numpy(by_intersection(advantages)).float(), has_choice),
            target=torch.from_numpy(by_intersection(targets)).float(),
        )

    def _values(self, observation: NDArray[np.float32]) -> Array:
        """(T, N) from (T, N, D_max), in scaled units."""
        with torch.no_grad():
            values = self.model.values(torch.from_numpy(np.ascontiguousarray(observation.swapaxes(0, 1))))
        out: Array = values.T.numpy().astype(np.float64)
        return out

    def _advantage(self, reward: Array, values: Array, last_value: Array) -> Array:
        """(T, N) of one hour, in scaled units."""
        config = self._config
        return truncated_gae(reward / self.scale.std, values, last_value, gamma=config.gamma, lam=config.lam)

    def _explained(self, steps: OnPolicySteps) -> float:
        """Share of the returns' variance that the critics explain, mean over intersections."""
        with torch.no_grad():
            rest = steps.target - self.model.values(steps.observation)
        return float((1.0 - rest.var(-1) / (steps.target.var(-1) + 1e-8)).mean())

    def _set_rates(self, rates: Rates) -> None:
        for group, value in zip(self._optimiser.param_groups, rates, strict=True):
            group["lr"] = value


def _pick(log_probs: Tensor, stage: Tensor) -> Tensor:
    """(N, B) log-probability of the stage."""
    return log_probs.gather(-1, stage[..., None]).squeeze(-1)
