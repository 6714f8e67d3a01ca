"""The limits of one intersection: what a person signs for and no policy can move.

Formulas that propose them from speeds and geometry (`derive_timing`):

    yellow  Y = t + v / (2 a)          t = 1.0 s, a = 3.05 m/s2 (ITE; 10 ft/s2), up to 0.5 s, within 3.0 to 6.0 s
    all-red R = (W + l) / v            l = 6.1 m vehicle length (ITE), W path through the junction
    pedestrian clearance P = W / 1.07  crossing length over walking speed (MUTCD, 3.5 ft/s)

A crossing turns red P before a conflicting green at the latest; yellow and all-red of the vehicles beside it count
towards P. A link that serves vehicles, too, turns red after its yellow, and walkers may begin until then: P lies
in the all-red after it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from leed_traffic.domain.network import GREEN, Intersection, Movement, MovementKind

DEFAULT_DECISION_INTERVAL_S = 5.0  # s

REACTION_S = 1.0  # s, ITE
DECELERATION_MPS2 = 3.05  # m/s2, ITE: 10 ft/s2
VEHICLE_LENGTH_M = 6.1  # m, ITE: 20 ft
YELLOW_MIN_S = 3.0
YELLOW_MAX_S = 6.0  # s, MUTCD
ALL_RED_MIN_S = 1.0
ALL_RED_MAX_S = 6.0  # s
WALKING_SPEED_MPS = 1.07  # m/s, MUTCD: 3.5 ft/s
WALK_MIN_S = 7.0  # s, MUTCD
MIN_GREEN_THROUGH_S = 7.0
MIN_GREEN_LEFT_S = 5.0  # s, common practice: 7 to 15 s and 2 to 5 s
MAX_GREEN_THROUGH_S = 60.0
MAX_GREEN_LEFT_S = 30.0  # s, common practice: 30 to 70 s and 15 to 30 s
MAX_RED_S = 180.0  # s, beyond which people take a signal for broken
DECISION_MARGIN_S = 5.0  # s, a maximum green leaves room for one decision after the minimum

Matrix = tuple[tuple[float, ...], ...]


class Change(NamedTuple):
    """Seconds of the three parts of one change of stages, in the order in which a signal shows them."""

    pedestrian_clearance_s: float  # crossings red, vehicles still green
    yellow_s: float
    all_red_s: float


PARTS = Change._fields
NO_CHANGE = Change(pedestrian_clearance_s=0.0, yellow_s=0.0, all_red_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearances:
    """Seconds between S stages, (S, S) for each part: row, the stage that ends; column, the one that follows."""

    pedestrian_clearance_s: Matrix
    yellow_s: Matrix
    all_red_s: Matrix

    @classmethod
    def of_changes(cls, n_stages: int, change: Callable[[int, int], Change]) -> "Clearances":
        """Collect the changes from every stage to every other, and from each to itself."""
        rows = [[change(i, j) for j in range(n_stages)] for i in range(n_stages)]
        return cls(**{part: tuple(tuple(getattr(c, part) for c in row) for row in rows) for part in PARTS})

    def between(self, ending: int, following: int) -> Change:
        """Parts of one change."""
        return Change(
            pedestrian_clearance_s=self.pedestrian_clearance_s[ending][following],
            yellow_s=self.yellow_s[ending][following],
            all_red_s=self.all_red_s[ending][following],
        )

    def longest_s(self, following: int) -> float:
        """Seconds until a stage is green whichever ends; steps of up to 1 s may stretch parts to whole seconds."""
        changes = (self.between(i, following) for i in range(len(self.yellow_s)))
        return max(float(sum(math.ceil(seconds - 1e-9) for seconds in change)) for change in changes)


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Limits of one intersection with S stages; documents list the parts of its clearances beside the others.

    Raises:
        ValueError: a shape or a value is impossible; the message prints both sides.
    """

    intersection: str
    min_green_s: tuple[float, ...]
    max_green_s: tuple[float, ...]  # while somebody waits for another stage
    fallback_green_s: tuple[float, ...]  # what the signal shows by itself when nobody asks
    fallback_order: tuple[int, ...]
    clearances: Clearances
    max_red_s: float

    def __post_init__(self) -> None:
        where = self.intersection
        s = len(self.min_green_s)
        limits = self.limits()
        for name in ("max_green_s", "fallback_green_s", *PARTS):
            if len(limits[name]) != s:
                raise ValueError(f"{where}: {name} needs {s} entries as min_green_s has, got {len(limits[name])}")
        for i, (low, fallback, high) in enumerate(
            zip(self.min_green_s, self.fallback_green_s, self.max_green_s, strict=True)
        ):
            if not (0.0 < low <= fallback <= high < math.inf):
                raise ValueError(
                    f"{where} stage {i}: need 0 < min_green_s <= fallback_green_s <= max_green_s, "
                    f"got {low}, {fallback}, {high}"
                )
        for name in PARTS:
            for row in limits[name]:
                if len(row) != s or not all(0.0 <= value < 60.0 for value in row):
                    raise ValueError(f"{where}: a row of {name} needs {s} values in [0, 60) s, got {row}")
        if sorted(self.fallback_order) != list(range(s)):
            raise ValueError(f"{where}: fallback_order needs each of {s} stages once, got {self.fallback_order}")
        if not self.round_s <= self.max_red_s < math.inf:
            raise ValueError(
                f"{where}: need max_red_s >= one round of minimum greens and clearances ({self.round_s} s), "
                f"got {self.max_red_s}"
            )

    @property
    def n_stages(self) -> int:
        """S."""
        return len(self.min_green_s)

    def limits(self) -> dict[str, Any]:
        """Return every limit under its name in documents and site files, in their order."""
        return _side_by_side(asdict(self))

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _side_by_side(write(self))

    @model_validator(mode="before")
    @classmethod
    def _read(cls, document: object) -> object:
        if not isinstance(document, dict):
            return document
        parts = {name: value for name, value in document.items() if name in PARTS}
        return {name: value for name, value in document.items() if name not in PARTS} | {"clearances": parts}

    def clearance_s(self, ending: int, following: int) -> float:
        """Seconds from the end of one stage's full green to the start of the next stage's."""
        if ending == following:
            return 0.0
        change = self.clearances.between(ending, following)
        return change.pedestrian_clearance_s + change.yellow_s + change.all_red_s

    @cached_property
    def longest_clearances_s(self) -> tuple[float, ...]:
        """(S,) seconds until a stage is green whichever stage ends for it, each part in whole seconds."""
        return tuple(self.clearances.longest_s(j) for j in range(self.n_stages))

    @cached_property
    def _bare_round_s(self) -> float:
        return sum(self.min_green_s) + sum(self.longest_clearances_s)

    def round_at(self, decision_interval_s: float) -> float:
        """Seconds to serve every stage once at worst: longest clearance, minimum green, delay of a decision."""
        return self._bare_round_s + self.n_stages * decision_interval_s

    @property
    def round_s(self) -> float:
        """A round at the usual decision interval."""
        return self.round_at(DECISION_MARGIN_S)

    def next_in_fallback(self, stage: int) -> int:
        """The stage that follows when nobody asks."""
        position = self.fallback_order.index(stage)
        return self.fallback_order[(position + 1) % self.n_stages]


