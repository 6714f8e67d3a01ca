"""The expert's side of the learning: what it demonstrated, what it says about states it is asked about, what it earned."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Demonstrations
from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.domain.road_users import Weights
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.errors import DemonstrationError, MismatchError
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.rollout import Rollout

Array = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


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
    usable: NDArray[np.bool_]  # (N, M) the expert had a choice, and its choice was legal
    weight: NDArray[np.float32]  # (N, M) f(A_e)

    def __len__(self) -> int:
        return int(self.stage.shape[1])


def is_left_aside(manifest: DemonstrationManifest, config: TrainConfig) -> bool:
    """Whether the demonstrated plans lost to the fallback cycle, so that own experience had better begin without them.

    Both were tried on the author's hours. Who asks for cloning alone gets it.
    """
    is_worse = manifest.delay_s > manifest.baseline_delay_s
    return is_worse and not config.follow_worse_expert and config.episodes > 0


def check_demonstrations(
    manifest: DemonstrationManifest, config: TrainConfig, network: Network, site: Site
) -> None:
    """Refuse demonstrations that were made for something else.

    Raises:
        MismatchError: another network, site, interval, reach or reward.
    """
    where = config.demonstrations
    pairs = (
        ("network", manifest.network_digest[:12], network.digest()[:12], "generate for this scenario"),
        ("site limits", manifest.site_digest[:12], site.digest[:12], "generate with the same --site"),
        (
            "decision interval",
            f"{manifest.decision_interval_s:g} s",
            f"{config.decision_interval_s:g} s",
            "use the same one",
        ),
        ("detector reach", f"{manifest.reach_m:g} m", f"{config.reach_m:g} m", "use the same one"),
        ("reward", manifest.reward, str(config.reward), "use the same one"),
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
                f"{where}: made on {manifest.scenario} for {what} {made_for}, this training has {asked}; {advice}"
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
            shown: Trajectory | None = by_key.get((intersection.id, seed))
            if shown is None:
                raise DemonstrationError(f"no demonstration of {intersection.id} on seed {seed}; generate again")
            observation[k, :, i, : shown.observation.shape[1]] = shown.observation
            legal[k, :, i, : shown.legal.shape[1]] = shown.legal
            stage[k, :, i], reward[k, :, i] = shown.stage, shown.reward
    return Demonstrated(observation=observation, legal=legal, stage=stage, reward=reward)


def steps_of(demonstrated: Demonstrated) -> ExpertSteps:
    """The demonstrated choices, one row of steps per intersection."""
    stage = _by_agent(demonstrated.stage)
    legal = _by_agent(demonstrated.legal)
    return ExpertSteps(
        observation=_by_agent(demonstrated.observation),
        legal=legal,
        stage=stage,
        usable=legal.sum(axis=2) > 1,
        weight=np.ones(stage.shape, dtype=np.float32),
    )


def labelled_steps(rollout: Rollout) -> ExpertSteps:
    """What the expert says about every state of a rollout; a choice that was not legal teaches nothing.

    Raises:
        ValueError: the rollout was not labelled.
    """
    if rollout.label is None:
        raise ValueError("need a rollout with an expert's labels, got none")
    legal = np.ascontiguousarray(rollout.episode.legal.swapaxes(0, 1))
    stage = np.ascontiguousarray(rollout.label.T)
    may = np.take_along_axis(legal, stage[..., None], axis=2)[..., 0]
    return ExpertSteps(
        observation=np.ascontiguousarray(rollout.episode.observation.swapaxes(0, 1)),
        legal=legal,
        stage=stage,
        usable=may & (legal.sum(axis=2) > 1),
        weight=np.ones(stage.shape, dtype=np.float32),
    )


def join_steps(parts: list[ExpertSteps]) -> ExpertSteps:
    """All steps one after the other."""
    return ExpertSteps(
        observation=np.concatenate([p.observation for p in parts], axis=1),
        legal=np.concatenate([p.legal for p in parts], axis=1),
        stage=np.concatenate([p.stage for p in parts], axis=1),
        usable=np.concatenate([p.usable for p in parts], axis=1),
        weight=np.concatenate([p.weight for p in parts], axis=1),
    )


def _by_agent(x: NDArray[Kind]) -> NDArray[Kind]:
    """(N, E T, ...) from (E, T, N, ...)."""
    e, t, n = x.shape[:3]
    return np.ascontiguousarray(np.moveaxis(x, 2, 0)).reshape(n, e * t, *x.shape[3:])
