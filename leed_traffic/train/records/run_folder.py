"""Files of a training run: its settings, its street, its curve and its policies.

| file | content |
|---|---|
| `config.json` | the settings, `TrainConfig` |
| `setting.json` | network, site limits and provenance, so that exporting needs no simulator |
| `checkpoint.pt` | everything that a continuation needs, bit for bit |
| `best.pt` | the policies with the least validation delay so far, and golden observations |
| `metrics.jsonl` | one `MetricsRow` per unit of work: the learning curve |
| `timings.jsonl` | one `UnitTiming` per unit; beside the metrics, because no two runs take the same time |
| `tensorboard/` | the same figures as scalars |
| `bundle/` | the exported policies |
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from leed_traffic.artifacts.site import Site, make_site
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.document import Document
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.errors import TrainingError
from leed_traffic.train.config import TrainConfig

CONFIG_NAME = "config.json"
SETTING_NAME = "setting.json"
METRICS_NAME = "metrics.jsonl"
TIMINGS_NAME = "timings.jsonl"
CHECKPOINT_NAME = "checkpoint.pt"
BEST_NAME = "best.pt"
BUNDLE_NAME = "bundle"
TENSORBOARD_NAME = "tensorboard"

# settings of runs before their parts, all in one flat object: their names of then
_FORMER_NAMES = {
    "engine": "backend",
    "learning_rate": "cloning_learning_rate",
    "direct_learning_rate": "cloning_direct_learning_rate",
    "policy_learning_rate": "learning_rate",
    "policy_direct_learning_rate": "direct_learning_rate",
    "weight_decay": "weight_smoothing",
    "own_entropy": "tempered_entropy",
}


class RunSetting(Document):
    """setting.json: network, limits and provenance of a run."""

    scenario: str
    intersections: tuple[Intersection, ...]
    site_name: str
    timings: tuple[Timing, ...]
    weights: Weights = CARS
    """Weights of road users in the reward; with persons the policies see them, too."""
    priority: tuple[PriorityRule, ...] = ()
    """Transit signal priority while the policies learn."""
    author: str = ""
    demonstrations_digest: str = ""
    sensing_digest: str = ""
    """Of the detectors that the policies see by; empty: ideal ones."""
    demonstration_hours: float = 0.0
    """Simulated hours that the author and the demonstrations took."""
    sumo_version: str
    torch_version: str

    @property
    def network(self) -> Network:
        """N intersections."""
        return Network(intersections=self.intersections)

    @property
    def site(self) -> Site:
        """Their limits."""
        return make_site(self.site_name, self.timings, weights=self.weights)


class MetricsRow(Document):
    """Line of metrics.jsonl: figures of a unit of work."""

    unit: int
    """Units of work done so far; counts from 1."""
    phase: str
    """clone, dagger or ppo."""
    episodes: int
    """On-policy hours so far, validation not counted."""
    simulated_hours: float
    """On-policy hours and those behind the demonstrations."""
    mean_return: float | None = None
    """Mean over intersections and episodes of this unit, undiscounted."""
    expert_return: float | None = None
    """The same of the demonstrations."""
    delay_s: float | None = None
    """Mean validation delay of the policies after this unit."""
    expert_delay_s: float | None = None
    """Of the demonstrating plans on the same validation seeds."""
    weights: dict[str, float] = Field(default_factory=dict)
    """w of the expert loss by intersection."""
    similarity: dict[str, float] = Field(default_factory=dict)
    """To the demonstrations, by intersection; only where it was worked out."""
    losses: dict[str, float] = Field(default_factory=dict)
    """Means over intersections: losses, entropy, kl, agreement with the expert, explained variance."""

    @field_validator("phase")
    @classmethod
    def _of_today(cls, phase: str) -> str:
        """Word of today: runs of earlier versions say `own`."""
        return "ppo" if phase == "own" else phase


class UnitTiming(Document):
    """Line of timings.jsonl: CPU time of a unit of work, validation not counted."""

    unit: int
    cpu_s: float
    """Of learner and simulations together."""


def write_text(path: Path, text: str) -> None:
    """Write a file, its folder too, as a whole or not at all.

    Raises:
        TrainingError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as err:
        raise TrainingError(f"{path}: cannot be written: {err.strerror or err}") from err


