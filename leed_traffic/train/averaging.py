"""Mean of the policies of a run's updates: steadier than any one of them.

    mean_t = mean_t-1 + (eta + 1) / (t + eta) (theta_t - mean_t-1)

Polynomial-decay averaging (Shamir and Zhang 2013, section 4): after t updates an update s weighs about as s^eta, so
early ones fade as the run goes on, and no horizon must be chosen. With eta = 2 half the weight lies on the last
fifth.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leed_traffic.train.rollout import ActorWeights


class PolicyAverage:
    """Running mean of stacked actors, in double precision."""

    def __init__(self, eta: float) -> None:
        """Begin with nothing.

        Args:
            eta: 0 weighs all updates alike; the larger, the more the latest.
        """
        self._eta = eta
        self.count = 0
        self._parts: list[NDArray[np.float64]] = []

    def add(self, weights: ActorWeights) -> None:
        """Take in the actors after one more update."""
        self.count += 1
        share = (self._eta + 1.0) / (self.count + self._eta)  # 1 at the first
        if not self._parts:
            self._parts = [part.astype(np.float64) for part in weights]
        for mean, part in zip(self._parts, weights, strict=True):
            mean += share * (part - mean)

    @property
    def weights(self) -> ActorWeights:
        """Mean of the actors, ready to drive.

        Raises:
            ValueError: nothing was added.
        """
        if not self._parts:
            raise ValueError("no update yet, so no mean")
        return ActorWeights(*(mean.astype(np.float32) for mean in self._parts))

    def state(self) -> dict[str, Any]:
        """Values that a bit-for-bit continuation needs."""
        return {"count": self.count, "parts": [torch.from_numpy(part) for part in self._parts]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.count = state["count"]
        self._parts = [part.numpy() for part in state["parts"]]
