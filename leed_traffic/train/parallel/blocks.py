"""Blocks of intersections: parts of the learner for one thread, or one machine of a cluster.

No parameter is shared between intersections, so a block learns by itself, from a stream of chance of its own.
Where it is worked on, and how many others there are, changes no bit of the result; a baseline that shares
parameters is one block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.config import CloningConfig, LearnerConfig, PpoConfig
from leed_traffic.train.expert import Demonstrated, ExpertSteps
from leed_traffic.train.learner import Learner, Rates
from leed_traffic.train.rollout import ActorWeights

Array = NDArray[np.float64]
Result = TypeVar("Result")

BLOCK_SIZE = 32  # intersections; fewer waste time on small calls, more overflow the cache (docs/scale.md)
_SEEDS_APART = 1_000_003  # a prime: the blocks of one run and of its neighbours' seeds draw different weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive intersections that are stacked into one learner."""

    first: int
    sizes: tuple[int, ...]  # D of each
    n_stages_max: int
    config: LearnerConfig
    seed: int  # of its own

    @property
    def rows(self) -> slice:
        """Positions of its intersections among all."""
        return slice(self.first, self.first + len(self.sizes))

    def new_learner(self) -> Learner:
        """Learner of its intersections with drawn parameters."""
        return Learner(self.sizes, self.n_stages_max, self.config, seed=self.seed)

    def of_episode(self, episode: Episode) -> Episode:
        """Hour of its intersections."""
        rows = self.rows
        d = max(self.sizes)
        return replace(
            episode,
            observation=episode.observation[:, rows, :d],
            legal=episode.legal[:, rows],
            stage=episode.stage[:, rows],
            reward=episode.reward[:, rows],
            last_observation=episode.last_observation[rows, :d],
            last_legal=episode.last_legal[rows],
        )

    def of_steps(self, steps: ExpertSteps) -> ExpertSteps:
        """Choices of the expert at its intersections."""
        rows = self.rows
        return ExpertSteps(
            observation=steps.observation[rows, :, : max(self.sizes)],
            legal=steps.legal[rows],
            stage=steps.stage[rows],
            has_choice=steps.has_choice[rows],
            weight=steps.weight[rows],
        )

    def of_demonstrated(self, demonstrated: Demonstrated) -> Demonstrated:
        """Demonstrated hours of its intersections."""
        rows = self.rows
        return Demonstrated(
            observation=demonstrated.observation[:, :, rows, : max(self.sizes)],
            legal=demonstrated.legal[:, :, rows],
            stage=demonstrated.stage[:, :, rows],
            reward=demonstrated.reward[:, :, rows],
        )


def cut_into_blocks(
    sizes: Sequence[int], n_stages_max: int, config: LearnerConfig, *, seed: int, size: int = BLOCK_SIZE
) -> list[Block]:
    """Cut N intersections into blocks; the first block's seed is the run's.

    Args:
        sizes: (N,) D of each intersection.
        n_stages_max: S_max.
        config: of every learner.
        seed: of the run.
        size: intersections per block.
    """
    return [
        Block(
            first=first,
            sizes=tuple(sizes[first : first + size]),
            n_stages_max=n_stages_max,
            config=config,
            seed=seed + k * _SEEDS_APART,
        )
        for k, first in enumerate(range(0, len(sizes), size))
    ]


class BlockWorkers(Protocol):
    """Processors, here or elsewhere, that work on blocks and keep what these have learned."""

    def begin(self, blocks: Sequence[Block]) -> None:
        """Take these blocks, with drawn parameters."""

    def run(self, tasks: Sequence[Callable[[Learner], Result]]) -> list[Result]:
        """Run one task per block on the block's learner; results in the same order.

        A task can be pickled: a method of `Learner` with its arguments (`functools.partial`).
        """

    def states(self) -> list[dict[str, Any]]:
        """States of the blocks' learners: everything that a continuation needs."""

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from `states()`."""

    def weights(self) -> list[ActorWeights]:
        """Actors of each block."""


class BlockedLearner:
    """Learner of a run: `Learner` for all intersections, block by block."""

    def __init__(self, blocks: Sequence[Block], workers: BlockWorkers) -> None:
        self._blocks = tuple(blocks)
        self._workers = workers
        self._share = np.array([len(block.sizes) for block in blocks], dtype=np.float64)
        self._share /= self._share.sum()
        workers.begin(self._blocks)

    def clone(self, steps: ExpertSteps, n_steps: int, config: CloningConfig) -> float:
        """See `Learner.clone`."""
        tasks = [
            partial(Learner.clone, steps=block.of_steps(steps), n_steps=n_steps, config=config)
            for block in self._blocks
        ]
        return float(self._share @ np.array(self._workers.run(tasks)))

    def temper(self, steps: ExpertSteps, target_entropy: float) -> None:
        """See `Learner.temper`."""
        self._workers.run(
            [
                partial(Learner.temper, steps=block.of_steps(steps), target_entropy=target_entropy)
                for block in self._blocks
            ]
        )

    def fit_critic(self, demonstrated: Demonstrated, config: CloningConfig) -> None:
        """See `Learner.fit_critic`."""
        self._workers.run(
            [
                partial(Learner.fit_critic, demonstrated=block.of_demonstrated(demonstrated), config=config)
                for block in self._blocks
            ]
        )

    def advantage_weights(self, demonstrated: Demonstrated, beta: float) -> NDArray[np.float32]:
        """See `Learner.advantage_weights`."""
        tasks = [
            partial(Learner.advantage_weights, demonstrated=block.of_demonstrated(demonstrated), beta=beta)
            for block in self._blocks
        ]
        return np.concatenate(self._workers.run(tasks))

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
        """See `Learner.update`."""
        tasks = [
            partial(
                Learner.update,
                episodes=[block.of_episode(episode) for episode in episodes],
                expert=None if expert is None else block.of_steps(expert),
                w=w[block.rows],
                config=config,
                rates=rates,
                critic_only=critic_only,
            )
            for block in self._blocks
        ]
        means = self._workers.run(tasks)
        names = list(dict.fromkeys(name for mean in means for name in mean))
        parts = {name: np.array([mean.get(name, 0.0) for mean in means]) for name in names}
        return {
            name: float(part.sum() if name == "skipped" else self._share @ part) for name, part in parts.items()
        }

    def weights(self) -> ActorWeights:
        """Actors of all intersections, padded to D_max."""
        parts = self._workers.weights()
        d_max = max(part.w1.shape[1] for part in parts)
        w0, w1 = (
            [_padded(w, d_max) for w in column]
            for column in zip(*((part.w0, part.w1) for part in parts), strict=True)
        )
        rest = (np.concatenate(column) for column in list(zip(*parts, strict=True))[2:])
        return ActorWeights(np.concatenate(w0), np.concatenate(w1), *rest)

    def state(self) -> dict[str, Any]:
        """Values that a bit-for-bit continuation needs."""
        return {"blocks": self._workers.states()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`.

        Raises:
            ValueError: it holds other blocks.
        """
        if len(state["blocks"]) != len(self._blocks):
            raise ValueError(f"need {len(self._blocks)} blocks, got {len(state['blocks'])}")
        self._workers.load_states(state["blocks"])


def _padded(w: NDArray[np.float32], d_max: int) -> NDArray[np.float32]:
    """(N, D_max, ...) from (N, D, ...): zeros for the inputs that a block does not have."""
    return np.pad(w, ((0, 0), (0, d_max - w.shape[1]), (0, 0)))
