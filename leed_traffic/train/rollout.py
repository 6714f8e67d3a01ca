"""On-policy episodes: the policies drive a scenario for an hour. Runs in worker processes and never imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.action import choose_at_random, choose_best
from leed_traffic.domain.plan import SequencePlan, UrgencyPlan
from leed_traffic.domain.situation import Situation
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.episode import Episode, PlanController, run_episode
from leed_traffic.simulation.env.hour import drive_hour
from leed_traffic.simulation.env.signal_env import SignalEnv

_CHOICES = 1  # stream of chance apart from the demand's of the same seed
Plans = Mapping[str, UrgencyPlan | SequencePlan]


class ActorWeights(NamedTuple):
    """N actors stacked: two tanh layers, a linear one, and a direct path beside them (see train/actor_critic.py)."""

    w0: NDArray[np.float32]  # (N, D_max, S_max) the direct path
    w1: NDArray[np.float32]  # (N, D_max, H)
    b1: NDArray[np.float32]  # (N, 1, H)
    w2: NDArray[np.float32]  # (N, H, H)
    b2: NDArray[np.float32]  # (N, 1, H)
    w3: NDArray[np.float32]  # (N, H, S_max)
    b3: NDArray[np.float32]  # (N, 1, S_max)

    def logits(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, S_max) from (N, D_max)."""
        o = observation[:, None, :]
        x = np.tanh(o @ self.w1 + self.b1)
        x = np.tanh(x @ self.w2 + self.b2)
        out: NDArray[np.float32] = (o @ self.w0 + x @ self.w3 + self.b3)[:, 0, :]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutTask:
    """Episode to drive."""

    weights: ActorWeights | None  # None: the expert itself drives
    seed: int  # of the demand
    sample_seed: int | None = None  # of the choices; None: always the best stage
    plans: Plans | None = None  # an expert that says at every step what it would do
    is_scored: bool = False  # record the run and read its delay


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Episode that was driven, and the expert's choice at each step."""

    episode: Episode
    label: NDArray[np.int64] | None  # (T, N)


class ActorController:
    """Stacked actors as a controller; an expert may label every state."""

    def __init__(self, weights: ActorWeights, sample_seed: int | None, plans: Plans | None = None) -> None:
        self._weights = weights
        self._sample_seed = sample_seed
        self._rng = np.random.default_rng(0)
        self._expert = None if plans is None else PlanController(plans, sees_truth=True)
        self.labels: list[NDArray[np.int64]] = []

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Begin an episode."""
        self._rng = np.random.default_rng((self._sample_seed or 0, _CHOICES))
        self.labels = []
        if self._expert:
            self._expert.reset(env, seed)

    def decide(self, env: SignalEnv, situation: Situation) -> NDArray[np.intp]:
        """(N,) drawn from the policies, or their best."""
        if self._expert:
            self.labels.append(np.array(self._expert.decide(env, situation), dtype=np.int64))
        logits = self._weights.logits(situation.observation)
        if self._sample_seed is None:
            return choose_best(logits, situation.legal)
        return choose_at_random(logits, situation.legal, self._rng)


def roll_out(spec: EnvSpec, task: RolloutTask) -> Rollout:
    """Drive one episode in a fresh env."""
    controller = _driver(task)
    if task.is_scored:
        episode = drive_hour(spec, controller, task.seed).episode
    else:
        with spec.open() as env:
            episode = run_episode(env, controller, task.seed)
    labels = controller.labels if isinstance(controller, ActorController) else []
    return Rollout(episode=episode, label=np.stack(labels) if labels else None)


def _driver(task: RolloutTask) -> ActorController | PlanController:
    if task.weights is not None:
        return ActorController(task.weights, task.sample_seed, task.plans)
    if task.plans is None:
        raise ValueError("need weights or plans to drive an episode, got neither")
    return PlanController(task.plans)
