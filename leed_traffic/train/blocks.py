"""The learner in blocks of intersections: what one thread, or one machine of a cluster, takes over.

No parameter is shared between intersections, so a block learns by itself, from a stream of chance of its own. Who
carries a block out, and how many others there are, changes no bit of the result; a baseline that shares parameters
is one block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.expert import Demonstrated, ExpertSteps
from leed_traffic.train.learner import Learner
from leed_traffic.train.rollout import ActorWeights

Array = NDArray[np.float64]

BLOCK_SIZE = 32  # intersections; fewer waste time on small calls, more overflow the cache (docs/scale.md)
_SEEDS_APART = 1_000_003  # a prime: the blocks of one run and of its neighbours' seeds draw different weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive intersections that are stacked into one learner."""

    first: int
    sizes: tuple[int, ...]  # D of each
    n_stages_max: int
    config: TrainConfig  # with the block's own seed

    @property
    def rows(self) -> slice:
        """Its intersections among all."""
        return slice(self.first, self.first + len(self.sizes))

    def new_learner(self) -> Learner:
        """With drawn parameters."""
        return Learner(self.sizes, self.n_stages_max, self.config)

    def of_episode(self, episode: Episode) -> Episode:
        """Its part of an hour."""
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
        """Its part of the expert's choices."""
        rows = self.rows
        return ExpertSteps(
            observation=steps.observation[rows, :, : max(self.sizes)],
            legal=steps.legal[rows],
            stage=steps.stage[rows],
            usable=steps.usable[rows],
            weight=steps.weight[rows],
        )

    def of_demonstrated(self, demonstrated: Demonstrated) -> Demonstrated:
        """Its part of the demonstrated hours."""
        rows = self.rows
        return Demonstrated(
            observation=demonstrated.observation[:, :, rows, : max(self.sizes)],
            legal=demonstrated.legal[:, :, rows],
            stage=demonstrated.stage[:, :, rows],
            reward=demonstrated.reward[:, :, rows],
        )


def cut_into_blocks(
    sizes: Sequence[int], n_stages_max: int, config: TrainConfig, *, size: int = BLOCK_SIZE
) -> list[Block]:
    """N intersections in blocks; the first block's seed is the run's.

    Args:
        sizes: (N,) D of each intersection.
        n_stages_max: S_max.
        config: of the run.
        size: intersections per block.
    """
    return [
        Block(
            first=first,
            sizes=tuple(sizes[first : first + size]),
            n_stages_max=n_stages_max,
            config=config.model_copy(update={"seed": config.seed + k * _SEEDS_APART}),
        )
        for k, first in enumerate(range(0, len(sizes), size))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A method of `Learner` to call, and with what."""

    what: str
    arguments: tuple[Any, ...]


def carry_out(learner: Learner, order: Order) -> Any:  # noqa: ANN401  # whatever that method returns
    """Do what is ordered."""
    return getattr(learner, order.what)(*order.arguments)


class BlockWork(Protocol):
    """Carries blocks out, here or elsewhere, and keeps what they have learned."""

    def begin(self, blocks: Sequence[Block]) -> None:
        """From now on these blocks, with drawn parameters."""

    def carry_out(self, orders: Sequence[Order]) -> list[Any]:
        """One order per block; their results in the same order."""

    def states(self) -> list[dict[str, Any]]:
        """What each block's continuation needs."""

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from `states()`."""

    def weights(self) -> list[ActorWeights]:
        """The actors of each block."""


class BlockedLearner:
    """The learner of a run: `Learner` for all intersections, block by block."""

    def __init__(self, blocks: Sequence[Block], work: BlockWork) -> None:
        self._blocks = tuple(blocks)
        self._work = work
        self._share = np.array([len(block.sizes) for block in blocks], dtype=np.float64)
        self._share /= self._share.sum()
        work.begin(self._blocks)

    def clone(self, steps: ExpertSteps, n_steps: int) -> float:
        """See `Learner.clone`."""
        agreed = self._all("clone", [(block.of_steps(steps), n_steps) for block in self._blocks])
        return float(self._share @ np.array(agreed))

    def soften(self, steps: ExpertSteps) -> None:
        """See `Learner.soften`."""
        self._all("soften", [(block.of_steps(steps),) for block in self._blocks])

    def fit_critic(self, demonstrated: Demonstrated, n_steps: int) -> None:
        """See `Learner.fit_critic`."""
        self._all("fit_critic", [(block.of_demonstrated(demonstrated), n_steps) for block in self._blocks])

    def advantage_weights(self, demonstrated: Demonstrated) -> NDArray[np.float32]:
        """See `Learner.advantage_weights`."""
        parts = self._all("advantage_weights", [(block.of_demonstrated(demonstrated),) for block in self._blocks])
        return np.concatenate(parts)

    def update(
        self, episodes: Sequence[Episode], expert: ExpertSteps | None, w: Array, *, critic_only: bool = False
    ) -> dict[str, float]:
        """See `Learner.update`."""
        arguments = []
        for block in self._blocks:
            own = [block.of_episode(episode) for episode in episodes]
            steps = None if expert is None else block.of_steps(expert)
            arguments.append((own, steps, w[block.rows], critic_only))
        means = self._all("update", arguments)
        names = list(dict.fromkeys(name for mean in means for name in mean))
        parts = {name: np.array([mean.get(name, 0.0) for mean in means]) for name in names}
        return {
            name: float(part.sum() if name == "skipped" else self._share @ part) for name, part in parts.items()
        }

    def weights(self) -> ActorWeights:
        """The actors of all intersections, padded to D_max."""
        parts = self._work.weights()
        d_max = max(part.w1.shape[1] for part in parts)
        w0, w1 = (
            [_padded(w, d_max) for w in column]
            for column in zip(*((part.w0, part.w1) for part in parts), strict=True)
        )
        rest = (np.concatenate(column) for column in list(zip(*parts, strict=True))[2:])
        return ActorWeights(np.concatenate(w0), np.concatenate(w1), *rest)

    def state(self) -> dict[str, Any]:
        """Everything that a bit-for-bit continuation needs."""
        return {"blocks": self._work.states()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`.

        Raises:
            ValueError: it holds other blocks.
        """
        if len(state["blocks"]) != len(self._blocks):
            raise ValueError(f"need {len(self._blocks)} blocks, got {len(state['blocks'])}")
        self._work.load_states(state["blocks"])

    def _all(self, what: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return self._work.carry_out([Order(what=what, arguments=one) for one in arguments])


def _padded(w: NDArray[np.float32], d_max: int) -> NDArray[np.float32]:
    """(N, D_max, ...) from (N, D, ...): zeros for the inputs that a block does not have."""
    return np.pad(w, ((0, 0), (0, d_max - w.shape[1]), (0, 0)))
