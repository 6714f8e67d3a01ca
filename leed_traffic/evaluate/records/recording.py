"""Recording of one run for a report: signal letters, arrivals, queues, trajectories, use of every edge.

Arrivals are counted by loops ARRIVAL_M before the stop line, across all lanes of an approach, and moved on to the
stop line by the travel time at the speed limit, as Purdue coordination diagrams do. Trajectories are kept on the
corridor, in a window.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Intersection, MovementKind, edge_of
from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.corridor import Corridor
from leed_traffic.evaluate.records.intersections import edges_of, read_edges
from leed_traffic.simulation.score.audit import read_runs

# m before the stop line: advance detectors stand 75 to 120 m (250 to 400 ft) ahead at 35 to 45 mph
ARRIVAL_M = 100.0
INTERVAL_S = 60.0  # s over which queues are averaged
WINDOW_S = 600.0  # s of trajectories
TRAJECTORY_STEP_S = 2.0  # s between two points
PATH_ERROR_M = 2.0  # m by which a drawn trajectory may be off
MAX_SHOWN = 4  # intersections with detectors and diagrams of their own
_LOOPS_NAME = "loops.add.xml"
_LOOP_EVENTS_NAME = "loops.xml"
_PATHS_NAME = "paths.xml"
_CORRIDOR_NAME = "corridor.txt"
_EVENT = re.compile(r'<instantOut id="([^"]*)" time="([0-9.]+)" state="enter"')
_STEP = re.compile(r'<timestep time="([0-9.]+)"')
_POINT = re.compile(r'<vehicle id="([^"]*)" pos="(-?[0-9.]+)" lane="([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Plotted:
    """Request for a recording: the intersections drawn, and the corridor if there is one."""

    intersections: tuple[str, ...]
    corridor: Corridor | None
    window_s: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """One leg of an intersection and where its arrivals are counted."""

    intersection: str
    edge: str
    links: tuple[int, ...]  # its movements straight on; all of them where none leads straight on
    loops: tuple[tuple[str, float], ...]  # lane and position in m
    travel_time_s: float  # from the loops to the stop line at the speed limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One run as recorded; times in s of the simulation."""

    states: Mapping[str, tuple[tuple[float, float, str], ...]] = field(default_factory=dict)  # begin, end, letters
    arrivals_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # at the stop line, by approach
    queues_veh: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # per INTERVAL_S, by approach
    edges: Mapping[str, tuple[int, float]] = field(default_factory=dict)  # vehicles, time lost in s
    paths: tuple[tuple[tuple[float, float], ...], ...] = ()  # (time, metre on the corridor) of each vehicle


def choose_plotted(
    intersections: Sequence[Intersection], corridor: Corridor | None, scenario: Scenario
) -> Plotted:
    """The corridor's signals, else the widest intersections; trajectories from the middle of the run."""
    if corridor is not None:
        names = [stop.intersection for stop in corridor.stops]
    else:
        names = [i.id for i in sorted(intersections, key=lambda i: (-i.n_lanes, i.id))]
    middle_s = (scenario.begin_s + scenario.end_s) / 2.0
    begin_s = max(scenario.begin_s, middle_s - WINDOW_S / 2.0)
    return Plotted(
        intersections=tuple(dict.fromkeys(names))[:MAX_SHOWN],
        corridor=corridor,
        window_s=(begin_s, min(scenario.end_s, begin_s + WINDOW_S)),
    )


def approaches_of(intersection: Intersection) -> tuple[Approach, ...]:
    """Legs on which vehicles arrive, with its loops."""
    found = []
    for edge in dict.fromkeys(lane.approach for lane in intersection.lanes):
        lanes = [lane for lane in intersection.lanes if lane.approach == edge]
        names = {lane.id for lane in lanes}
        mine = [m for m in intersection.movements if m.kind is MovementKind.VEHICLE and m.from_lane in names]
        straight = [m for m in mine if m.direction == "s"] or mine
        spans = [span for lane in lanes for span in lane.spans]
        farthest_m = max((span.distance_m + span.to_m - span.from_m for span in spans), default=0.0)
        at_m = min(ARRIVAL_M, farthest_m - 0.1)
        loops = {
            (span.lane, round(span.to_m - (at_m - span.distance_m), 2))
            for span in spans
            if span.distance_m <= at_m < span.distance_m + span.to_m - span.from_m
        }
        if mine and loops:
            found.append(
                Approach(
                    intersection=intersection.id,
                    edge=edge,
                    links=tuple(sorted({m.link for m in straight})),
                    loops=tuple(sorted(loops)),
                    travel_time_s=at_m / max(lane.speed_mps for lane in lanes),
                )
            )
    return tuple(found)


def instrument(
    scenario: Scenario, folder: Path, plotted: Plotted, intersections: Sequence[Intersection]
) -> tuple[Scenario, Path]:
    """Add trajectories on the corridor to a scenario, and write loops at the intersections that are drawn."""
    lines = []
    for approach in _shown(plotted, intersections):
        for k, (lane, at_m) in enumerate(approach.loops):
            name = quoteattr(f"{approach.edge}|{k}")
            file = quoteattr(str((folder / _LOOP_EVENTS_NAME).resolve()))
            where = f'lane={quoteattr(lane)} pos="{at_m:g}" friendlyPos="true"'
            lines.append(f"<instantInductionLoop id={name} {where} file={file}/>\n")
    (folder / _LOOPS_NAME).write_text(f"<additional>\n{''.join(lines)}</additional>\n", encoding="utf-8")
    options = list(scenario.options)
    if plotted.corridor is not None:
        (folder / _CORRIDOR_NAME).write_text(
            "".join(f"edge:{edge}\n" for edge in plotted.corridor.edges), encoding="utf-8"
        )
        options += ["--fcd-output", str(folder / _PATHS_NAME), "--fcd-output.attributes", "lane,pos"]
        options += ["--fcd-output.filter-edges.input-file", str(folder / _CORRIDOR_NAME)]
        options += [
            "--device.fcd.period",
            f"{TRAJECTORY_STEP_S:g}",
            "--device.fcd.begin",
            f"{plotted.window_s[0]:g}",
        ]
    return replace(scenario, options=tuple(options)), folder / _LOOPS_NAME


