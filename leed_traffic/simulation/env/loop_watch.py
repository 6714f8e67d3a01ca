"""The loops of a site in the simulation: laid out as E1 detectors, read as counters."""

from collections.abc import Sequence
from pathlib import Path

from leed_traffic.domain.detectors.layout import LOOPS, loops_by_lane
from leed_traffic.domain.detectors.loops import LoopCounts
from leed_traffic.domain.detectors.sensing import Sensing, SensingKind
from leed_traffic.domain.network import Intersection
from leed_traffic.simulation.sumo.detector_file import render_additional
from leed_traffic.simulation.sumo.engine import Engine

FILE_NAME = "loops.add.xml"


class LoopWatch:
    """Counts since the last look; without loops in the sensing there is nothing to lay out and nothing to read."""

    def __init__(self, engine: Engine, intersections: Sequence[Intersection], sensing: Sensing) -> None:
        self._engine = engine
        self._loops = (
            [d for d in sensing.detectors if d.kind in LOOPS] if sensing.kind is SensingKind.LOOPS else []
        )
        pairs = loops_by_lane(intersections, self._loops)
        self._stop = [stop for stop, _ in pairs]
        self._advance = [advance for _, advance in pairs]
        self._before: LoopCounts | None = None

    def lay_out(self, folder: Path) -> tuple[Path, ...]:
        """SUMO's additional file; call before the simulation starts."""
        self._before = None
        if not self._loops:
            return ()
        path = folder / FILE_NAME
        path.write_text(render_additional(self._loops), encoding="utf-8")
        return (path,)

    def read(self) -> LoopCounts | None:
        """Return what was counted since the last look, or since the simulation began; None without loops."""
        if not self._loops:
            return None
        passed, covered_s = self._engine.loops(self._stop)
        arrived, behind_s = self._engine.loops(self._advance)
        now = LoopCounts(
            stop_passed_veh=passed,
            stop_covered_s=covered_s,
            advance_passed_veh=arrived,
            advance_covered_s=behind_s,
        )
        before = self._before
        self._before = now
        return now if before is None else now.since(before)