def yellow_time(speed_mps: float) -> float:
    """Yellow change interval for an approach speed, in seconds (ITE; see the module's head)."""
    # Y = t + v / (2 a)
    seconds = REACTION_S + speed_mps / (2.0 * DECELERATION_MPS2)
    return min(max(math.ceil(seconds * 2.0 - 1e-9) / 2.0, YELLOW_MIN_S), YELLOW_MAX_S)


def all_red_time(movement: Movement) -> float:
    """Red clearance interval of one vehicle movement, in seconds, up to the next 0.5 s."""
    # R = (W + l) / v
    seconds = (movement.length_m + VEHICLE_LENGTH_M) / movement.speed_mps
    return min(max(math.ceil(seconds * 2.0 - 1e-9) / 2.0, ALL_RED_MIN_S), ALL_RED_MAX_S)


def pedestrian_clearance_time(movement: Movement) -> float:
    """Time to finish a crossing begun at the end of its walk, in whole seconds upwards."""
    return float(math.ceil(movement.length_m / WALKING_SPEED_MPS - 1e-9))


def derive_timing(intersection: Intersection) -> Timing:
    """Propose the limits of an intersection from its speeds and geometry; a person reviews and owns the result."""
    s = range(intersection.n_stages)
    min_green = tuple(_min_green(intersection, i) for i in s)
    max_green = tuple(MAX_GREEN_LEFT_S if _only_left(intersection, i) else MAX_GREEN_THROUGH_S for i in s)
    return assemble_timing(
        intersection,
        min_green_s=min_green,
        max_green_s=max_green,
        fallback_green_s=[min(max(intersection.stages[i].own_green_s, min_green[i]), max_green[i]) for i in s],
        clearances=Clearances.of_changes(len(s), lambda i, j: _derived_change(intersection, i, j)),
        max_red_s=MAX_RED_S,
    )


