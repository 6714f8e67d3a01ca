"""Figures of the place: the network coloured by delay, vehicles along the corridor, movements of each stage."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path as Outline

from leed_traffic.domain.network import GREEN, Intersection, edge_of
from leed_traffic.evaluate.records.corridor import Corridor
from leed_traffic.evaluate.records.recording import Recording
from leed_traffic.evaluate.records.street_map import Point, StreetMap
from leed_traffic.evaluate.report.drawing import (
    CAUTION,
    FAINT,
    GO,
    GRID,
    OTHERS,
    STAGES,
    STOP,
    STYLE,
    WIDTH_IN,
    as_svg,
    draw_polylines,
    short,
)

LABELLED = 16  # intersections whose figures fit beside them on the map
FULL_WIDTH_VEH = 900.0  # vehicles at which an edge is drawn at its full width
DELAYS = LinearSegmentedColormap.from_list("delays", ["#2a9d8f", "#e9c46a", "#e76f51", "#b5179e"])


def draw_map(
    street_map: StreetMap,
    recordings: Mapping[str, Recording],
    places: Mapping[str, Point],
    delays_s: Mapping[str, Mapping[str, float]],
) -> str:
    """SVG: every edge coloured by the delay on it and as wide as its traffic, one panel per controller.

    Args:
        street_map: where the edges run.
        recordings: by controller.
        places: of the intersections.
        delays_s: s per vehicle by controller and intersection.
    """
    lost = [lost_s / vehicles for r in recordings.values() for vehicles, lost_s in r.edges.values() if vehicles]
    scale = Normalize(0.0, max(5.0, float(np.quantile(lost, 0.97)) if lost else 5.0))
    shapes = [street.shape for street in street_map.streets.values()]
    corners = np.array([corner for shape in shapes for corner in shape] or [(0.0, 0.0)])
    (left, low), (right, high) = corners.min(axis=0), corners.max(axis=0)
    is_flat = right - left > 1.6 * (high - low)
    n = len(recordings)
    with mpl.rc_context(STYLE):
        aspect = max(0.16, min(1.4, (high - low) / max(right - left, 1.0)))
        height = 0.7 + (n * (0.4 + WIDTH_IN * aspect) if is_flat else 0.4 + WIDTH_IN * aspect / n)
        figure = Figure(figsize=(WIDTH_IN, min(height, 11.0)), layout="constrained")
        panels = figure.subplots(*((n, 1) if is_flat else (1, n)), squeeze=False).ravel()
        for axes, (label, recording) in zip(panels, recordings.items(), strict=True):
            axes.add_collection(LineCollection(shapes, colors=GRID, linewidths=1.0))
            axes.add_collection(_used_edges(street_map, recording, scale))
            _label_places(axes, places, delays_s[label])
            _frame(axes, (left, right), (low, high))
            axes.set_title(short(label, 40))
        bar = figure.colorbar(
            mpl.cm.ScalarMappable(scale, DELAYS), ax=list(panels), shrink=0.7, pad=0.01, aspect=25
        )
        bar.set_label("delay on the edge, s per vehicle")
        bar.outline.set_visible(False)
        return as_svg(figure)


def _used_edges(street_map: StreetMap, recording: Recording, scale: Normalize) -> LineCollection:
    used = [
        (street_map.streets[edge].shape, vehicles, lost_s)
        for edge, (vehicles, lost_s) in sorted(recording.edges.items())
        if vehicles and edge in street_map.streets
    ]
    return LineCollection(
        [shape for shape, _, _ in used],
        colors=DELAYS(scale([lost_s / vehicles for _, vehicles, lost_s in used])),
        linewidths=[1.2 + 3.3 * math.sqrt(min(1.0, vehicles / FULL_WIDTH_VEH)) for _, vehicles, _ in used],
        capstyle="round",
    )


def _label_places(axes: Axes, places: Mapping[str, Point], delays_s: Mapping[str, float]) -> None:
    for name, (x, y) in places.items():
        axes.plot([x], [y], "o", color=FAINT, markersize=4.0, zorder=3)
        if len(places) <= LABELLED:
            text = f"{short(name, 14)}\n{delays_s.get(name, 0.0):.0f} s"
            axes.annotate(text, (x, y), (5, 5), textcoords="offset points", fontsize=8, linespacing=1.1)


def _frame(axes: Axes, across: tuple[float, float], along: tuple[float, float]) -> None:
    margin = 0.04 * max(across[1] - across[0], along[1] - along[0], 1.0)
    axes.set_xlim(across[0] - margin, across[1] + 2.0 * margin)
    axes.set_ylim(along[0] - margin, along[1] + 2.0 * margin)
    axes.set_aspect("equal")
    axes.set_axis_off()


def draw_corridor(corridor: Corridor, recordings: Mapping[str, Recording], window_s: tuple[float, float]) -> str:
    """SVG, the time-space diagram: vehicles and signals along the corridor, one panel per controller."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.7 + len(recordings) * 3.9), layout="constrained")
        panels = figure.subplots(len(recordings), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, recording) in zip(panels, recordings.items(), strict=True):
            lines = [[(at_s / 60.0, at_m) for at_s, at_m in path] for path in recording.paths]
            draw_polylines(axes, lines, color=OTHERS, linewidth=0.7)
            for stop in corridor.stops:
                _draw_stop(axes, recording.states.get(stop.intersection, ()), stop.links, stop.at_m, window_s)
            axes.set_title(short(label, 60))
            axes.set_ylim(0.0, corridor.length_m)
            axes.set_yticks([stop.at_m for stop in corridor.stops])
            axes.set_yticklabels([f"{short(stop.intersection, 12)}  {stop.at_m:.0f} m" for stop in corridor.stops])
            axes.tick_params(length=0)
        panels[-1].set_xlim(window_s[0] / 60.0, window_s[1] / 60.0)
        panels[-1].set_xlabel("minutes")
        colours = ((GO, "green"), (CAUTION, "yellow"), (STOP, "red"))
        handles = [Line2D([], [], color=colour, linewidth=3.5, label=text) for colour, text in colours]
        handles.append(Line2D([], [], color=OTHERS, linewidth=0.9, label="one vehicle"))
        figure.legend(handles=handles, loc="outside upper right", ncols=4, fontsize=9)
        return as_svg(figure)


