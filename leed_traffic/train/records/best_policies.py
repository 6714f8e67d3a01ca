"""best.pt: the policies with the least validation delay so far, and golden observations for their export."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leed_traffic.errors import TrainingError
from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.records.checkpoint import describe, read_checkpoint, write_checkpoint
from leed_traffic.train.rollout import ActorWeights

GOLDEN_VECTORS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BestPolicies:
    """Policies of a run, and where it stood when it had them."""

    actor: ActorWeights
    golden_observation: NDArray[np.float32]  # (K, N, D_max)
    golden_legal: NDArray[np.bool_]  # (K, N, S_max)
    delay_s: float  # mean, validation hours
    unit: int
    episodes: int  # on-policy
    simulated_hours: float

    def write(self, path: Path) -> None:
        """Write as a whole or not at all.

        Raises:
            TrainingError: it cannot be written.
        """
        content = {
            "actor": {name: torch.from_numpy(value) for name, value in self.actor._asdict().items()},
            "golden_observation": torch.from_numpy(self.golden_observation),
            "golden_legal": torch.from_numpy(self.golden_legal),
            "delay_s": self.delay_s,
            "unit": self.unit,
            "episodes": self.episodes,
            "simulated_hours": self.simulated_hours,
        }
        write_checkpoint(path, content)


def golden_steps(episode: Episode) -> NDArray[np.intp]:
    """(K,) steps of an hour whose observations travel with the policies, evenly spread."""
    return np.linspace(0, len(episode.stage) - 1, GOLDEN_VECTORS).astype(np.intp)


def read_best(path: Path) -> BestPolicies:
    """Read the best policies of a run.

    Raises:
        TrainingError: missing or damaged.
    """
    content = read_checkpoint(path)
    try:
        return BestPolicies(
            actor=ActorWeights(*(content["actor"][name].numpy() for name in ActorWeights._fields)),
            golden_observation=content["golden_observation"].numpy(),
            golden_legal=content["golden_legal"].numpy(),
            delay_s=content["delay_s"],
            unit=content["unit"],
            episodes=content["episodes"],
            simulated_hours=content["simulated_hours"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as err:
        raise TrainingError(f"{path}: damaged checkpoint ({describe(err)}); train again") from err