def write_metrics(run: Path, rows: Sequence[MetricsRow]) -> None:
    """Write the learning curve so far."""
    write_text(run / METRICS_NAME, "".join(row.model_dump_json() + "\n" for row in rows))


def read_metrics(run: Path) -> list[MetricsRow]:
    """Read the learning curve of a run.

    Raises:
        TrainingError: missing or broken.
    """
    text = _read(run / METRICS_NAME)
    try:
        return [MetricsRow.model_validate_json(line) for line in text.splitlines()]
    except ValidationError as err:
        raise TrainingError(f"{run / METRICS_NAME}: {first_fault(err)}; train again") from err


def write_timings(run: Path, timings: Sequence[UnitTiming]) -> None:
    """Write what every unit so far cost."""
    write_text(run / TIMINGS_NAME, "".join(timing.model_dump_json() + "\n" for timing in timings))


def read_timings(run: Path) -> list[UnitTiming]:
    """Read what every unit of a run cost.

    Raises:
        TrainingError: missing or broken.
    """
    try:
        return [UnitTiming.model_validate_json(line) for line in _read(run / TIMINGS_NAME).splitlines()]
    except ValidationError as err:
        raise TrainingError(f"{run / TIMINGS_NAME}: {first_fault(err)}; train again") from err


def read_config(run: Path) -> TrainConfig:
    """Read the settings of a run; those of earlier versions, which lie flat in the file, by the names of today.

    Raises:
        TrainingError: no such run, or its settings are broken.
    """
    text = _read(run / CONFIG_NAME)
    try:
        settings = json.loads(text)
        if isinstance(settings, dict) and "scenario" in settings:
            return TrainConfig.from_flat(
                {_FORMER_NAMES.get(str(name), str(name)): value for name, value in settings.items()}
            )
        return TrainConfig.model_validate_json(text)
    except (ValidationError, json.JSONDecodeError) as err:
        raise TrainingError(f"{run / CONFIG_NAME}: {first_fault(err)}; train again") from err


def settings_that_differ(run: Path, config: TrainConfig) -> list[str]:
    """Names of the settings that shape the result and were others when a run began, or did not exist then.

    Raises:
        TrainingError: no such run, or its settings are broken.
    """
    begun = read_config(run).shaping(exclude_unset=True)  # today's defaults do not speak for it
    return [name for name, value in config.shaping().items() if name not in begun or begun[name] != value]


def prepare_folder(config: TrainConfig, setting: RunSetting) -> None:
    """Make the run folder, or hold the one that is there to the same settings.

    Raises:
        TrainingError: another run is there, or nothing to resume.
    """
    out = config.out
    if config.resume:
        different = settings_that_differ(out, config)
        made_on = read_setting(out)
        if different or made_on.model_dump(mode="json") != setting.model_dump(mode="json"):
            raise TrainingError(
                f"{out}: was begun with other settings ({', '.join(different) or 'scenario or demonstrations'}); "
                "resume with the same or train into another folder"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out}: is there already; go on with --resume or train into another folder")
    write_text(out / CONFIG_NAME, config.model_dump_json(indent=2, exclude={"resume"}) + "\n")
    write_text(out / SETTING_NAME, setting.model_dump_json() + "\n")


def read_setting(run: Path) -> RunSetting:
    """Read network, limits and provenance of a run.

    Raises:
        TrainingError: missing or broken.
    """
    try:
        return RunSetting.model_validate_json(_read(run / SETTING_NAME))
    except (ValidationError, json.JSONDecodeError) as err:
        raise TrainingError(f"{run / SETTING_NAME}: broken; train again") from err


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise TrainingError(f"{path}: cannot be read; expected a folder written by `leedctl train`") from err
