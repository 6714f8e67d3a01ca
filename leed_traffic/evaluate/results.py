"""What a comparison found: the document of `leedctl evaluate --json`, and the figures of every single run beside it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.statistics import best_and_ties, mean_interval
from leed_traffic.evaluate.timeline import StageRows, Timeline

COUNTS = (
    "scheduled",
    "departed",
    "finished",
    "never_departed",
    "unsafe_changes",
    "emergency_stops",
    "collisions",
    "teleports",
)
MEANS = ("delay_s", "trip_time_s", "waiting_s", "queue_veh")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Delay(_Document):
    """Mean over the seeds with its 95 % interval (Student's t), in s per vehicle scheduled."""

    mean: float
    low: float | None
    """Null with a single seed, which has no interval."""
    high: float | None


class ControllerResult(_Document):
    """One controller over all seeds: means of the seeds' means, totals of the seeds' counts."""

    controller: str
    """As in `--controllers`."""
    delay_s: Delay
    """Time loss and departure delay of everybody scheduled; who never departed counts with the whole wait."""
    trip_time_s: float = Field(ge=0.0)
    """Of the trips that finished."""
    waiting_s: float = Field(ge=0.0)
    """Time under 0.1 m/s per departed vehicle."""
    queue_veh: float = Field(ge=0.0)
    """Vehicles under 0.1 m/s at a time, in the whole net."""
    scheduled: int = Field(ge=0)
    departed: int = Field(ge=0)
    finished: int = Field(ge=0)
    never_departed: int = Field(ge=0)
    unsafe_changes: int = Field(ge=0)
    """Greens that went red without their yellow, or stages below their minimum green."""
    emergency_stops: int = Field(ge=0)
    collisions: int = Field(ge=0)
    teleports: int = Field(ge=0)

    @model_validator(mode="after")
    def _everybody_is_counted(self) -> Self:
        if self.departed + self.never_departed != self.scheduled or self.finished > self.departed:
            raise ValueError(
                f"{self.controller}: need departed + never_departed = scheduled and finished <= departed, "
                f"got {self.departed} + {self.never_departed}, {self.scheduled} and {self.finished}"
            )
        return self


class Evaluation(_Document):
    """Every controller on the same seeds."""

    scenario: str
    site: str
    sensing: str
    seeds: tuple[int, ...] = Field(min_length=1)
    sumo_version: str
    results: tuple[ControllerResult, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One controller on one seed."""

    controller: str
    seed: int
    delay_s: float
    trip_time_s: float
    waiting_s: float
    queue_veh: float
    scheduled: int
    departed: int
    finished: int
    never_departed: int
    unsafe_changes: int
    emergency_stops: int
    collisions: int
    teleports: int
    timeline: Timeline = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An evaluation and the runs that it sums up: by controller in the order asked, then by seed."""

    evaluation: Evaluation
    runs: tuple[Run, ...]
    rows: StageRows | None = None  # how a stage diagram lays the intersections out

    def delays_s(self, controller: str) -> tuple[float, ...]:
        """One delay per seed."""
        return tuple(run.delay_s for run in self.runs if run.controller == controller)

    def worst_s(self, controller: str) -> float:
        """The worst seed's delay: gridlock hides in means."""
        return max(self.delays_s(controller))


def summarise(controller: str, runs: Sequence[Run]) -> ControllerResult:
    """One controller's result from its runs, at least one."""
    mean, low, high = mean_interval([run.delay_s for run in runs])
    means = {name: mean_interval([float(getattr(run, name)) for run in runs])[0] for name in MEANS[1:]}
    counts = {name: sum(int(getattr(run, name)) for run in runs) for name in COUNTS}
    return ControllerResult.model_validate(
        {"controller": controller, "delay_s": Delay(mean=mean, low=low, high=high), **means, **counts}
    )


def per_seed_csv(runs: Sequence[Run]) -> str:
    """One line per controller and seed."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    columns = ("controller", "seed", *MEANS, *COUNTS)
    writer.writerow(columns)
    for run in runs:
        values = (getattr(run, name) for name in columns)
        writer.writerow([f"{value:.3f}" if isinstance(value, float) else value for value in values])
    return sink.getvalue()


def table_columns() -> list[str]:
    """Heads of the table that people read."""
    return [
        "controller", "delay s [95 %]", "worst seed", "trip s", "wait s", "queue",
        "sched.", "done", "never dep.", "unsafe", "stops", "coll.", "telep.",
    ]  # fmt: skip


def table_rows(comparison: Comparison, labels: Mapping[str, str]) -> list[list[str]]:
    """One row of text per controller."""
    rows = []
    for result in comparison.evaluation.results:
        rows.append(
            [
                labels[result.controller],
                interval_text(result.delay_s),
                f"{comparison.worst_s(result.controller):.1f}",
                f"{result.trip_time_s:.0f}",
                f"{result.waiting_s:.1f}",
                f"{result.queue_veh:.1f}",
                *(str(getattr(result, name)) for name in COUNTS if name != "departed"),
            ]
        )
    return rows


def interval_text(delay: Delay) -> str:
    """`18.1 [17.6, 18.6]`, or the mean alone."""
    if delay.low is None or delay.high is None:
        return f"{delay.mean:.1f}"
    return f"{delay.mean:.1f} [{delay.low:.1f}, {delay.high:.1f}]"


def verdict(comparison: Comparison, labels: Mapping[str, str]) -> str:
    """Who has the lowest delay, and whom these seeds cannot tell from it: what does not differ is not ranked."""
    results, n_seeds = comparison.evaluation.results, len(comparison.evaluation.seeds)
    if len(results) == 1:
        return "One controller: nothing to compare."
    if n_seeds == 1:
        return "One seed: differences cannot be told from chance; give more --seeds to compare."
    best, ties = best_and_ties({r.controller: comparison.delays_s(r.controller) for r in results})
    mean_s = next(r.delay_s.mean for r in results if r.controller == best)
    text = f"Lowest delay: {labels[best]} ({mean_s:.1f} s). "
    if not ties:
        return text + f"Every other controller is worse at 95 % over {n_seeds} paired seeds."
    return text + f"Not distinguishable from it at 95 % over {n_seeds} paired seeds: {', '.join(labels[t] for t in ties)}."


def write_output(path: Path, text: str) -> None:
    """Write a file, its folder too, as a whole or not at all.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as err:
        raise UsageError(f"{path}: cannot be written ({err.strerror}); choose another place") from err
