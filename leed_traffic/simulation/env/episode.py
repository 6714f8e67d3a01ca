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
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import PlanError
from leed_traffic.simulation.env.signal_env import Request, SignalEnv
from leed_traffic.simulation.score.score import STUCK_S, SeedScore, read_score


class Controller(Protocol):
    """Decides for all signals of an env: policies, plans, incumbents."""

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
        """(N,) what the plans want."""
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
    """Drive all signals through the scenario once; a recording env is scored, and its simulation closed."""
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
    score = _score(env, seed)
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


def _score(env: SignalEnv, seed: int) -> SeedScore | None:
    """End the simulation of a recording env and read its score; None: it does not record."""
    if env.record is None:
        return None
    stuck_veh = env.standing(STUCK_S)
    env.close()
    return read_score(
        env.record,
        env.scenario,
        env.network,
        env.site,
        seed=seed,
        route_files=env.route_files,
        stuck_veh=stuck_veh,
    )


def trajectories_of(episode: Episode, env: SignalEnv) -> tuple[Trajectory, ...]:
    """Cut an episode into one trajectory per intersection, without padding."""
    return tuple(
        Trajectory(
            intersection=intersection.id,
            seed=episode.seed,
            observation=episode.observation[:, n, : env.specs[n].size],
            stage=episode.stage[:, n],
            reward=episode.reward[:, n],
            legal=episode.legal[:, n, : intersection.n_stages],
        )
        for n, intersection in enumerate(env.intersections)
    )
