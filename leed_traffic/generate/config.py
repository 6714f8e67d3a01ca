"""Settings of `leedctl generate`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from leed_traffic.domain.document import Settings, Written
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.seeds import demonstration_seeds_of, seeds_as_text
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.simulation.env.signal_env import Reward


class AuthorName(StrEnum):
    """Authors that may be chosen: two embedded ones, a language model, and plans that are there already."""

    WEBSTER = "webster"
    SEARCH = "search"
    VLLM = "vllm"
    GIVEN = "given"


class GenerateConfig(Settings):
    """Settings of `leedctl generate`."""

    scenario: str
    """Name of a scenario, or path of a .sumocfg."""
    out: Path
    """Folder to write; older demonstrations there are replaced."""
    author: AuthorName = AuthorName.SEARCH
    """Who writes the plans; webster and search need no language model."""
    plans: Path | None = None
    """With --author given: a plans.json, or the demonstrations folder that holds one."""
    runs: int = Field(default=90, ge=1)
    """Hours that the search may spend; under 42 it spends 6 and only chooses between two rules."""
    seeds: Annotated[tuple[int, ...], Written(read=demonstration_seeds_of, write=seeds_as_text)] = Field(
        default=(1, 2, 3), min_length=1
    )
    """Demand seeds of the demonstrations: a count, a range or a list."""
    workers: int = Field(default=1, ge=1)
    """Parallel simulations; the result does not depend on it."""
    site: str | None = None
    """Signal limits: as-net, or a site file; else the scenario's own."""
    spread: float | None = Field(default=None, ge=0.0, le=1.0)
    """How much days differ (docs/networks.md); else as the scenario says."""
    seed: int = Field(default=1, ge=0)
    """Of the search's random changes."""
    decision_interval_s: float = Field(default=DEFAULT_DECISION_INTERVAL_S, gt=0.0)
    """Seconds between two decisions; policies trained on the demonstrations decide as often."""
    reach_m: float = Field(default=DEFAULT_REACH_M, ge=10.0, le=200.0)
    """Metres that the observation's detectors see."""
    reward: Reward = Reward.TIME_LOSS
    """Local reward that is recorded and that credits an intersection's plan."""
    sensing: str = "ideal"
    """What plans see: ideal, camera, loops, or a sensing file."""
    language: ModelConfig | None = None
    """For the author `vllm`: which model, asked how."""
