"""Settings of `leedctl benchmark`."""

from pathlib import Path

from pydantic import Field, field_validator

from leed_traffic.benchmark.learners import find_learners
from leed_traffic.domain.document import Settings
from leed_traffic.generate.search.budget import SHORT_RUNS


class StudyConfig(Settings):
    """Settings of a study."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    """Names, or paths of .sumocfg files."""
    out: Path
    """Folder of all runs; given again, the study goes on there."""
    learners: str = "leed,ippo,mappo,shared-ppo,clone"
    """Who learns, comma-separated; --list names them all."""
    site: str | None = None
    """Limits: as-net; else each scenario's own."""
    training_seeds: int = Field(default=5, ge=1)
    """Runs of each learner; seeds 1 to this: of search, weights, choices and training demand."""
    evaluation_seeds: int = Field(default=5, ge=1)
    """Unseen hours for every final policy, from seed 1001."""
    validation_seeds: int = Field(default=3, ge=1)
    """Hours on which the curves are measured and the exported policies chosen."""
    episodes: int = Field(default=16, ge=0)
    """On-policy hours of a learner with an expert."""
    long_episodes: int = Field(default=96, ge=0)
    """On-policy hours of a learner without one."""
    search_runs: int = Field(default=SHORT_RUNS, ge=SHORT_RUNS)
    """Hours of the search; under 42 it spends 6 and only chooses between two rules."""
    workers: int = Field(default=2, ge=0)
    """Training runs at a time, one process each; 0: one after the other in this process."""

    @field_validator("learners")
    @classmethod
    def _known(cls, names: str) -> str:
        find_learners(names)
        return names
