"""Readings as a site's detectors give them: less than the truth, and sometimes wrong.

| kind | what is read | what is not |
|---|---|---|
| `ideal` | queue and vehicles within the reach of the observation, exits | - |
| `camera` | zones up to `reach_m`, each count with the errors below | beyond the reach |
| `loops` | two points of each lane, see domain/detectors/loops.py | everything between and beyond them; exits |

A camera counts n vehicles of a lane on which c fit as

    n' = round(p n + z s),   p = (1 - miss)(1 - occlusion min(1, n / c)),   s^2 = n p (1 - p) + (noise n)^2

and the queue in proportion. z is standard normal and stays for a while, z <- r z + sqrt(1 - r^2) e with
r = exp(-T / persistence): a vehicle hidden behind a truck is hidden the next second, too. A loop misses a vehicle
with probability `miss`. Every number is drawn from one generator, seeded for the hour.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from leed_traffic.domain.detectors.detection import Array, Detection, Readings, Vehicles, capacity_veh
from leed_traffic.domain.detectors.faults import DetectorFault, FaultPlan, FaultRates, draw_faults
from leed_traffic.domain.detectors.layout import Detector, DetectorKind, covered, loops_by_lane, place_loops
from leed_traffic.domain.detectors.loops import LoopCounts, LoopLanes, LoopMemory, balance, lanes_of, within_room
from leed_traffic.domain.network import MAX_REACH_M, Intersection

_CHANCE = 2  # stream of chance apart from the demand's and the choices' of the same seed


class SensingKind(StrEnum):
    """Kinds of sensing at a site."""

    IDEAL = "ideal"
    CAMERA = "camera"
    LOOPS = "loops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensing:
    """The detectors of a site and how far they can be trusted."""

    kind: SensingKind = SensingKind.IDEAL
    reach_m: float = MAX_REACH_M  # of a camera; loops reach to the advance loop
    miss: float = 0.0  # share of vehicles not seen
    occlusion: float = 0.0  # share more when the zone is full
    noise: float = 0.0  # standard deviation of a count, as a share of it
    persistence_s: float = 10.0  # for which an error stays
    sees_exits: bool = True
    varies: bool = False  # every hour draws its miss, occlusion and noise between 0 and these
    faults: FaultRates = field(default_factory=FaultRates)
    detectors: tuple[Detector, ...] = ()  # as they stand at the site; empty: where an installer would put them

    def __post_init__(self) -> None:
        if not 10.0 <= self.reach_m <= MAX_REACH_M:
            raise ValueError(f"need 10 <= reach_m <= {MAX_REACH_M}, got {self.reach_m}")
        for name in ("miss", "occlusion", "noise"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"need 0 <= {name} < 1, got {getattr(self, name)}")
        if not self.persistence_s > 0.0:
            raise ValueError(f"need persistence_s over 0, got {self.persistence_s}")

    def digest(self) -> str:
        """sha256 of all of it."""
        return hashlib.sha256(TypeAdapter(Sensing).dump_json(self)).hexdigest()

    def seen_m(self, reach_m: float) -> float:
        """Distance from the stop line that is seen of the reach that an observation asks for."""
        return min(reach_m, self.reach_m)

    @property
    def is_perfect(self) -> bool:
        """Return whether readings are the truth within the reach of the observation."""
        return (
            self.kind is SensingKind.IDEAL
            and self.faults.is_sound
            and not (self.miss or self.occlusion or self.noise)
        )


IDEAL = Sensing()
CAMERA = Sensing(
    kind=SensingKind.CAMERA,
    reach_m=80.0,  # m, where a camera on the mast still tells one vehicle from the next
    miss=0.03,
    occlusion=0.1,
    noise=0.1,
    faults=FaultRates(dropouts_per_lane_hour=0.5),
)
LOOPS = Sensing(kind=SensingKind.LOOPS, miss=0.01, sees_exits=False, faults=FaultRates(dropouts_per_lane_hour=0.1))


class Sensors:
    """Detectors of N intersections over an hour: `begin`; at every reading `take` once, then `sense` at will."""

    def __init__(self, intersections: Sequence[Intersection], sensing: Sensing) -> None:
        """Lay everything out.

        Args:
            intersections: N of them.
            sensing: what stands there.

        Raises:
            ValueError: a detector tells of a lane that is not there.
        """
        self.sensing = installed(sensing, intersections)
        self._lanes = [i.n_lanes for i in intersections]
        self._n = sum(self._lanes)
        self._loop_lanes = loop_lanes(intersections, self.sensing)
        self.begin(0, 0.0)

    def begin(self, seed: int, duration_s: float) -> None:
        """A new hour: its faults are drawn, every estimate is forgotten."""
        self._rng = np.random.default_rng((seed, _CHANCE))
        self._plan: FaultPlan = draw_faults(self.sensing.faults, self._lanes, duration_s, self._rng)
        self._level = float(self._rng.uniform()) if self.sensing.varies else 1.0
        self._z = self._rng.standard_normal(self._n)
        self._memory = LoopMemory.fresh(self._n)
        self._fault: NDArray[np.intp] = np.zeros(self._n, dtype=np.intp)
        self._is_on = np.zeros(self._n, dtype=bool)

    def take(self, time_s: float, elapsed_s: float, loops: LoopCounts | None = None) -> None:
        """Take one moment: which detectors are broken, how wrong the others are, what the loops counted.

        Args:
            time_s: since the hour began.
            elapsed_s: since the last reading.
            loops: counted since then on (L,) lanes; of kind `loops` alone.
        """
        self._fault = self._plan.at(time_s)
        self._is_on = self._rng.random(self._n) < 0.5  # what chatter shows
        r = math.exp(-elapsed_s / self.sensing.persistence_s)
        self._z = r * self._z + math.sqrt(1.0 - r * r) * self._rng.standard_normal(self._n)
        if loops is not None:
            seen = _damaged(self._missed(loops), self._fault, self._is_on, elapsed_s)
            self._memory = balance(self._memory, seen, self._loop_lanes, elapsed_s)

    def sense(self, truth: Readings, room_veh: Array) -> Readings:
        """Return the values that are reported of this moment.

        Args:
            truth: within the reach that is asked for.
            room_veh: (L,) vehicles that fit within that reach.
        """
        if self.sensing.kind is SensingKind.LOOPS:
            count, queue = within_room(self._memory.count_veh, self._memory.queue_veh, room_veh)
        else:
            count, queue = self._seen(truth, room_veh)
            is_full = (self._fault == DetectorFault.STUCK_ON) | (
                (self._fault == DetectorFault.CHATTER) & self._is_on
            )
            is_empty = (self._fault == DetectorFault.STUCK_OFF) | (
                (self._fault == DetectorFault.CHATTER) & ~self._is_on
            )
            for value in (count, queue):
                value[is_full] = room_veh[is_full]
                value[is_empty] = 0.0
                value[self._fault == DetectorFault.DEAD] = math.nan
        if self.sensing.sees_exits:
            return replace(truth, queue_veh=queue, count_veh=count)
        unseen = np.full(len(truth.exit_fill), math.nan)
        return replace(truth, queue_veh=queue, count_veh=count, exit_count_veh=unseen, exit_fill=unseen)

    def _seen(self, truth: Readings, room_veh: Array) -> tuple[Array, Array]:
        """(L,) vehicles and queue as the zones report them, before any fault."""
        n = truth.count_veh
        q = truth.queue_veh
        sensing = self.sensing
        level = self._level
        if not (sensing.miss or sensing.occlusion or sensing.noise):
            return n.copy(), q.copy()
        # n' = round(p n + z s)
        p = (1.0 - level * sensing.miss) * (1.0 - level * sensing.occlusion * np.minimum(1.0, n / room_veh))
        s = np.sqrt(n * p * (1.0 - p) + (level * sensing.noise * n) ** 2)
        count = np.maximum(np.round(p * n + self._z * s), 0.0)
        queue = np.minimum(np.round(q * count / np.maximum(n, 1.0)), count)
        return count, queue

    def _missed(self, loops: LoopCounts) -> LoopCounts:
        """Each passing vehicle is missed with the same probability."""
        miss = self._level * self.sensing.miss
        if not miss:
            return loops
        stop, advance = (
            passed - self._rng.binomial(np.nan_to_num(passed).astype(np.int64), miss)
            for passed in (loops.stop_passed_veh, loops.advance_passed_veh)
        )
        return replace(loops, stop_passed_veh=stop, advance_passed_veh=advance)


class SensedDetection:
    """Detectors with a reach, seen through the sensors of the site."""

    def __init__(
        self,
        sensors: Sensors,
        intersections: Sequence[Intersection],
        reach_m: Sequence[float],
        lane_index: dict[str, int],
    ) -> None:
        """Lay out the detectors; lanes as in `Detection`."""
        sensing = sensors.sensing
        seen_m = [sensing.seen_m(reach) for reach in reach_m]
        covered_by = intersections
        if sensing.kind is SensingKind.CAMERA and _has_zones(
            sensing
        ):  # a zone counts as it lies, whatever is asked for
            seen_m = [MAX_REACH_M] * len(intersections)
            covered_by = [covered(i, sensing.detectors) for i in intersections]
        self._sensors = sensors
        self._detection = Detection(covered_by, seen_m, lane_index)
        pairs = zip(covered_by, seen_m, strict=True)
        self._room_veh = np.array([capacity_veh(lane, reach) for i, reach in pairs for lane in i.lanes])

    def measure(self, vehicles: Vehicles) -> Readings:
        """Read the detectors at the moment that the sensors took last."""
        return self._sensors.sense(self._detection.measure(vehicles), self._room_veh)


def installed(sensing: Sensing, intersections: Sequence[Intersection]) -> Sensing:
    """The same with its loops laid out, where nobody has said how they lie."""
    if sensing.kind is not SensingKind.LOOPS or sensing.detectors:
        return sensing
    return replace(sensing, detectors=tuple(loop for i in intersections for loop in place_loops(i)))


def _has_zones(sensing: Sensing) -> bool:
    return any(d.kind in (DetectorKind.ZONE, DetectorKind.EXIT) for d in sensing.detectors)


def loop_lanes(intersections: Sequence[Intersection], sensing: Sensing) -> LoopLanes:
    """Places of the loops of all lanes."""
    by_id = {d.id: d.distance_m for d in sensing.detectors}
    pairs = loops_by_lane(intersections, sensing.detectors)
    distances_m = [None if advance is None else by_id[advance] for _, advance in pairs]
    return lanes_of(distances_m, [lane.speed_mps for i in intersections for lane in i.lanes])


def _damaged(seen: LoopCounts, fault: NDArray[np.intp], is_on: NDArray[np.bool_], elapsed_s: float) -> LoopCounts:
    """Counts that broken loops report; stuck on, the stop loop is the one that is stuck."""
    covered_s = seen.stop_covered_s.copy()
    passed = seen.stop_passed_veh.copy()
    advance = seen.advance_passed_veh.copy()
    behind_s = seen.advance_covered_s.copy()
    stuck_on, stuck_off, chatter = (
        fault == kind for kind in (DetectorFault.STUCK_ON, DetectorFault.STUCK_OFF, DetectorFault.CHATTER)
    )
    covered_s[stuck_on], passed[stuck_on] = elapsed_s, 0.0
    for value in (covered_s, passed, advance, behind_s):
        value[stuck_off] = 0.0
        value[fault == DetectorFault.DEAD] = math.nan
    covered_s[chatter] = np.where(is_on[chatter], elapsed_s, 0.0)
    passed[chatter] = elapsed_s
    return LoopCounts(
        stop_passed_veh=passed, stop_covered_s=covered_s, advance_passed_veh=advance, advance_covered_s=behind_s
    )
