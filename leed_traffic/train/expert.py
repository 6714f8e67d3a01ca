"""Choices of the expert as arrays: demonstrated hours, and labels for the states that the policies reach."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Demonstrations
from leed_traffic.artifacts.sealed_folder import sha256
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.domain.road_users import Weights
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import DemonstrationError, MismatchError
from leed_traffic.train.config import EnvConfig, TrainConfig
from leed_traffic.train.rollout import Plans, Rollout

Array = NDArray[np.float64]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrated:
    """E demonstrated hours of N intersections, padded; all hours have T steps."""

    observation: NDArray[np.float32]  # (E, T, N, D_max)
    legal: NDArray[np.bool_]  # (E, T, N, S_max)
    stage: NDArray[np.int64]  # (E, T, N)
    reward: Array  # (E, T, N)

    @property
    def mean_return(self) -> Array:
        """(N,) R_E, undiscounted."""
        out: Array = self.reward.sum(axis=1).mean(axis=0)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertSteps:
    """M states per intersection with the expert's choice."""

    observation: NDArray[np.float32]  # (N, M, D_max)
    legal: NDArray[np.bool_]  # (N, M, S_max)
    stage: NDArray[np.int64]  # (N, M)
    has_choice: NDArray[np.bool_]  # (N, M) the expert had a choice, and its choice was legal
    weight: NDArray[np.float32]  # (N, M) f(A_e)

    def __len__(self) -> int:
        return int(self.stage.shape[1])


class Expert:
    """Plans of an expert with everything that they said: demonstrated hours and labels."""

    def __init__(self, plans: Plans, demonstrated: Demonstrated) -> None:
        self.plans = plans
        self.demonstrated = demonstrated
        self.labelled: list[ExpertSteps] = []

    @classmethod
    def of(
        cls, demonstrations: Demonstrations, network: Network, shape: tuple[int, int], n_stages: int
    ) -> "Expert":
        """Stack the demonstrations; see `stack_demonstrations`."""
        return cls(demonstrations.plans, stack_demonstrations(demonstrations, network, shape, n_stages))

    def steps(self) -> ExpertSteps:
        """Demonstrated and labelled choices."""
        return join_steps([steps_of(self.demonstrated), *self.labelled])

    def state(self) -> list[dict[str, torch.Tensor]]:
        """Labels for a checkpoint."""
        return [
            {field.name: torch.from_numpy(getattr(part, field.name)) for field in fields(part)}
            for part in self.labelled
        ]

    def load_state(self, state: list[dict[str, torch.Tensor]]) -> None:
        """Go on from `state()`."""
        self.labelled = [ExpertSteps(**{name: value.numpy() for name, value in part.items()}) for part in state]


def demonstrations_digest(manifest: DemonstrationManifest) -> str:
    """sha256 by which a run names the demonstrations that it learned from."""
    return sha256(manifest.model_dump_json().encode())


def is_left_aside(manifest: DemonstrationManifest, config: TrainConfig) -> bool:
    """True if the demonstrated plans lost to the fallback cycle, so that PPO had better begin without them.

    Both were tried on the author's hours. A run that only clones follows them all the same.
    """
    is_worse = manifest.delay_s > manifest.baseline_delay_s
    return is_worse and not config.follow_worse_expert and config.ppo.episodes > 0


def check_demonstrations(
    manifest: DemonstrationManifest, folder: Path, env: EnvConfig, network: Network, site: Site
) -> None:
    """Refuse demonstrations that were made for something else.

    Args:
        manifest: of the demonstrations.
        folder: where they lie.
        env: what this training asks for.
        network: of this training.
        site: its limits.

    Raises:
        MismatchError: another network, site, interval, reach or reward.
    """
    pairs = (
        ("network", manifest.network_digest[:12], network.digest()[:12], "generate for this scenario"),
        ("site limits", manifest.site_digest[:12], site.digest[:12], "generate with the same --site"),
        (
            "decision interval",
            f"{manifest.decision_interval_s:g} s",
            f"{env.decision_interval_s:g} s",
            "use the same one",
        ),
        ("detector reach", f"{manifest.reach_m:g} m", f"{env.reach_m:g} m", "use the same one"),
        ("reward", manifest.reward, str(env.reward), "use the same one"),
        (
            "weights of road users",
            _worded(manifest.weights),
            _worded(site.weights),
            "generate with the same site file",
        ),
    )
    for what, made_for, asked, advice in pairs:
        if made_for != asked:
            raise MismatchError(
                f"{folder}: made on {manifest.scenario} for {what} {made_for}, this training has {asked}; {advice}"
            )