def _draw_stop(
    axes: Axes,
    states: Sequence[tuple[float, float, str]],
    links: Sequence[int],
    at_m: float,
    window_s: tuple[float, float],
) -> None:
    """The signal's colours along its stop line."""
    bars: dict[str, list[tuple[float, float]]] = {GO: [], CAUTION: [], STOP: []}
    for begin_s, end_s, letters in states:
        begin = max(begin_s, window_s[0])
        end = min(end_s, window_s[1])
        if begin < end:
            seen = {letters[k] for k in links}
            colour = GO if seen & set(GREEN) else CAUTION if seen & set("yY") else STOP
            bars[colour].append((begin / 60.0, end / 60.0))
    for colour, spans in bars.items():
        axes.hlines(
            [at_m] * len(spans),
            [b for b, _ in spans],
            [e for _, e in spans],
            colors=colour,
            linewidths=3.5,
            zorder=3,
        )


def draw_stage_plans(
    intersections: Sequence[Intersection],
    street_map: StreetMap,
    shares: Mapping[str, Mapping[str, Sequence[float]]],
) -> str:
    """SVG: movements that each stage opens, one row per intersection; solid: protected, dashed: they yield.

    Args:
        intersections: those drawn.
        street_map: where their streets run.
        shares: of the time by controller, intersection and stage.
    """
    columns = max(3, *(i.n_stages for i in intersections))
    cell_in = WIDTH_IN / min(columns, 6)
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(cell_in * columns, 0.2 + len(intersections) * (min(cell_in, 2.2) + 0.45)),
            layout="constrained",
        )
        panels = figure.subplots(len(intersections), columns, squeeze=False)
        for row, intersection in zip(panels, intersections, strict=True):
            for k, axes in enumerate(row):
                axes.set_axis_off()
                axes.set_aspect("equal")
                if k >= intersection.n_stages:
                    continue
                parts = " | ".join(f"{found[intersection.id][k]:.0%}" for found in shares.values())
                axes.set_title(f"{short(intersection.id, 12)} stage {k}: {parts}", fontsize=8.5)
                _draw_movements(axes, intersection, k, street_map)
        return as_svg(figure)


