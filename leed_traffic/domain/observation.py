"""The vector that a policy sees, for generating, training, evaluating and serving alike.

For an intersection with L incoming lanes and S stages:

| index | meaning | unit | min | max |
|---|---|---|---|---|
| 0 .. L-1 | queue within reach / vehicles that fit there | share | 0 | 2 |
| L .. 2L-1 | vehicles within reach / vehicles that fit there | share | 0 | 2 |
| 2L .. 2L+S-1 | how full of slow vehicles the exits of each stage are (mean over its movements) | share | 0 | 1 |
| .. +S | stage shown or being cleared towards, one-hot | - | 0 | 1 |
| .. +1 | clearing | - | 0 | 1 |
| .. +1 | time since green / 60 s | min | 0 | 2 |
| .. +S | stage may be asked for now | - | 0 | 1 |
| .. +S | longest wait at red of each stage / maximum red | share | 0 | 2 |
| .. +P | only where the site counts persons: who waits at each crossing, by link / 10 | persons | 0 | 2 |

A dead or stale detector is encoded as -1 in both of its entries; a dead exit detector counts as free. Scaling by
what fits on the lane is fixed, so that a trained policy never sees its own inputs move.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leed_traffic.domain.detectors.detection import Readings, capacity_veh
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
        """sha256 of the table."""
        return hashlib.sha256(TypeAdapter(ObservationSpec).dump_json(self)).hexdigest()


def observation_spec(
    intersection: Intersection,
    *,
    decision_interval_s: float,
    reach_m: float = DEFAULT_REACH_M,
    counts_persons: bool = False,
) -> ObservationSpec:
    """The table for one intersection."""
    walks = sorted(intersection.pedestrian_links) if counts_persons else []
    lanes = [lane.id for lane in intersection.lanes]
    stages = range(intersection.n_stages)
    entries = (
        [ObservationEntry(name=f"queue {lane}", unit="share", low=DEAD, high=HIGH) for lane in lanes]
        + [ObservationEntry(name=f"count {lane}", unit="share", low=DEAD, high=HIGH) for lane in lanes]
        + [ObservationEntry(name=f"exit fill of stage {s}", unit="share", low=0.0, high=1.0) for s in stages]
        + [ObservationEntry(name=f"stage {s} shown", unit="-", low=0.0, high=1.0) for s in stages]
        + [ObservationEntry(name="clearing", unit="-", low=0.0, high=1.0)]
        + [ObservationEntry(name="time since green", unit="min", low=0.0, high=HIGH)]
        + [ObservationEntry(name=f"stage {s} may be asked for", unit="-", low=0.0, high=1.0) for s in stages]
        + [
            ObservationEntry(name=f"wait for stage {s}", unit="share of maximum red", low=0.0, high=HIGH)
            for s in stages
        ]
        + [
            ObservationEntry(name=f"persons at crossing {k}", unit="10 persons", low=DEAD, high=HIGH)
            for k in walks
        ]
    )
    return ObservationSpec(
        intersection=intersection.id,
        reach_m=reach_m,
        decision_interval_s=decision_interval_s,
        entries=tuple(entries),
    )


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
        self._capacity = np.array([capacity_veh(lane, reach_m) for i in intersections for lane in i.lanes])
        self._max_red_s = np.array([t.max_red_s for t in timings for _ in range(t.n_stages)])
        walks = [len(i.pedestrian_links) if counts_persons else 0 for i in intersections]
        own = [2 * i.n_lanes + 4 * i.n_stages + 2 for i in intersections]
        self.sizes = tuple(size + n for size, n in zip(own, walks, strict=True))
        self._person_rows = np.repeat(np.arange(len(walks)), walks)
        self._person_columns = np.array(
            [size + k for size, n in zip(own, walks, strict=True) for k in range(n)], dtype=np.intp
        )
        n_max = max(i.n_stages for i in intersections)
        self._n_stages_max = n_max
        self.n_stages = tuple(i.n_stages for i in intersections)
        self._every = np.arange(len(intersections))
        self._stages = np.nonzero(np.arange(n_max) < np.array(self.n_stages)[:, None])
        self._lane_rows, self._queue_columns, self._count_columns = self._lane_places(intersections)
        self._exit_stages, self._exit_columns, self._exit_weights = self._exit_means(intersections)
        # (N, 4 S_max + 2) per-stage blocks and scalars, then scattered behind each intersection's lanes
        self._rows, self._from, self._to = self._stage_places(intersections)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D_max)."""
        return len(self.sizes), max(self.sizes)

    def encode(
        self,
        readings: Readings,
        states: Sequence[SignalState],
        permissions: Sequence[Permission],
        persons: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        """(N, D_max) observations, zero beyond each intersection's own size.

        Args:
            readings: of the lanes of all intersections in turn.
            states: (N,)
            permissions: (N,)
            persons: (P,) who waits at the crossings of all intersections in turn, by link; only where the site
                counts them.
        """
        out = np.zeros(self.shape, dtype=np.float32)
        out[self._lane_rows, self._queue_columns] = self._share(readings.queue_veh)
        out[self._lane_rows, self._count_columns] = self._share(readings.count_veh)
        n = len(self.sizes)
        s = self._n_stages_max
        tail = np.zeros((n, 4 * s + 2))
        fill = np.nan_to_num(readings.exit_fill)[self._exit_columns] * self._exit_weights
        tail[:, :s] = np.bincount(self._exit_stages, weights=fill, minlength=n * s).reshape(n, s)
        tail[self._every, s + np.array([state.stage for state in states])] = 1.0
        tail[:, 2 * s] = [state.is_clearing for state in states]
        tail[:, 2 * s + 1] = np.minimum(np.array([state.green_s for state in states]) / GREEN_SCALE_S, HIGH)
        stages = self._stages  # (row, stage) of every stage in turn
        tail[:, 2 * s + 2 : 3 * s + 2][stages] = list(chain.from_iterable(p.legal for p in permissions))
        waits = np.array(list(chain.from_iterable(state.wait_s for state in states)))
        tail[:, 3 * s + 2 :][stages] = np.minimum(waits / self._max_red_s, HIGH)
        out[self._rows, self._to] = tail[self._rows, self._from]
        if len(self._person_rows):
            waiting = np.full(len(self._person_rows), np.nan) if persons is None else persons / PERSONS_SCALE
            out[self._person_rows, self._person_columns] = np.where(
                np.isnan(waiting), DEAD, np.minimum(waiting, HIGH)
            )
        return out

    def _share(self, vehicles: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.minimum(vehicles / self._capacity, HIGH)
        return np.where(np.isnan(share), DEAD, share)

    @staticmethod
    def _lane_places(intersections: Sequence[Intersection]) -> tuple[NDArray[np.intp], ...]:
        rows = [n for n, i in enumerate(intersections) for _ in i.lanes]
        queue = [k for i in intersections for k in range(i.n_lanes)]
        count = [i.n_lanes + k for i in intersections for k in range(i.n_lanes)]
        return np.array(rows, dtype=np.intp), np.array(queue, dtype=np.intp), np.array(count, dtype=np.intp)

    def _stage_places(self, intersections: Sequence[Intersection]) -> tuple[NDArray[np.intp], ...]:
        rows: list[int] = []
        sources: list[int] = []
        targets: list[int] = []
        s_max = self._n_stages_max
        for n, i in enumerate(intersections):
            blocks = [*range(i.n_stages), *range(s_max, s_max + i.n_stages), 2 * s_max, 2 * s_max + 1]
            blocks += [
                *range(2 * s_max + 2, 2 * s_max + 2 + i.n_stages),
                *range(3 * s_max + 2, 3 * s_max + 2 + i.n_stages),
            ]
            rows += [n] * len(blocks)
            sources += blocks
            targets += range(2 * i.n_lanes, 2 * i.n_lanes + len(blocks))
        return np.array(rows, dtype=np.intp), np.array(sources, dtype=np.intp), np.array(targets, dtype=np.intp)

    def _exit_means(
        self, intersections: Sequence[Intersection]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Row (n * S_max + s), movement and weight of every pair of a stage and a movement that it serves: means by row."""
        moves = [(n, m) for n, i in enumerate(intersections) for m in i.vehicle_movements]
        pairs = [
            (n * self._n_stages_max + s, column)
            for column, (n, movement) in enumerate(moves)
            for s, stage in enumerate(intersections[n].stages)
            if stage.state[movement.link] in GREEN
        ]
        rows, columns = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2).T
        return rows, columns, 1.0 / np.bincount(rows)[rows]
