"""Figures of each intersection in one run, from SUMO's record of every edge and of every signal.

An edge belongs to the signal that its vehicles meet next within the detectors' farthest reach, so a short lane's
queue that goes on upstream is counted. With T the length of the run and sums over the edges of an intersection:

    delay    = (time lost on them + wait to enter the net on them) / vehicles that came to the stop lines
    waiting  = time under 0.1 m/s on them / vehicles that came
    queue    = time under 0.1 m/s on them / T

Vehicles that never entered the net are in the network's delay only: no edge has seen them.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.domain.network import Intersection, edge_of
from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.timeline import DisplayedStage


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeUse:
    """Traffic on one edge, over a run or an interval of it."""

    entered: int = 0  # from another edge
    departed: int = 0  # set out here
    time_loss_s: float = 0.0
    waiting_s: float = 0.0

    @property
    def vehicles(self) -> int:
        """Number of vehicles that came."""
        return self.entered + self.departed


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalScore:
    """One intersection in one run."""

    intersection: str
    vehicles: int
    delay_s: float
    waiting_s: float
    queue_veh: float
    stage_share: tuple[float, ...]  # (S,) of the time
    clearance_share: float
    changes_per_h: float


def request_edges(path: Path, output: Path, *, begin_s: float, interval_s: float | None) -> Path:
    """Write an additional file with which SUMO records every edge, as a whole or by intervals."""
    period = "" if interval_s is None else f' period="{interval_s:g}"'
    file = quoteattr(str(output.resolve()))
    request = f'<edgeData id="edges" file={file} begin="{begin_s:g}"{period} excludeEmpty="true"/>'
    path.write_text(f"<additional>{request}</additional>\n", encoding="utf-8")
    return path


def read_edges(path: Path) -> Iterator[tuple[float, str, EdgeUse]]:
    """(begin of the interval in s, edge, its traffic), in the order of the record.

    Raises:
        ScenarioError: the record is missing or cut short.
    """
    begin_s = 0.0
    try:
        for event, item in ET.iterparse(path, events=("start", "end")):
            if event == "start" and item.tag == "interval":
                begin_s = float(item.get("begin", 0))
            elif event == "end" and item.tag == "edge":
                yield begin_s, item.get("id", ""), _use(item)
                item.clear()
    except (OSError, ET.ParseError, ValueError) as err:
        raise ScenarioError(
            f"{path}: the record of the edges is missing or cut short ({err}); run it again"
        ) from err


def add_up_edges(uses: Iterator[tuple[float, str, EdgeUse]]) -> dict[str, EdgeUse]:
    """Add up every edge over the whole run."""
    total: dict[str, EdgeUse] = {}
    for _, edge, use in uses:
        total[edge] = _sum(total[edge], use) if edge in total else use
    return total


def edges_of(intersections: Sequence[Intersection]) -> dict[str, str]:
    """The intersection that each edge leads to next."""
    nearest: dict[str, tuple[float, str]] = {}
    for intersection in intersections:
        for lane in intersection.lanes:
            for span in lane.spans:
                edge = edge_of(span.lane)
                nearest[edge] = min(nearest.get(edge, (float("inf"), "")), (span.distance_m, intersection.id))
    return {edge: name for edge, (_, name) in nearest.items()}


def read_entry_waits(trips_file: Path) -> dict[str, float]:
    """Seconds that vehicles waited to enter the net, in all, by the edge on which they set out."""
    waits: dict[str, float] = {}
    for _, item in ET.iterparse(trips_file):
        if item.tag == "tripinfo" and float(item.get("depart", -1)) >= 0.0:
            edge = edge_of(item.get("departLane", ""))
            waits[edge] = waits.get(edge, 0.0) + float(item.get("departDelay", 0))
        item.clear()
    return waits


def score_intersections(
    intersections: Sequence[Intersection],
    uses: Mapping[str, EdgeUse],
    entry_waits_s: Mapping[str, float],
    timeline: Mapping[str, Sequence[DisplayedStage]],
    *,
    seconds: float,
) -> tuple[LocalScore, ...]:
    """One score per intersection.

    Args:
        intersections: N of them.
        uses: every edge over the whole run.
        entry_waits_s: see `read_entry_waits`.
        timeline: stages of each one.
        seconds: T, length of the run.
    """
    owner = edges_of(intersections)
    nothing = EdgeUse()
    scores = []
    for intersection in intersections:
        mine = [edge for edge, name in owner.items() if name == intersection.id]
        vehicles = sum(uses.get(edge, nothing).vehicles for edge in {lane.approach for lane in intersection.lanes})
        lost_s = sum(uses.get(edge, nothing).time_loss_s + entry_waits_s.get(edge, 0.0) for edge in mine)
        waited_s = sum(uses.get(edge, nothing).waiting_s for edge in mine)
        spans = timeline.get(intersection.id, ())
        shares = [_share(spans, stage) for stage in (*range(intersection.n_stages), None)]
        greens = sum(span.stage is not None for span in spans)
        scores.append(
            LocalScore(
                intersection=intersection.id,
                vehicles=vehicles,
                delay_s=lost_s / max(1, vehicles),
                waiting_s=waited_s / max(1, vehicles),
                queue_veh=waited_s / seconds,
                stage_share=tuple(shares[:-1]),
                clearance_share=shares[-1],
                changes_per_h=max(0, greens - 1) * 3600.0 / seconds,
            )
        )
    return tuple(scores)


def _share(spans: Sequence[DisplayedStage], stage: int | None) -> float:
    total_s = sum(span.end_s - span.begin_s for span in spans)
    return (
        sum(span.end_s - span.begin_s for span in spans if span.stage == stage) / total_s if total_s > 0.0 else 0.0
    )


def _use(item: ET.Element) -> EdgeUse:
    return EdgeUse(
        entered=int(item.get("entered", 0)),
        departed=int(item.get("departed", 0)),
        time_loss_s=float(item.get("timeLoss", 0)),
        waiting_s=float(item.get("waitingTime", 0)),
    )


def _sum(one: EdgeUse, other: EdgeUse) -> EdgeUse:
    return EdgeUse(**{f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(EdgeUse)})
