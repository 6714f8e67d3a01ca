"""Results of a comparison: the document of `leedctl evaluate --json`."""

from typing import Self

from pydantic import Field, model_validator

from leed_traffic.domain.document import FiniteDocument

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


class Delay(FiniteDocument):
    """Mean over the seeds with its 95 % interval (Student's t), in s per vehicle scheduled."""

    mean: float
    low: float | None
    """Null with a single seed, which has no interval."""
    high: float | None


class ControllerResult(FiniteDocument):
    """One controller over all seeds: means of the seeds' means, totals of the seeds' counts."""

    controller: str
    """As in `--controllers`."""
    delay_s: Delay
    """Time loss and departure delay of everybody scheduled; who never departed counts with the whole wait."""
    trip_time_s: float = Field(ge=0.0)
    """Of the vehicles that departed; until the end for those still under way."""
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


class PairedDelay(FiniteDocument):
    """A controller's delay minus the reference's on the same seeds, s per vehicle; below 0: better."""

    controller: str
    mean: float
    low: float | None
    """Ends of the 95 % interval of the paired differences; null with a single seed, as are the p-values."""
    high: float | None
    p: float | None
    """Two-sided, of Student's paired t test."""
    p_adjusted: float | None
    """The same, adjusted for the number of controllers compared (Holm)."""
    differs: bool
    """Whether the adjusted p-value is at most 5 %: only then may the two be ranked."""


class SeedSpread(FiniteDocument):
    """Spread that a mean may hide: the worst seed, and the seeds that ended in gridlock."""

    controller: str
    worst_seed: int
    worst_delay_s: float
    gridlocked_seeds: int = Field(ge=0)
    """Seeds at whose end a vehicle had not moved for 300 s."""
    seeds: int = Field(ge=1)


class ClassResult(FiniteDocument):
    """One class of vehicles or persons under one controller."""

    controller: str
    of_class: str
    scheduled: int = Field(ge=0)
    departed: int = Field(ge=0)
    finished: int = Field(ge=0)
    delay_s: Delay
    """Per vehicle or person; over the seeds on which the class travelled."""
    waiting_s: float = Field(ge=0.0)
    trip_time_s: float = Field(ge=0.0)


class IntersectionResult(FiniteDocument):
    """One intersection under one controller: means over the seeds."""

    controller: str
    intersection: str
    vehicles: float = Field(ge=0.0)
    """That came to its stop lines, per seed."""
    delay_s: Delay
    """Time lost on its approaches and waiting to enter the net there, in s per vehicle that came."""
    waiting_s: float = Field(ge=0.0)
    queue_veh: float = Field(ge=0.0)
    stage_share: tuple[float, ...]
    """Of the time, by stage."""
    clearance_share: float = Field(ge=0.0, le=1.0)
    changes_per_h: float = Field(ge=0.0)


class LimitBreaks(FiniteDocument):
    """Limit of the site that a signal broke under a controller, over all seeds."""

    controller: str
    intersection: str
    limit: str
    """Value of `simulation.score.limit_breaks.Limit`, such as `short yellow`."""
    times: int = Field(ge=1)
    mean_s: float = Field(ge=0.0)
    """By how much."""
    worst_s: float = Field(ge=0.0)
    shown_s: float
    """Of the worst."""
    needed_s: float
    seed: int
    """Of the worst, and when it ended."""
    at_s: float


class ProgramCycle(FiniteDocument):
    """The cycle of a signal's own program, before and after the site's clearances and limits were put in."""

    controller: str
    intersection: str
    program: str
    """Its id in the net."""
    type: str
    """As it hangs: static, actuated, delay_based, NEMA."""
    own_s: float = Field(ge=0.0)
    """As it hangs; of a program that adapts, with the greens that stand in the file."""
    cycle_s: float = Field(ge=0.0)
    """As it ran, with the same greens moved into the site's limits."""
    least_s: float = Field(ge=0.0)
    """With every green at its minimum, and at its maximum: the cycle itself where greens do not adapt."""
    most_s: float = Field(ge=0.0)
    is_untouched: bool


class CollisionCause(FiniteDocument):
    """Cause of collisions under a controller; see `simulation/score/attribution.py`."""

    controller: str
    cause: str
    times: int = Field(ge=1)
    is_the_signals: bool


class Disagreement(FiniteDocument):
    """Pair of stages that driver and shadow wanted, and how often; null where nothing sound was said."""

    driver_stage: int | None
    shadow_stage: int | None
    times: int = Field(ge=1)


class ShadowIntersection(FiniteDocument):
    """One intersection of a shadow pair."""

    intersection: str
    decisions: int = Field(ge=0)
    agreement: float | None
    """Share of the decisions; null where there was no choice at all."""
    differences: tuple[Disagreement, ...]


class ShadowResult(FiniteDocument):
    """One controller drove, the other was asked; only decisions with a choice count."""

    pair: str
    decisions: int = Field(ge=0)
    agreement: float | None
    intersections: tuple[ShadowIntersection, ...]


class Evaluation(FiniteDocument):
    """Evaluation of every controller on the same seeds."""

    scenario: str
    site: str
    seeds: tuple[int, ...] = Field(min_length=1)
    sumo_version: str
    results: tuple[ControllerResult, ...] = Field(min_length=1)
    sensing: str = "ideal"
    """What controllers behind the envelope saw."""
    demand_spread: float = 0.0
    """How much the seeds' days differ from the mean or given one; 0 where every seed drives the same day."""
    reference: str | None = None
    """With whom `differences` compares; null with one controller."""
    differences: tuple[PairedDelay, ...] = ()
    spread: tuple[SeedSpread, ...] = ()
    classes: tuple[ClassResult, ...] = ()
    intersections: tuple[IntersectionResult, ...] = ()
    shadows: tuple[ShadowResult, ...] = ()
    left_alone: dict[str, str] = Field(default_factory=dict)
    """Signals that nobody but their own program drives, with the reason."""
    limit_breaks: tuple[LimitBreaks, ...] = ()
    """Where a controller did not keep the site's limits."""
    program_cycles: tuple[ProgramCycle, ...] = ()
    """Of the controllers that run the signals' own programs."""
    collision_causes: tuple[CollisionCause, ...] = ()
    streets: dict[str, str] = Field(default_factory=dict)
    """Where each intersection is, by the names of its streets; without those whose streets have none."""
