"""One episode: a controller drives every signal of a scenario for its hour."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.detectors.detection import Array, Detection
from leed_traffic.domain.detectors.sensing import SensedDetection
from leed_traffic.domain.plan import PlanInterpreter, SequencePlan, UrgencyPlan
from leed_traffic.domain.situation import Situation
from leed_traffic.errors import PlanError
from leed_traffic.simulation.env.signal_env import Request, SignalEnv
from leed_traffic.simulation.score.score import SeedScore, close_and_score


class Controller(Protocol):
    """Object that decides for all signals of an env."""

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Prepare for an episode; called before the simulation starts."""

    def decide(self, env: SignalEnv, situation: Situation) -> Sequence[Request] | NDArray[np.integer]:
        """(N,) the stage that each intersection should show next."""


class PlanController:
    """Carries out one plan per intersection."""

    def __init__(self, plans: Mapping[str, UrgencyPlan | SequencePlan], *, sees_truth: bool = False) -> None:
        """Carry out plans.

        Args:
            plans: by intersection id.
            sees_truth: reads the traffic as it is, not as the site's detectors report it: a teacher in simulation.
        """
        self._plans = plans
        self._sees_truth = sees_truth
        self._interpreters: list[PlanInterpreter] = []
        self._detection: Detection | SensedDetection

    def reset(self, env: SignalEnv, seed: int) -> None:
        """Begin every plan anew.

        Raises:
            PlanError: an intersection has no plan.
        """
        missing = [i.id for i in env.intersections if i.id not in self._plans]
        if missing:
            raise PlanError(f"{env.scenario.name}: no plan for intersection {missing[0]} ({len(missing)} in all)")
        plans = [self._plans[i.id] for i in env.intersections]
        self._interpreters = [PlanInterpreter(p, i) for p, i in zip(plans, env.intersections, strict=True)]
        self._detection = env.watch([plan.reach_m for plan in plans], truly=self._sees_truth)

    def decide(self, env: SignalEnv, situation: Situation) -> list[Request]:
        """(N,) stages that the plans want."""
        readings = self._detection.measure(env.vehicles)
        return [
            interpreter.request(readings.of(n), situation.states[n], situation.time_s)
            for n, interpreter in enumerate(self._interpreters)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """T decision steps of N intersections, padded; the last observation is there to bootstrap from."""

    seed: int
    observation: NDArray[np.float32]  # (T, N, D_max)
    legal: NDArray[np.bool_]  # (T, N, S_max)
    stage: NDArray[np.int64]  # (T, N) as ruled
    reward: Array  # (T, N)
    last_observation: NDArray[np.float32]  # (N, D_max)
    last_legal: NDArray[np.bool_]  # (N, S_max)
    overrides: int
    score: SeedScore | None  # None unless the env records
    cpu_s: float
    simulated_s: float

    @property
    def total_reward(self) -> Array:
        """(N,) undiscounted."""
        total: Array = self.reward.sum(axis=0)
        return total


def run_episode(env: SignalEnv, controller: Controller, seed: int) -> Episode:
    """Drive all signals through the scenario once; a recording env is closed and its run scored."""
    begin_cpu_s = time.process_time()
    controller.reset(env, seed)
    situation = env.reset(seed)
    observations = []
    legals = []
    stages = []
    rewards = []
    overrides = 0
    ended = False
    while not ended:
        observations.append(situation.observation)
        legals.append(situation.legal)
        transition = env.step(controller.decide(env, situation))
        stages.append(transition.stage)
        rewards.append(transition.reward)
        overrides += transition.overrides
        situation = transition.situation
        ended = transition.ended
    score = _close_and_score(env, seed)
    return Episode(
        seed=seed,
        observation=np.stack(observations),
        legal=np.stack(legals),
        stage=np.stack(stages),
        reward=np.stack(rewards),
        last_observation=situation.observation,
        last_legal=situation.legal,
        overrides=overrides,
        score=score,
        cpu_s=time.process_time() - begin_cpu_s,
        simulated_s=situation.time_s,
    )


def _close_and_score(env: SignalEnv, seed: int) -> SeedScore | None:
    """Close an env that records and score its run; None where it records nothing."""
    if env.record is None:
        return None
    return close_and_score(
        env, env.record, env.scenario, env.network, env.site, seed=seed, route_files=env.route_files
    )