def read_recording(
    folder: Path, edges_file: Path, states_file: Path, plotted: Plotted, intersections: Sequence[Intersection]
) -> Recording:
    """Read what `instrument` made SUMO write, once the simulation is closed.

    Raises:
        ScenarioError: an output is missing.
    """
    drawn = [i for i in intersections if i.id in plotted.intersections]
    try:
        states = {
            name: tuple((run.begin_s, run.end_s, run.state) for run in runs)
            for name, runs in read_runs(states_file).items()
            if name in plotted.intersections
            or (plotted.corridor and name in {s.intersection for s in plotted.corridor.stops})
        }
        arrivals_s = _arrivals(folder / _LOOP_EVENTS_NAME, _shown(plotted, intersections))
        paths = _paths(folder / _PATHS_NAME, plotted.corridor, plotted.window_s[1]) if plotted.corridor else ()
    except OSError as err:
        raise ScenarioError(
            f"{folder}: what a report draws was not recorded ({err.strerror}); run it again"
        ) from err
    queues_veh, edges = _uses(edges_file, drawn)
    return Recording(states=states, arrivals_s=arrivals_s, queues_veh=queues_veh, edges=edges, paths=paths)


def _shown(plotted: Plotted, intersections: Sequence[Intersection]) -> list[Approach]:
    return [a for i in intersections if i.id in plotted.intersections for a in approaches_of(i)]


def _arrivals(path: Path, approaches: Sequence[Approach]) -> dict[str, tuple[float, ...]]:
    later_s = {approach.edge: approach.travel_time_s for approach in approaches}
    found: dict[str, list[float]] = {approach.edge: [] for approach in approaches}
    for name, time in _EVENT.findall(path.read_text(encoding="utf-8") if approaches else ""):
        edge = html.unescape(name).rsplit("|", 1)[0]
        found[edge].append(round(float(time) + later_s[edge], 2))
    return {edge: tuple(sorted(times)) for edge, times in found.items()}


def _uses(
    path: Path, drawn: Sequence[Intersection]
) -> tuple[dict[str, tuple[float, ...]], dict[str, tuple[int, float]]]:
    """Mean queue per interval and approach; vehicles and time lost per edge."""
    owners = edges_of(drawn)
    owner = {edge: leg for i in drawn for edge, leg in _legs(i).items() if owners[edge] == i.id}
    queues: dict[str, dict[float, float]] = {leg: {} for leg in owner.values()}
    edges: dict[str, tuple[int, float]] = {}
    starts: dict[float, None] = {}
    for begin_s, edge, use in read_edges(path):
        starts.setdefault(begin_s)
        vehicles, lost_s = edges.get(edge, (0, 0.0))
        edges[edge] = (vehicles + use.vehicles, lost_s + use.time_loss_s)
        if edge in owner:
            leg = queues[owner[edge]]
            leg[begin_s] = leg.get(begin_s, 0.0) + use.waiting_s / INTERVAL_S
    order = sorted(starts)
    return {leg: tuple(found.get(begin, 0.0) for begin in order) for leg, found in queues.items()}, edges


def _legs(intersection: Intersection) -> dict[str, str]:
    """The approach to which each edge leads, by its nearest lane."""
    nearest: dict[str, tuple[float, str]] = {}
    for lane in intersection.lanes:
        for span in lane.spans:
            edge = edge_of(span.lane)
            nearest[edge] = min(nearest.get(edge, (float("inf"), "")), (span.distance_m, lane.approach))
    return {edge: leg for edge, (_, leg) in nearest.items()}


def _paths(path: Path, corridor: Corridor, until_s: float) -> tuple[tuple[tuple[float, float], ...], ...]:
    """One polyline per vehicle and passage: who leaves the corridor and comes back begins a new one."""
    begins_m = dict(zip(corridor.edges, corridor.begins_m, strict=True))
    done: list[list[tuple[float, float]]] = []
    current: dict[str, list[tuple[float, float]]] = {}
    now_s = 0.0
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if step := _STEP.search(line):
                now_s = float(step[1])
                if now_s > until_s:
                    break
            elif point := _POINT.search(line):
                begin_m = begins_m.get(edge_of(html.unescape(point[3])))
                if begin_m is None:  # inside a junction
                    continue
                at = (now_s, round(begin_m + float(point[2]), 1))
                known = current.get(point[1])
                if known is None or now_s - known[-1][0] > 5.0 * TRAJECTORY_STEP_S or at[1] < known[-1][1]:
                    known = current[point[1]] = []
                    done.append(known)
                known.append(at)
    return tuple(_simplified(points) for points in done if len(points) > 1)


def _simplified(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Thin out a line within PATH_ERROR_M (Ramer 1972, Douglas and Peucker 1973)."""
    (t0, x0), (t1, x1) = points[0], points[-1]
    off_m = [abs(x - (x0 + (x1 - x0) * (t - t0) / (t1 - t0))) for t, x in points]
    far = max(range(len(points)), key=off_m.__getitem__)
    if off_m[far] <= PATH_ERROR_M:
        return (points[0], points[-1])
    return (*_simplified(points[: far + 1])[:-1], *_simplified(points[far:]))