def _worded(weights: Weights) -> str:
    classes = [f"{kind} {weight:g}" for kind, weight in weights.classes]
    return ", ".join([*classes, f"persons {weights.persons:g}"])


def stack_demonstrations(
    demonstrations: Demonstrations, network: Network, shape: tuple[int, int], n_stages: int
) -> Demonstrated:
    """Trajectories as padded arrays in the network's order.

    Args:
        demonstrations: of the same network.
        network: N intersections.
        shape: (N, D_max).
        n_stages: S_max.

    Raises:
        DemonstrationError: hours of different lengths, or an intersection is missing.
    """
    seeds = sorted({t.seed for t in demonstrations.trajectories})
    by_key = {(t.intersection, t.seed): t for t in demonstrations.trajectories}
    lengths = {len(t) for t in demonstrations.trajectories}
    if len(lengths) != 1:
        raise DemonstrationError(
            f"demonstrated hours need one length, got {sorted(lengths)[:5]} steps; generate again"
        )
    e = len(seeds)
    t = lengths.pop()
    (n, d) = shape
    observation = np.zeros((e, t, n, d), dtype=np.float32)
    legal = np.zeros((e, t, n, n_stages), dtype=bool)
    stage = np.zeros((e, t, n), dtype=np.int64)
    reward = np.zeros((e, t, n))
    for k, seed in enumerate(seeds):
        for i, intersection in enumerate(network.intersections):
            trajectory: Trajectory | None = by_key.get((intersection.id, seed))
            if trajectory is None:
                raise DemonstrationError(f"no demonstration of {intersection.id} on seed {seed}; generate again")
            observation[k, :, i, : trajectory.observation.shape[1]] = trajectory.observation
            legal[k, :, i, : trajectory.legal.shape[1]] = trajectory.legal
            stage[k, :, i] = trajectory.stage
            reward[k, :, i] = trajectory.reward
    return Demonstrated(observation=observation, legal=legal, stage=stage, reward=reward)


def steps_of(demonstrated: Demonstrated) -> ExpertSteps:
    """Demonstrated choices, one row of steps per intersection."""
    stage = by_intersection(demonstrated.stage)
    legal = by_intersection(demonstrated.legal)
    return ExpertSteps(
        observation=by_intersection(demonstrated.observation),
        legal=legal,
        stage=stage,
        has_choice=legal.sum(axis=2) > 1,
        weight=np.ones(stage.shape, dtype=np.float32),
    )


def labelled_steps(rollout: Rollout) -> ExpertSteps:
    """Labels of the expert for every state of a rollout; a choice that was not legal teaches nothing.

    Raises:
        ValueError: the rollout was not labelled.
    """
    if rollout.label is None:
        raise ValueError("need a rollout with an expert's labels, got none")
    legal = by_intersection([rollout.episode.legal])
    stage = by_intersection([rollout.label])
    is_legal = np.take_along_axis(legal, stage[..., None], axis=2)[..., 0]
    return ExpertSteps(
        observation=by_intersection([rollout.episode.observation]),
        legal=legal,
        stage=stage,
        has_choice=is_legal & (legal.sum(axis=2) > 1),
        weight=np.ones(stage.shape, dtype=np.float32),
    )


def join_steps(parts: list[ExpertSteps]) -> ExpertSteps:
    """Join steps one after the other."""
    return ExpertSteps(
        observation=np.concatenate([p.observation for p in parts], axis=1),
        legal=np.concatenate([p.legal for p in parts], axis=1),
        stage=np.concatenate([p.stage for p in parts], axis=1),
        has_choice=np.concatenate([p.has_choice for p in parts], axis=1),
        weight=np.concatenate([p.weight for p in parts], axis=1),
    )


def by_intersection(hours: Sequence[NDArray[Scalar]] | NDArray[Scalar]) -> NDArray[Scalar]:
    """(N, E T, ...) from E arrays of (T, N, ...), or from one of (E, T, N, ...)."""
    return np.ascontiguousarray(np.concatenate(hours).swapaxes(0, 1))
