"""The vector that a policy sees, for generating, training, evaluating and serving alike.

`BLOCKS` is the one table of its entries. The spec that travels with a bundle, the columns that the encoder writes
and `decode` reads, and the table in docs/contracts.md follow from it: a new block is one more row, with its
formula.

A dead or stale detector is encoded as -1 in both of its entries; a dead exit detector counts as free. Scaling by
what fits on the lane is fixed, so that a trained policy never sees its own inputs move.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leed_traffic.domain.detectors.detection import Array, Readings, capacity_veh
from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.domain.road_users import PERSONS_SCALE
from leed_traffic.domain.safety.envelope import Permission
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import Timing

DEFAULT_REACH_M = 100.0  # m, the reach of a camera or radar zone; measured best for max-wave on real networks
GREEN_SCALE_S = 60.0  # s
DEAD = -1.0
HIGH = 2.0  # shares are clipped here: more vehicles than fit is more of the same


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationEntry:
    """One number of the observation."""

    name: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationSpec:
    """The written table of one intersection's observation; it travels with the bundle and is compared at load."""

    intersection: str
    reach_m: float
    decision_interval_s: float
    entries: tuple[ObservationEntry, ...]

    @property
    def size(self) -> int:
        """D."""
        return len(self.entries)

    def digest(self) -> str:
        """Return the sha256 of the table."""
        return hashlib.sha256(TypeAdapter(ObservationSpec).dump_json(self)).hexdigest()


