"""SUMO's additional file for the detectors of a site: E1 loops and E2 zones under the ids of the layout."""

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from leed_traffic.domain.detectors.detection import BLOCKED_SPEED_MPS, QUEUE_SPEED_MPS
from leed_traffic.domain.detectors.layout import LOOPS, Detector, DetectorKind
from leed_traffic.simulation.sumo.foreign_file import NOWHERE

# Counters over one long interval run on, as those of a loop card do: whoever reads them takes differences.
PERIOD_S = 86400


def render_additional(detectors: Iterable[Detector]) -> str:
    """The file's text; vehicles of a zone halt below the speed of a queue, those of an exit below that of a blocked exit."""
    rows = [_loop(d) if d.kind in LOOPS else _zone(d) for d in detectors]
    return "<additional>\n" + "".join(f"  {row}\n" for row in rows) + "</additional>\n"


def _loop(loop: Detector) -> str:
    return (
        f"<inductionLoop id={quoteattr(loop.id)} lane={quoteattr(loop.lane)} "
        f'pos="{loop.from_m:.2f}" period="{PERIOD_S}" file="{NOWHERE}" friendlyPos="true"/>'
    )


def _zone(zone: Detector) -> str:
    slow_mps = BLOCKED_SPEED_MPS if zone.kind is DetectorKind.EXIT else QUEUE_SPEED_MPS
    return (
        f"<laneAreaDetector id={quoteattr(zone.id)} lane={quoteattr(zone.lane)} "
        f'pos="{zone.from_m:.2f}" endPos="{zone.to_m:.2f}" period="{PERIOD_S}" file="{NOWHERE}" friendlyPos="true" '
        f'speedThreshold="{slow_mps:g}" timeThreshold="0"/>'
    )
