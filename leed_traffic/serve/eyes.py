"""How a controller sees: vehicles on lanes, as a simulator knows them, or the detectors that the site has."""

from collections.abc import Sequence
from typing import Protocol

from leed_traffic.domain.detection import Array, Detection, Readings
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.sensing import Sensing, SensingKind
from leed_traffic.serve.device import Snapshot
from leed_traffic.serve.field_detectors import FieldDetectors


class Eyes(Protocol):
    """Turns snapshots into readings."""

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """Every tick: readings, and (L,) numbers that change when anything on a lane moves, where no vehicles are seen."""

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """At a decision, in the rhythm of training: what the policy sees; `readings` are those of the tick."""


class LaneEyes:
    """Sees vehicles."""

    def __init__(self, intersections: Sequence[Intersection], reach_m: float, lane_index: dict[str, int]) -> None:
        self._detection = Detection(intersections, reach_m, lane_index)

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `Eyes`."""
        return self._detection.measure(snapshot.vehicles), None

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `Eyes`."""
        return readings


class FieldEyes:
    """Sees what zones and loops report; loops keep one balance a tick, and one a decision, as in training."""

    def __init__(self, intersections: Sequence[Intersection], sensing: Sensing) -> None:
        self._street, self._policy = FieldDetectors(intersections, sensing), FieldDetectors(intersections, sensing)

    def look(self, snapshot: Snapshot, elapsed_s: float) -> tuple[Readings, Array | None]:
        """See `Eyes`."""
        return self._street.measure(snapshot.detected, elapsed_s)

    def ask(self, snapshot: Snapshot, readings: Readings, elapsed_s: float) -> Readings:
        """See `Eyes`."""
        return self._policy.measure(snapshot.detected, elapsed_s)[0]


def open_eyes(intersections: Sequence[Intersection], sensing: Sensing, *, reach_m: float, lane_index: dict[str, int]) -> Eyes:
    """The eyes that fit a site's sensing."""
    if sensing.kind is SensingKind.IDEAL:
        return LaneEyes(intersections, reach_m, lane_index)
    return FieldEyes(intersections, sensing)
