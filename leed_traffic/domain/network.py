"""An intersection as the rest of the program sees it: lanes, movements, stages, conflicts, neighbours.

Letters of a stage's state, one per signal link, as in SUMO: `G` green with priority, `g` green that yields, `s`
red with a turn after a stop, `r` red. Clearances (yellow, all-red) are not stages; `program.py` makes them from
the site's timing.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from pydantic import TypeAdapter

GREEN = frozenset("Gg")
RESTING = frozenset("Ggsr")  # letters that a stage may show
MAX_REACH_M = 200.0  # m, the farthest that any detector or plan of ours looks upstream
JAM_SPACING_M = 7.5  # m per queued vehicle: 5 m car and 2.5 m gap (SUMO's defaults)


def edge_of(lane: str) -> str:
    """The edge of a lane, by SUMO's naming."""
    return lane.rsplit("_", 1)[0]


class MovementKind(StrEnum):
    """Users of a movement."""

    VEHICLE = "vehicle"
    PEDESTRIAN = "pedestrian"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a lane, measured along the lane, at some distance before (or after) the stop line.

    `share` is the part of its vehicles that counts: upstream of a fork only one branch's part heads for us.
    """

    lane: str
    from_m: float
    to_m: float
    distance_m: float  # from the stop line to the nearer end of the span
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.from_m <= self.to_m or not 0.0 < self.share <= 1.0:
            raise ValueError(
                f"{self.lane}: need 0 <= from_m <= to_m and 0 < share <= 1, "
                f"got {self.from_m}, {self.to_m}, {self.share}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Incoming lane with all that a detector at its stop line can see upstream (up to MAX_REACH_M)."""

    id: str
    approach: str  # the edge it belongs to
    length_m: float
    speed_mps: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One way through the junction; several may share a signal link."""

    link: int
    kind: MovementKind
    from_lane: str
    to_lane: str
    direction: str  # SUMO's letter: s straight, l left, r right, t turn-around, L/R partially; c for a crossing
    speed_mps: float  # at which vehicles enter; walking speed for pedestrians
    length_m: float  # path inside the junction, or of the crossing
    exit_span: Span | None  # the first metres of the exit lane; None for pedestrians


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Movements that are green together."""

    state: str
    own_phase: int  # its phase in the signal's own program
    own_green_s: float  # its green there

    @property
    def green(self) -> frozenset[int]:
        """The signal links that this stage serves."""
        return frozenset(i for i, letter in enumerate(self.state) if letter in GREEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPhase:
    """A phase of the signal's own program, clearances included."""

    state: str
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A signal that feeds this one."""

    id: str
    to_approach: str
    distance_m: float
    travel_time_s: float  # at free flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Intersection:
    """One controllable signal.

    Raises:
        ValueError: a stage's letters do not fit the links, two priority greens of a stage conflict, or ids repeat.
    """

    id: str
    lanes: tuple[Lane, ...]
    movements: tuple[Movement, ...]
    stages: tuple[Stage, ...]
    foes: tuple[tuple[int, int], ...]  # link pairs (a < b) whose paths cross or merge
    neighbours: tuple[Neighbour, ...]
    own_program: tuple[OwnPhase, ...]
    own_program_id: str
    own_program_type: str  # static, actuated, ...
    own_offset_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.stages) < 2:
            raise ValueError(f"{self.id}: need at least 2 stages, got {len(self.stages)}")
        n_links = len(self.stages[0].state)
        for i, stage in enumerate(self.stages):
            if len(stage.state) != n_links or not set(stage.state) <= RESTING:
                raise ValueError(f"{self.id} stage {i}: need {n_links} letters of 'Ggsr', got {stage.state!r}")
            if clash := conflict_in(stage.state, self.foes):
                raise ValueError(f"{self.id} stage {i}: links {clash[0]} and {clash[1]} are foes and both G")
        if len({stage.state for stage in self.stages}) != len(self.stages):
            raise ValueError(f"{self.id}: two stages show the same state")
        if len({lane.id for lane in self.lanes}) != len(self.lanes):
            raise ValueError(f"{self.id}: an incoming lane is listed twice")
        links = [m.link for m in self.movements]
        if links and not 0 <= min(links) <= max(links) < n_links:
            raise ValueError(f"{self.id}: movements name links up to {max(links)}, the signal has {n_links}")

    @property
    def n_stages(self) -> int:
        """S."""
        return len(self.stages)

    @property
    def n_lanes(self) -> int:
        """L."""
        return len(self.lanes)

    @property
    def n_links(self) -> int:
        """Letters of the signal's state."""
        return len(self.stages[0].state)

    @property
    def pedestrian_links(self) -> frozenset[int]:
        """Links that serve a crossing, alone or together with vehicles."""
        return frozenset(m.link for m in self.movements if m.kind is MovementKind.PEDESTRIAN)

    @property
    def walk_only_links(self) -> frozenset[int]:
        """Links that serve crossings and no vehicle: the only ones whose green ends without a yellow."""
        return self.pedestrian_links - {m.link for m in self.movements if m.kind is MovementKind.VEHICLE}

    @property
    def vehicle_movements(self) -> tuple[Movement, ...]:
        """All movements but the crossings."""
        return tuple(m for m in self.movements if m.kind is MovementKind.VEHICLE)

    def lane_shares(self, stage: int, *, permissive: float) -> tuple[float, ...]:
        """(L,) share in which a stage serves each lane: the mean over its links of G 1, g `permissive`, else 0."""
        weight = {"G": 1.0, "g": permissive}
        state = self.stages[stage].state
        shares = []
        for lane in self.lanes:
            links = [m.link for m in self.movements if m.from_lane == lane.id]
            shares.append(sum(weight.get(state[k], 0.0) for k in links) / len(links) if links else 0.0)
        return tuple(shares)

    def digest(self) -> str:
        """sha256 over everything above: what a bundle or a site file was made for."""
        return hashlib.sha256(TypeAdapter(Intersection).dump_json(self)).hexdigest()


@dataclass(frozen=True)
class Network:
    """The controllable signals of one net, and the signals left alone with the reason why."""

    intersections: tuple[Intersection, ...]
    left_alone: tuple[tuple[str, str], ...] = ()
    notes: tuple[
        tuple[str, str], ...
    ] = ()  # (signal, sentence) on each phase that is no stage, or not as it stands in the net

    @cached_property
    def by_id(self) -> dict[str, Intersection]:
        """Intersections by signal id."""
        return {i.id: i for i in self.intersections}

    def digest(self) -> str:
        """sha256 over the intersections' digests, in order of id."""
        lines = "\n".join(f"{i.id} {i.digest()}" for i in sorted(self.intersections, key=lambda i: i.id))
        return hashlib.sha256(lines.encode()).hexdigest()


def conflict_in(state: str, foes: tuple[tuple[int, int], ...]) -> tuple[int, int] | None:
    """The first pair of foes that both show priority green, or None."""
    return next(((a, b) for a, b in foes if state[a] == "G" and state[b] == "G"), None)
