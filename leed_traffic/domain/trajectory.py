"""Trajectory of one intersection: what it saw, did and earned, step by step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """T consecutive decision steps of one intersection in one episode.

    Raises:
        ValueError: lengths differ, a number is not finite, or a chosen stage was not legal.
    """

    intersection: str
    seed: int
    observation: NDArray[np.float32]  # (T, D)
    stage: NDArray[np.int64]  # (T,) the stage that was shown next, after the ruling
    reward: NDArray[np.float64]  # (T,) of the step that followed
    legal: NDArray[np.bool_]  # (T, S)

    def __post_init__(self) -> None:
        t = len(self.stage)
        for name in ("observation", "reward", "legal"):
            if len(getattr(self, name)) != t:
                raise ValueError(
                    f"{self.intersection}: {name} has {len(getattr(self, name))} steps, stage has {t}"
                )
        if not (np.isfinite(self.observation).all() and np.isfinite(self.reward).all()):
            raise ValueError(f"{self.intersection}: an observation or a reward is not finite")
        is_known = (self.stage >= 0) & (self.stage < self.legal.shape[1])  # -1 would mean the last one
        is_sound = is_known.copy()
        is_sound[is_known] = self.legal[is_known, self.stage[is_known]]
        if not is_sound.all():
            step = int(np.argmin(is_sound))
            raise ValueError(f"{self.intersection}: stage {self.stage[step]} at step {step} was not legal")

    def __len__(self) -> int:
        return len(self.stage)

    @property
    def total_reward(self) -> float:
        """Undiscounted sum."""
        return float(self.reward.sum())