def _draw_movements(axes: Axes, intersection: Intersection, stage: int, street_map: StreetMap) -> None:
    letters = _letters(intersection, stage, street_map)
    if not letters:
        return
    streets = street_map.streets
    ends = {turn: (streets[turn[0]].shape[-1], streets[turn[1]].shape[0]) for turn in letters}
    corners = np.array([corner for pair in ends.values() for corner in pair])
    centre = corners.mean(axis=0)
    size = max(float(np.abs(corners - corners.mean(axis=0)).max()), 1.0)
    for turn, letter in sorted(letters.items(), key=lambda item: "srgG".find(item[1])):
        begin, end = ((np.array(corner) - centre) / size for corner in ends[turn])
        path = Outline(
            [begin * 1.35, begin, begin * 0.15 + end * 0.15, end * 1.35],
            [Outline.MOVETO, Outline.LINETO, *[Outline.CURVE3] * 2],
        )
        axes.add_patch(_arrow(path, letter, STAGES[stage % len(STAGES)]))
    walks = len(intersection.stages[stage].green & intersection.pedestrian_links)
    if walks:
        axes.annotate(
            f"{walks} crossing{'s' if walks > 1 else ''}",
            (0.5, 0.0),
            xycoords="axes fraction",
            ha="center",
            fontsize=7.5,
        )
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.5, 1.5)


def _letters(intersection: Intersection, stage: int, street_map: StreetMap) -> dict[tuple[str, str], str]:
    """Signal letter of each pair of edges that are drawn, the most permissive of their lanes'."""
    state = intersection.stages[stage].state
    letters: dict[tuple[str, str], str] = {}
    for movement in intersection.vehicle_movements:
        turn = (edge_of(movement.from_lane), edge_of(movement.to_lane))
        if turn[0] in street_map.streets and turn[1] in street_map.streets:
            letters[turn] = max(letters.get(turn, "r"), state[movement.link], key="srgG".find)
    return letters


def _arrow(path: Outline, letter: str, colour: str) -> FancyArrowPatch:
    is_green = letter in GREEN
    return FancyArrowPatch(
        path=path,
        arrowstyle="-|>" if is_green else "-",
        color=colour if is_green else GRID,
        linewidth=2.2 if letter == "G" else 1.5,
        linestyle="--" if letter == "g" else "-",
        mutation_scale=10.0,
        zorder=2 if is_green else 1,
    )


def places_of(intersections: Sequence[Intersection], street_map: StreetMap) -> dict[str, Point]:
    """The middle of each intersection's stop lines; one whose streets are not drawn has none."""
    places = {}
    for intersection in intersections:
        edges = [edge for edge in {lane.approach for lane in intersection.lanes} if edge in street_map.streets]
        ends = [street_map.streets[edge].shape[-1] for edge in sorted(edges) if street_map.streets[edge].shape]
        if ends:
            x, y = np.array(ends).mean(axis=0)
            places[intersection.id] = (float(x), float(y))
    return places


def compass_names(edges: Sequence[str], street_map: StreetMap) -> dict[str, str]:
    """`from W` for every approach, by its last metres; with the edge's name where two would be the same."""
    names = {}
    for edge in edges:
        shape = street_map.streets[edge].shape if edge in street_map.streets else ()
        if len(shape) < 2:
            names[edge] = edge
            continue
        (x0, y0), (x1, y1) = shape[-2:]
        clockwise_deg = math.degrees(math.atan2(x0 - x1, y0 - y1)) % 360.0
        names[edge] = "from " + ("N", "NE", "E", "SE", "S", "SW", "W", "NW")[round(clockwise_deg / 45.0) % 8]
    given = list(names.values())
    return {
        edge: name if given.count(name) == 1 or name == edge else f"{name} ({edge})"
        for edge, name in names.items()
    }
