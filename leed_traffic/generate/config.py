"""Settings of one generation."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field

from leed_traffic.domain.document import Document
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.simulation.env.signal_env import Reward


class AuthorName(StrEnum):
    """Authors that may be chosen: two embedded ones, a language model, and plans that are there already."""

    WEBSTER = "webster"
    SEARCH = "search"
    VLLM = "vllm"
    GIVEN = "given"


class GenerateConfig(Document):
    """Settings of `leedctl generate`."""

    scenario: str
    """Name of a scenario or path of a .sumocfg."""
    out: Path
    """Folder to write."""
    author: AuthorName = AuthorName.SEARCH
    """Writer of the plans."""
    plans: Path | None = None
    """For the author `given`: a `plans.json`, or the demonstrations folder that holds one."""
    site: str | None = None
    """Limits: None for the scenario's own, `as-net`, or a site file."""
    spread: float | None = Field(default=None, ge=0.0, le=1.0)
    """Difference of days; None: as the scenario says, a plain `.sumocfg` not at all."""
    runs: int = Field(default=90, ge=1)
    """Hours that the search may spend, demonstrations not counted; under `least_runs()` it only chooses a rule."""
    seeds: tuple[int, ...] = Field(default=(1, 2, 3), min_length=1)
    """Demand seeds of the demonstrations."""
    seed: int = Field(default=1, ge=0)
    """Seed of the search's random changes."""
    workers: int = Field(default=1, ge=1)
    """Parallel simulations; the result does not depend on it."""
    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Between two requests; policies trained on the demonstrations decide as often."""
    reach_m: float = Field(default=DEFAULT_REACH_M, gt=0.0)
    """Reach of the observation's detectors."""
    reward: Reward = Reward.TIME_LOSS
    """Local reward that is recorded and that credits an intersection's plan."""
    sensing: str = "ideal"
    """Detectors of the plans and the observation: `ideal`, `camera`, `loops` or a sensing file."""
    language: ModelConfig | None = None
    """For the author `vllm`: which model, asked how."""
