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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Limits of one intersection with S stages. Rows of a matrix: the stage that ends; columns: the stage that follows.

    Raises:
        ValueError: a shape or a value is impossible; the message prints both sides.
    """

    intersection: str
    min_green_s: tuple[float, ...]
    max_green_s: tuple[float, ...]  # while somebody waits for another stage
    fallback_green_s: tuple[float, ...]  # what the signal shows by itself when nobody asks
    fallback_order: tuple[int, ...]
    pedestrian_clearance_s: Matrix  # crossings red, vehicles still green
    yellow_s: Matrix
    all_red_s: Matrix
    max_red_s: float

    def __post_init__(self) -> None:
        where = self.intersection
        s = len(self.min_green_s)
        for name in ("max_green_s", "fallback_green_s", "pedestrian_clearance_s", "yellow_s", "all_red_s"):
            if len(getattr(self, name)) != s:
                raise ValueError(
                    f"{where}: {name} needs {s} entries as min_green_s has, got {len(getattr(self, name))}"
                )
        for i, (low, fallback, high) in enumerate(
            zip(self.min_green_s, self.fallback_green_s, self.max_green_s, strict=True)
        ):
            if not (0.0 < low <= fallback <= high < math.inf):
                raise ValueError(
                    f"{where} stage {i}: need 0 < min_green_s <= fallback_green_s <= max_green_s, got {low}, {fallback}, {high}"
                )
        for name in ("pedestrian_clearance_s", "yellow_s", "all_red_s"):
            for row in getattr(self, name):
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

    def clearance_s(self, ending: int, following: int) -> float:
        """Seconds from the end of one stage's full green to the start of the next stage's."""
        if ending == following:
            return 0.0
        return (
            self.pedestrian_clearance_s[ending][following]
            + self.yellow_s[ending][following]
            + self.all_red_s[ending][following]
        )

    @cached_property
    def longest_clearances_s(self) -> tuple[float, ...]:
        """(S,) seconds until a stage is green whichever stage ends for it, its parts rounded up to whole seconds."""
        clearances = (self.pedestrian_clearance_s, self.yellow_s, self.all_red_s)
        return tuple(_longest_clearance(clearances, j) for j in range(self.n_stages))

    @cached_property
    def _bare_round_s(self) -> float:
        return sum(self.min_green_s) + sum(self.longest_clearances_s)

    def round_at(self, decision_interval_s: float) -> float:
        """Seconds to serve every stage once, at worst: longest clearances, minimum greens, a decision's delay each."""
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
    yellow, all_red, walk_out = _clearances(intersection)
    min_green = tuple(_min_green(intersection, i) for i in s)
    max_green = tuple(MAX_GREEN_LEFT_S if _only_left(intersection, i) else MAX_GREEN_THROUGH_S for i in s)
    fallback = tuple(min(max(intersection.stages[i].own_green_s, min_green[i]), max_green[i]) for i in s)
    order = tuple(sorted(s, key=lambda i: intersection.stages[i].own_phase))
    return assemble_timing(
        intersection, min_green, max_green, fallback, order, (walk_out, yellow, all_red), MAX_RED_S
    )


def timing_as_net(intersection: Intersection, *, min_green_s: float = 5.0) -> Timing:
    """The net's own yellows and all-reds, for comparison with published work; no review stands behind them."""
    s = range(intersection.n_stages)
    own = [_own_clearance(intersection, i) for i in s]
    derived, _, _ = _clearances(intersection)
    seen = max(yellow for _, yellow, _ in own)

    def own_yellow(i: int, j: int) -> float:
        """A vehicle green never ends without yellow, even where the net's program has none after this stage."""
        return own[i][1] or (min(seen, derived[i][j]) or derived[i][j]) if i != j else 0.0

    def own_walk_out(i: int, j: int) -> float:
        """Nobody's clearance where every crossing stays green."""
        losing = intersection.stages[i].green - intersection.stages[j].green
        return own[i][0] if losing & intersection.walk_only_links else 0.0

    yellow = tuple(tuple(own_yellow(i, j) for j in s) for i in s)
    walk_out = tuple(tuple(own_walk_out(i, j) for j in s) for i in s)
    all_red = tuple(tuple(own[i][2] if i != j else 0.0 for j in s) for i in s)
    max_green = tuple(180.0 for _ in s)
    fallback = tuple(min(max(stage.own_green_s, min_green_s), 180.0) for stage in intersection.stages)
    order = tuple(sorted(s, key=lambda i: intersection.stages[i].own_phase))
    greens = tuple(min_green_s for _ in s)
    return assemble_timing(intersection, greens, max_green, fallback, order, (walk_out, yellow, all_red), 300.0)


