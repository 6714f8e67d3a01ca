"""Detectors where an installer would put them: zones of a camera or radar, stop loops and advance loops.

| id | kind | where |
|---|---|---|
| `leed.zone.SIGNAL.LANE` | zone (SUMO: E2) | from a stop line up to the reach, a part per lane |
| `leed.exit.SIGNAL.LANE` | exit (E2) | the first 60 m of an exit lane |
| `leed.stop.SIGNAL.LANE` | stop (E1) | a loop 2 m before the stop line: a waiting vehicle stands on it |
| `leed.advance.SIGNAL.LANE` | advance (E1) | a loop at v t + v^2 / (2 a), to stop in, or at the lane's begin |

t = 1.0 s and a = 3.05 m/s2 as for the yellow (domain/safety/timing.py). LANE is where the detector lies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from leed_traffic.domain.detectors.detection import BLOCKED_EXIT_M, within_reach
from leed_traffic.domain.network import Intersection, Lane, Span
from leed_traffic.domain.safety.timing import DECELERATION_MPS2, REACTION_S

STOP_LOOP_M = 2.0  # m before the stop line: SUMO's vehicles, like drivers, stop about 1 m short of it
LEAST_GAP_M = 8.0  # m between the two loops of a lane: a vehicle and its gap; a shorter lane has a stop loop alone


class DetectorKind(StrEnum):
    """Kinds of detectors."""

    ZONE = "zone"
    EXIT = "exit"
    STOP = "stop"
    ADVANCE = "advance"


LOOPS = frozenset({DetectorKind.STOP, DetectorKind.ADVANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Detector: its place, and the incoming (or exit) lanes of a signal that it covers."""

    id: str
    kind: DetectorKind
    signal: str
    lane: str  # where it lies
    from_m: float  # along that lane; a loop is a point: from_m = to_m
    to_m: float
    distance_m: float  # from the stop line to its nearer end; 0 at an exit
    informs: tuple[
        tuple[str, float], ...
    ]  # lanes of the signal, and the share of what it sees that heads for each

    def __post_init__(self) -> None:
        if not 0.0 <= self.from_m <= self.to_m or not self.distance_m >= 0.0:
            raise ValueError(
                f"{self.id}: need 0 <= from_m <= to_m and distance_m >= 0, "
                f"got {self.from_m}, {self.to_m}, {self.distance_m}"
            )
        if self.kind in LOOPS and self.from_m != self.to_m:
            raise ValueError(
                f"{self.id}: a loop is a point, need from_m = to_m, got {self.from_m} and {self.to_m}"
            )
        if not all(0.0 < share <= 1.0 for _, share in self.informs):
            raise ValueError(f"{self.id}: need 0 < share <= 1, got {self.informs}")


def stopping_distance_m(speed_mps: float) -> float:
    """Distance before the stop line in which a driver who sees yellow can still stop: v t + v^2 / (2 a)."""
    return speed_mps * REACTION_S + speed_mps**2 / (2.0 * DECELERATION_MPS2)


def place_zones(intersection: Intersection, reach_m: float) -> tuple[Detector, ...]:
    """A zone for every stretch of lane within reach of a stop line, and one at every exit."""
    zones: dict[str, Detector] = {}
    for lane in intersection.lanes:
        for span in within_reach(lane, reach_m):
            name = f"leed.zone.{intersection.id}.{span.lane}"
            _add(zones, _zone(name, DetectorKind.ZONE, intersection.id, span, (lane.id, span.share)))
    for movement in intersection.vehicle_movements:
        if movement.exit_span:
            mouth = replace(movement.exit_span, to_m=min(movement.exit_span.to_m, BLOCKED_EXIT_M), distance_m=0.0)
            name = f"leed.exit.{intersection.id}.{mouth.lane}"
            _add(zones, _zone(name, DetectorKind.EXIT, intersection.id, mouth, (mouth.lane, 1.0)))
    return tuple(zones.values())


