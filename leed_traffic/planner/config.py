"""Settings of `leedctl planner train` and `examine`."""

from pathlib import Path

from pydantic import Field

from leed_traffic.domain.document import Settings
from leed_traffic.generate.language_model.config import ModelConfig


class FineTuneConfig(Settings):
    """Settings of `leedctl planner train`."""

    lessons: Path
    """lessons.jsonl of `leedctl planner lessons`."""
    out: Path
    """Folder to write, as vLLM loads it."""
    epochs: float = Field(default=1.0, gt=0.0)
    """Times that each lesson is seen."""
    hidden: int = Field(default=256, ge=32, multiple_of=32)
    """Width, a multiple of 32, which is the width of a head."""
    layers: int = Field(default=4, ge=1)
    """Depth."""
    batch: int = Field(default=2, ge=1)
    """Briefs behind one step, with all lessons about them."""
    learning_rate: float = Field(default=1.5e-3, gt=0.0)
    """Highest; rises at first, then falls along half a cosine."""
    threads: int = Field(default=1, ge=1)
    """Of torch."""
    seed: int = Field(default=1, ge=0)
    """Of weights and order."""


class ExamConfig(Settings):
    """Settings of `leedctl planner examine`."""

    out: Path
    """Folder to write: junctions, transcripts, exam.json."""
    language: ModelConfig = ModelConfig(rounds=2)
    """The model and how it is asked; its rounds are the exam's."""
    junctions: int = Field(default=10, ge=1)
    """Unseen junctions."""
    seed: int = Field(default=1001, ge=0)
    """Of the junctions; not that of the lessons."""