def assemble_timing(
    intersection: Intersection,
    min_green_s: Sequence[float],
    max_green_s: Sequence[float],
    fallback_green_s: Sequence[float],
    fallback_order: Sequence[int],
    clearances: tuple[Matrix, Matrix, Matrix],
    max_red_s: float,
) -> Timing:
    """Timing whose maximum red leaves room for a round of all stages and for the fallback cycle."""
    walk_out, yellow, all_red = clearances
    s = range(len(min_green_s))
    longest = [_longest_clearance(clearances, j) for j in s]
    a_round = sum(min_green_s[j] + DECISION_MARGIN_S + longest[j] for j in s)
    a_cycle = sum(fallback_green_s[j] + longest[j] for j in s)
    return Timing(
        intersection=intersection.id,
        min_green_s=tuple(min_green_s),
        max_green_s=tuple(max_green_s),
        fallback_green_s=tuple(fallback_green_s),
        fallback_order=tuple(fallback_order),
        pedestrian_clearance_s=walk_out,
        yellow_s=yellow,
        all_red_s=all_red,
        max_red_s=max(max_red_s, math.ceil(a_round), math.ceil(a_cycle)),
    )


def _longest_clearance(clearances: tuple[Matrix, ...], following: int) -> float:
    """Seconds of the longest way to a stage; steps of up to 1 s may stretch each part to the next whole second."""
    return max(
        float(sum(math.ceil(part[i][following] - 1e-9) for part in clearances)) for i in range(len(clearances[0]))
    )


def _clearances(intersection: Intersection) -> tuple[Matrix, Matrix, Matrix]:
    """Yellow, all-red and pedestrian lead for every ordered pair of stages."""
    s = range(intersection.n_stages)
    yellow = [[0.0] * len(s) for _ in s]
    all_red = [[0.0] * len(s) for _ in s]
    lead = [[0.0] * len(s) for _ in s]
    for i in s:
        for j in s:
            losing = intersection.stages[i].green - intersection.stages[j].green
            moves = [m for m in intersection.movements if m.link in losing]
            vehicles = [m for m in moves if m.kind is MovementKind.VEHICLE]
            walkers = [m for m in moves if m.kind is MovementKind.PEDESTRIAN]
            among_vehicles = [
                pedestrian_clearance_time(m) for m in walkers if m.link not in intersection.walk_only_links
            ]
            unseen = YELLOW_MIN_S if losing - {m.link for m in moves} else 0.0  # a link that no movement describes
            yellow[i][j] = max((yellow_time(m.speed_mps) for m in vehicles), default=unseen)
            all_red[i][j] = max([*(all_red_time(m) for m in vehicles), *among_vehicles], default=0.0)
            needed = max((pedestrian_clearance_time(m) for m in walkers), default=0.0)
            lead[i][j] = max(0.0, needed - yellow[i][j] - all_red[i][j])
            if i != j and not losing:  # a stage that only adds movements still gets a seam of its own
                all_red[i][j] = ALL_RED_MIN_S
    return _frozen(yellow), _frozen(all_red), _frozen(lead)


def _frozen(matrix: list[list[float]]) -> Matrix:
    return tuple(tuple(row) for row in matrix)


def _only_left(intersection: Intersection, stage: int) -> bool:
    served = [m for m in intersection.vehicle_movements if intersection.stages[stage].state[m.link] == "G"]
    return bool(served) and all(m.direction in ("l", "L", "t") for m in served)


def _min_green(intersection: Intersection, stage: int) -> float:
    low = MIN_GREEN_LEFT_S if _only_left(intersection, stage) else MIN_GREEN_THROUGH_S
    walks = intersection.stages[stage].green & intersection.pedestrian_links
    return max(low, WALK_MIN_S) if walks else low


def _own_clearance(intersection: Intersection, stage: int) -> tuple[float, float, float]:
    """(pedestrian lead, yellow, all-red) that follow a stage in the signal's own program, in seconds."""
    phases = intersection.own_program
    start = intersection.stages[stage].own_phase
    stage_states = {st.state for st in intersection.stages}
    walk_out = yellow = all_red = 0.0
    for step in range(1, len(phases)):
        phase = phases[(start + step) % len(phases)]
        if phase.state in stage_states:
            break
        green = frozenset(k for k, letter in enumerate(phase.state) if letter in GREEN)
        if not green <= intersection.stages[stage].green:
            break  # a stage of the net that we do not use
        if set(phase.state) & {"y", "Y", "u"}:
            yellow += phase.duration_s
        elif yellow == 0.0 and green:
            walk_out += phase.duration_s
        else:
            all_red += phase.duration_s
    return walk_out, yellow, all_red