def place_loops(intersection: Intersection) -> tuple[Detector, ...]:
    """Two loops on every lane that is long enough, on the others one at the stop line."""
    loops = []
    for lane in intersection.lanes:
        stop_m = max(lane.length_m - STOP_LOOP_M, 0.0)
        loops.append(_loop(intersection, lane, DetectorKind.STOP, round(stop_m, 2)))
        advance_m = max(lane.length_m - stopping_distance_m(lane.speed_mps), 1.0)
        if stop_m - advance_m >= LEAST_GAP_M:
            loops.append(_loop(intersection, lane, DetectorKind.ADVANCE, round(advance_m, 2)))
    return tuple(loops)


def covered(intersection: Intersection, detectors: Iterable[Detector]) -> Intersection:
    """The intersection as its zones see it: lanes without a zone show nothing, exits without one count as free.

    Raises:
        ValueError: a zone tells of a lane that the intersection does not have.
    """
    own = [d for d in detectors if d.signal == intersection.id and d.kind not in LOOPS]
    known = {lane.id for lane in intersection.lanes} | {
        m.exit_span.lane for m in intersection.movements if m.exit_span
    }
    for zone in own:
        if strange := [lane for lane, _ in zone.informs if lane not in known]:
            raise ValueError(
                f"{zone.id}: tells of lane {strange[0]}, which signal {intersection.id} does not have"
            )
    spans: dict[str, list[Span]] = {lane.id: [] for lane in intersection.lanes}
    exits: dict[str, Span] = {}
    for zone in own:
        for lane, share in zone.informs:
            span = Span(
                lane=zone.lane, from_m=zone.from_m, to_m=zone.to_m, distance_m=zone.distance_m, share=share
            )
            if zone.kind is DetectorKind.ZONE:
                spans[lane].append(span)
            else:
                exits[lane] = replace(span, share=1.0)
    return replace(
        intersection,
        lanes=tuple(replace(lane, spans=tuple(spans[lane.id])) for lane in intersection.lanes),
        movements=tuple(
            replace(m, exit_span=exits.get(m.exit_span.lane)) if m.exit_span else m for m in intersection.movements
        ),
    )


def loops_by_lane(
    intersections: Sequence[Intersection], detectors: Iterable[Detector]
) -> list[tuple[str | None, str | None]]:
    """(L,) ids of the stop loop and the advance loop of every incoming lane of all intersections in turn."""
    ids = {(d.signal, lane, d.kind): d.id for d in detectors for lane, _ in d.informs}
    return [
        (ids.get((i.id, lane.id, DetectorKind.STOP)), ids.get((i.id, lane.id, DetectorKind.ADVANCE)))
        for i in intersections
        for lane in i.lanes
    ]


def _zone(name: str, kind: DetectorKind, signal: str, span: Span, informs: tuple[str, float]) -> Detector:
    return Detector(
        id=name, kind=kind, signal=signal, lane=span.lane, from_m=round(span.from_m, 2), to_m=round(span.to_m, 2),
        distance_m=round(span.distance_m, 2), informs=(informs,),
    )  # fmt: skip


def _loop(intersection: Intersection, lane: Lane, kind: DetectorKind, at_m: float) -> Detector:
    return Detector(
        id=f"leed.{kind}.{intersection.id}.{lane.id}", kind=kind, signal=intersection.id, lane=lane.id,
        from_m=at_m, to_m=at_m, distance_m=round(lane.length_m - at_m, 2), informs=((lane.id, 1.0),),
    )  # fmt: skip


def _add(zones: dict[str, Detector], zone: Detector) -> None:
    """Add one detector for each stretch of lane: several incoming lanes may share the one upstream of them."""
    before = zones.get(zone.id)
    if before is None:
        zones[zone.id] = zone
    elif zone.informs[0][0] not in dict(before.informs):
        zones[zone.id] = replace(
            before,
            from_m=min(before.from_m, zone.from_m),
            to_m=max(before.to_m, zone.to_m),
            distance_m=min(before.distance_m, zone.distance_m),
            informs=before.informs + zone.informs,
        )
