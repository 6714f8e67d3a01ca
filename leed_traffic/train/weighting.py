"""Weight w of the expert loss, one per intersection, moved once per update (formulas: train/similarity.py)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leed_traffic.errors import TrainingError
from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.config import ExpertWeight, ExpertWeightConfig, Similarity
from leed_traffic.train.expert import Demonstrated
from leed_traffic.train.similarity import (
    distances,
    expert_floor,
    return_gate,
    similarity,
    smooth_weight,
    switch_off,
    thin_out,
)

Array = NDArray[np.float64]

MAX_REFERENCES = 3  # demonstrated hours that an agent's hour is compared with


class ExpertWeighting:
    """Weights w of a run and what they are made of."""

    def __init__(self, demonstrated: Demonstrated | None, n: int, config: ExpertWeightConfig) -> None:
        """Measure the expert against itself.

        Args:
            demonstrated: None: no expert, w = 0.
            n: N.
            config: how to weigh.

        Raises:
            TrainingError: the similarity needs two demonstrated hours to know how much the expert itself varies.
        """
        self._config = config
        self._n = n
        self._kind = config.expert_weight if demonstrated is not None else ExpertWeight.NONE
        self._smoothed: Array | None = None
        self._updates = 0
        self.similarity = np.full(n, np.nan)
        self.gate = np.full(n, np.nan)
        self._references: list[Array] = []
        if demonstrated is None or self._kind is not ExpertWeight.DYNAMIC:
            return
        self._expert_return = demonstrated.mean_return
        if config.similarity is not Similarity.OFF:
            hours = demonstrated.observation[:MAX_REFERENCES]
            if len(hours) < 2:
                raise TrainingError(
                    "the similarity needs at least 2 demonstrated hours, got 1; "
                    "generate with more seeds or set similarity off"
                )
            self._references = [thin_out(hour) for hour in hours]
            self._floor = expert_floor(self._references)

    def update(self, episodes: Sequence[Episode]) -> Array:
        """(N,) w for the experience at hand."""
        if self._kind is ExpertWeight.NONE:
            return np.zeros(self._n)
        if self._kind is ExpertWeight.FIXED:
            return np.full(self._n, self._config.fixed_weight)
        if self._kind is ExpertWeight.DECAY:
            w = self._config.fixed_weight * self._config.decay_rate**self._updates
            self._updates += 1
            return switch_off(np.full(self._n, w))
        agent_return = np.mean([episode.total_reward for episode in episodes], axis=0)
        self.gate = return_gate(
            self._expert_return, agent_return, self._config.gate, margin=self._config.gate_margin
        )
        fresh = self.gate
        if self._references and self.gate.any():  # DTW costs time and a closed gate hides it
            d = np.mean([distances(e.observation, self._references) for e in episodes[:MAX_REFERENCES]], axis=0)
            self.similarity = similarity(d, self._floor)
            is_near = self._config.similarity is Similarity.LEAN_WHEN_NEAR
            # w = (1 - sim) gate
            fresh = (self.similarity if is_near else 1.0 - self.similarity) * self.gate
        self._smoothed = smooth_weight(self._smoothed, fresh, smoothing=self._config.weight_smoothing)
        return switch_off(self._smoothed)

    def state(self) -> dict[str, Any]:
        """Values for a checkpoint."""
        return {"smoothed": None if self._smoothed is None else self._smoothed.tolist(), "updates": self._updates}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self._smoothed = None if state["smoothed"] is None else np.array(state["smoothed"])
        self._updates = state["updates"]