def timing_as_net(intersection: Intersection, *, min_green_s: float = 5.0) -> Timing:
    """Take the net's own yellows and all-reds, for comparison with published work; nobody has reviewed them."""
    s = range(intersection.n_stages)
    own = [_own_change(intersection, i) for i in s]
    longest_yellow_s = max(change.yellow_s for change in own)

    def change(i: int, j: int) -> Change:
        """A vehicle green never ends without yellow, even where the net's program has none after this stage."""
        if i == j:
            return NO_CHANGE
        losing = intersection.stages[i].green - intersection.stages[j].green
        derived_s = _derived_change(intersection, i, j).yellow_s
        return Change(
            pedestrian_clearance_s=own[i].pedestrian_clearance_s if losing & intersection.walk_only_links else 0.0,
            yellow_s=own[i].yellow_s or min(longest_yellow_s, derived_s) or derived_s,
            all_red_s=own[i].all_red_s,
        )

    return assemble_timing(
        intersection,
        min_green_s=[min_green_s for _ in s],
        max_green_s=[180.0 for _ in s],
        fallback_green_s=[min(max(stage.own_green_s, min_green_s), 180.0) for stage in intersection.stages],
        clearances=Clearances.of_changes(len(s), change),
        max_red_s=300.0,
    )


def assemble_timing(
    intersection: Intersection,
    *,
    min_green_s: Sequence[float],
    max_green_s: Sequence[float],
    fallback_green_s: Sequence[float],
    clearances: Clearances,
    max_red_s: float,
) -> Timing:
    """Make a timing whose maximum red has room for a round and a fallback cycle, in the own program's order."""
    s = range(len(min_green_s))
    longest_s = [clearances.longest_s(j) for j in s]
    a_round = sum(min_green_s[j] + DECISION_MARGIN_S + longest_s[j] for j in s)
    a_cycle = sum(fallback_green_s[j] + longest_s[j] for j in s)
    return Timing(
        intersection=intersection.id,
        min_green_s=tuple(min_green_s),
        max_green_s=tuple(max_green_s),
        fallback_green_s=tuple(fallback_green_s),
        fallback_order=tuple(sorted(s, key=lambda i: intersection.stages[i].own_phase)),
        clearances=clearances,
        max_red_s=max(max_red_s, math.ceil(a_round), math.ceil(a_cycle)),
    )


def _side_by_side(limits: dict[str, Any]) -> dict[str, Any]:
    """The limits with the parts of the clearances in the place of the clearances."""
    flat: dict[str, Any] = {}
    for name, value in limits.items():
        flat |= value if name == "clearances" else {name: value}
    return flat


def _derived_change(intersection: Intersection, i: int, j: int) -> Change:
    """Parts of the change from stage i to stage j that speeds and geometry propose."""
    losing = intersection.stages[i].green - intersection.stages[j].green
    moves = [m for m in intersection.movements if m.link in losing]
    vehicles = [m for m in moves if m.kind is MovementKind.VEHICLE]
    walkers = [m for m in moves if m.kind is MovementKind.PEDESTRIAN]
    among_vehicles = [pedestrian_clearance_time(m) for m in walkers if m.link not in intersection.walk_only_links]
    unseen = YELLOW_MIN_S if losing - {m.link for m in moves} else 0.0  # a link that no movement describes
    yellow_s = max((yellow_time(m.speed_mps) for m in vehicles), default=unseen)
    all_red_s = max([*(all_red_time(m) for m in vehicles), *among_vehicles], default=0.0)
    needed_s = max((pedestrian_clearance_time(m) for m in walkers), default=0.0)
    pedestrian_clearance_s = max(0.0, needed_s - yellow_s - all_red_s)
    if i != j and not losing:  # a stage that only adds movements still gets a seam of its own
        all_red_s = ALL_RED_MIN_S
    return Change(pedestrian_clearance_s=pedestrian_clearance_s, yellow_s=yellow_s, all_red_s=all_red_s)


def _only_left(intersection: Intersection, stage: int) -> bool:
    served = [m for m in intersection.vehicle_movements if intersection.stages[stage].state[m.link] == "G"]
    return bool(served) and all(m.direction in ("l", "L", "t") for m in served)


def _min_green(intersection: Intersection, stage: int) -> float:
    low = MIN_GREEN_LEFT_S if _only_left(intersection, stage) else MIN_GREEN_THROUGH_S
    walks = intersection.stages[stage].green & intersection.pedestrian_links
    return max(low, WALK_MIN_S) if walks else low


def _own_change(intersection: Intersection, stage: int) -> Change:
    """Parts of the change that follows a stage in the signal's own program."""
    phases = intersection.own_program
    start = intersection.stages[stage].own_phase
    stage_states = {st.state for st in intersection.stages}
    own = NO_CHANGE
    for step in range(1, len(phases)):
        phase = phases[(start + step) % len(phases)]
        if phase.state in stage_states:
            break
        green = frozenset(k for k, letter in enumerate(phase.state) if letter in GREEN)
        if not green <= intersection.stages[stage].green:
            break  # a stage of the net that we do not use
        if set(phase.state) & {"y", "Y", "u"}:
            own = own._replace(yellow_s=own.yellow_s + phase.duration_s)
        elif own.yellow_s == 0.0 and green:
            own = own._replace(pedestrian_clearance_s=own.pedestrian_clearance_s + phase.duration_s)
        else:
            own = own._replace(all_red_s=own.all_red_s + phase.duration_s)
    return own
