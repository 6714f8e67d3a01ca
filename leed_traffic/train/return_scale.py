"""Scale of the rewards: each intersection's own, so that one rate of learning suits all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_RETURN_STD = 1e-3


class ReturnScale:
    """Running standard deviation of each intersection's discounted return, by which its rewards are divided."""

    def __init__(self, n: int) -> None:
        self.count = 0.0
        self.mean = np.zeros(n)
        self.square = np.zeros(n)

    def add(self, returns: Array) -> None:
        """Take in (T, N) discounted returns (Chan et al. 1979)."""
        count = float(len(returns))
        shift = returns.mean(axis=0) - self.mean
        total = self.count + count
        self.mean = self.mean + shift * count / total
        self.square = self.square + returns.var(axis=0) * count + shift**2 * self.count * count / total
        self.count = total

    @property
    def std(self) -> Array:
        """(N,) in vehicles; 1 before anything was seen."""
        if self.count == 0.0:
            return np.ones_like(self.mean)
        return np.maximum(np.sqrt(self.square / self.count), MIN_RETURN_STD)

    def state(self) -> dict[str, Any]:
        """Values for a checkpoint."""
        return {"count": self.count, "mean": self.mean.tolist(), "square": self.square.tolist()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.count = state["count"]
        self.mean = np.array(state["mean"])
        self.square = np.array(state["square"])