# parts of an intersection that have one entry each in a block, in the order of their entries
ENTRIES_PER: Mapping[str, Callable[[Intersection], Sequence[object]]] = {
    "L": lambda intersection: [lane.id for lane in intersection.lanes],
    "S": lambda intersection: range(intersection.n_stages),
    "1": lambda intersection: [intersection.id],
    "P": lambda intersection: sorted(intersection.pedestrian_links),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationScales:
    """Constants of N intersections that the formulas use; lanes, stages and crossings of all of them in turn."""

    capacity_veh: Array  # (L,) vehicles that fit on each lane within reach
    max_red_s: Array  # (S,)
    first_stage: NDArray[np.intp]  # (N,) row of each intersection's stage 0 among all stages
    exit_stage: NDArray[np.intp]  # (K,) row of the stage, for every pair of a stage and a movement that it serves
    exit_movement: NDArray[np.intp]  # (K,) its movement among all vehicle movements
    exit_weight: Array  # (K,) 1 / movements that the stage serves
    uncounted: Array  # (P,) NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedStep:
    """Facts about N intersections at one decision step."""

    readings: Readings
    states: Sequence[SignalState]  # (N,)
    permissions: Sequence[Permission]  # (N,)
    persons: Array | None  # (P,) persons who wait at each crossing; None where nobody counts them


def _exit_fill(scales: ObservationScales, now: ObservedStep) -> Array:
    fill = np.nan_to_num(now.readings.exit_fill)[scales.exit_movement] * scales.exit_weight
    return np.bincount(scales.exit_stage, weights=fill, minlength=len(scales.max_red_s)).astype(np.float64)


def _one_hot_stage(scales: ObservationScales, now: ObservedStep) -> Array:
    one_hot = np.zeros(len(scales.max_red_s))
    one_hot[scales.first_stage + [state.stage for state in now.states]] = 1.0
    return one_hot


@dataclass(frozen=True, slots=True)
class ObservationBlock:
    """Entries that mean the same for each lane, stage or crossing of an intersection.

    Values above `high` are clipped to it. NaN stands for what nobody measures: it becomes -1 in a block whose
    `low` is -1, and stays NaN elsewhere, where it is a fault.
    """

    name: str  # {} stands for the lane, stage or crossing
    per: str  # key of ENTRIES_PER: a lane, a stage, the signal or a crossing
    unit: str
    low: float
    high: float
    meaning: str
    formula: Callable[[ObservationScales, ObservedStep], Array]  # values for N intersections in turn

    def entries(self, intersection: Intersection) -> list[ObservationEntry]:
        """Entries of one intersection."""
        return [
            ObservationEntry(name=self.name.format(part), unit=self.unit, low=self.low, high=self.high)
            for part in ENTRIES_PER[self.per](intersection)
        ]


QUEUE = ObservationBlock(
    "queue {}", "L", "share", DEAD, HIGH, "queue within reach / vehicles that fit there",
    lambda scales, now: now.readings.queue_veh / scales.capacity_veh,
)  # fmt: skip
COUNT = ObservationBlock(
    "count {}", "L", "share", DEAD, HIGH, "vehicles within reach / vehicles that fit there",
    lambda scales, now: now.readings.count_veh / scales.capacity_veh,
)  # fmt: skip
EXIT_FILL = ObservationBlock(
    "exit fill of stage {}", "S", "share", 0.0, 1.0,
    "how full of slow vehicles the exits of the stage are, mean over its movements", _exit_fill,
)  # fmt: skip
SHOWN = ObservationBlock(
    "stage {} shown", "S", "-", 0.0, 1.0, "stage shown or being cleared towards, one-hot", _one_hot_stage,
)  # fmt: skip
CLEARING = ObservationBlock(
    "clearing", "1", "-", 0.0, 1.0, "clearing",
    lambda scales, now: np.array([float(state.is_clearing) for state in now.states]),
)  # fmt: skip
GREEN_AGE = ObservationBlock(
    "time since green", "1", "min", 0.0, HIGH, "time since green",
    lambda scales, now: np.array([state.green_s for state in now.states]) / GREEN_SCALE_S,
)  # fmt: skip
LEGAL = ObservationBlock(
    "stage {} may be asked for", "S", "-", 0.0, 1.0, "stage may be asked for now",
    lambda scales, now: np.array(list(chain.from_iterable(p.legal for p in now.permissions)), dtype=np.float64),
)  # fmt: skip
WAIT = ObservationBlock(
    "wait for stage {}", "S", "share of maximum red", 0.0, HIGH, "longest wait at red for the stage",
    lambda scales, now: np.array([wait for state in now.states for wait in state.wait_s]) / scales.max_red_s,
)  # fmt: skip
PERSONS = ObservationBlock(
    "persons at crossing {}", "P", "10 persons", DEAD, HIGH,
    "persons who wait at the crossing, by link; only where the site counts them",
    lambda scales, now: scales.uncounted if now.persons is None else now.persons / PERSONS_SCALE,
)  # fmt: skip

BLOCKS = (QUEUE, COUNT, EXIT_FILL, SHOWN, CLEARING, GREEN_AGE, LEGAL, WAIT, PERSONS)


def blocks_of(*, counts_persons: bool) -> tuple[ObservationBlock, ...]:
    """Blocks that an observation has, in order."""
    return tuple(block for block in BLOCKS if counts_persons or block is not PERSONS)


def observation_spec(
    intersection: Intersection,
    *,
    decision_interval_s: float,
    reach_m: float = DEFAULT_REACH_M,
    counts_persons: bool = False,
) -> ObservationSpec:
    """Write the table for one intersection."""
    blocks = blocks_of(counts_persons=counts_persons)
    return ObservationSpec(
        intersection=intersection.id,
        reach_m=reach_m,
        decision_interval_s=decision_interval_s,
        entries=tuple(entry for block in blocks for entry in block.entries(intersection)),
    )


def columns_of(intersection: Intersection, blocks: Sequence[ObservationBlock]) -> list[range]:
    """Columns of each block in the observation of one intersection."""
    widths = [len(ENTRIES_PER[block.per](intersection)) for block in blocks]
    return [range(first, last) for first, last in pairwise(accumulate(widths, initial=0))]


def decode(
    observation: NDArray[np.floating],
    intersection: Intersection,
    block: ObservationBlock,
    *,
    counts_persons: bool = False,
) -> NDArray[np.floating]:
    """Return one block of an observation: (..., width) of (..., D); entries beyond D do not matter."""
    blocks = blocks_of(counts_persons=counts_persons)
    columns = columns_of(intersection, blocks)[blocks.index(block)]
    return observation[..., columns.start : columns.stop]


class Encoder:
    """Encodes N intersections at once into one padded array; a single intersection is N = 1."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        *,
        reach_m: float = DEFAULT_REACH_M,
        counts_persons: bool = False,
    ) -> None:
        self._blocks = blocks_of(counts_persons=counts_persons)
        self._scales = _scales(intersections, timings, reach_m)
        self.n_stages = tuple(i.n_stages for i in intersections)
        columns = [columns_of(i, self._blocks) for i in intersections]
        self.sizes = tuple(own[-1].stop for own in columns)
        # where the values of all blocks go, each block for all intersections in turn
        places = [
            (n, column, block.high, block.low == DEAD)
            for k, block in enumerate(self._blocks)
            for n, own in enumerate(columns)
            for column in own[k]
        ]
        rows, to, high, is_measured = zip(*places, strict=True)
        self._rows = np.array(rows, dtype=np.intp)
        self._columns = np.array(to, dtype=np.intp)
        self._high = np.array(high)
        self._is_measured = np.array(is_measured)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D_max)."""
        return len(self.sizes), max(self.sizes)

    def encode(
        self,
        readings: Readings,
        states: Sequence[SignalState],
        permissions: Sequence[Permission],
        persons: Array | None = None,
    ) -> NDArray[np.float32]:
        """Encode one decision step: (N, D_max), zero beyond each intersection's own size.

        Args:
            readings: of the lanes of all intersections in turn.
            states: (N,)
            permissions: (N,)
            persons: (P,) who waits at the crossings of all intersections in turn, by link; only where the site
                counts them.
        """
        now = ObservedStep(readings=readings, states=states, permissions=permissions, persons=persons)
        values = np.concatenate([block.formula(self._scales, now) for block in self._blocks])
        values = np.minimum(values, self._high)
        values[self._is_measured & np.isnan(values)] = DEAD
        out = np.zeros(self.shape, dtype=np.float32)
        out[self._rows, self._columns] = values
        return out


def _scales(intersections: Sequence[Intersection], timings: Sequence[Timing], reach_m: float) -> ObservationScales:
    first_stage = list(accumulate((i.n_stages for i in intersections), initial=0))
    movements = [(n, movement.link) for n, i in enumerate(intersections) for movement in i.vehicle_movements]
    pairs = [
        (first_stage[n] + s, k)
        for k, (n, link) in enumerate(movements)
        for s, stage in enumerate(intersections[n].stages)
        if stage.state[link] in GREEN
    ]
    exit_stage, exit_movement = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2).T
    return ObservationScales(
        capacity_veh=np.array([capacity_veh(lane, reach_m) for i in intersections for lane in i.lanes]),
        max_red_s=np.array([t.max_red_s for t in timings for _ in range(t.n_stages)]),
        first_stage=np.array(first_stage[:-1], dtype=np.intp),
        exit_stage=exit_stage,
        exit_movement=exit_movement,
        exit_weight=1.0 / np.bincount(exit_stage)[exit_stage],
        uncounted=np.full(sum(len(i.pedestrian_links) for i in intersections), np.nan),
    )
