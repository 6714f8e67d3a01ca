"""The figures of signals over time: stages, splits, arrivals in the cycle, queues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from leed_traffic.domain.network import GREEN
from leed_traffic.evaluate.records.recording import INTERVAL_S
from leed_traffic.evaluate.records.timeline import DisplayedStage, Timeline
from leed_traffic.evaluate.report.drawing import (
    CLEARANCE,
    FAINT,
    GO,
    OTHERS,
    STAGES,
    STOP,
    STYLE,
    WIDTH_IN,
    as_svg,
    draw_polylines,
    short,
)

States = Sequence[tuple[float, float, str]]  # begin, end, letters of one signal
DOT_MIN = 1e-3  # minutes, the length of a line that its round ends make a dot
SHORTEST_RED_S = 8.0  # s, a shorter break is the seam between two stages that both serve the approach
AT_LIMIT_S = 1.0  # s, a green that ended so near its minimum or maximum counts as ended there
_MIN = "v"
_MAX = "^"
_BETWEEN = "o"  # markers of the split monitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Cycle from the end of one green of an approach to the end of the next."""

    begin_s: float
    green_s: float  # when its green begins
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """One approach under one controller, for a coordination diagram."""

    name: str
    cycles: tuple[Cycle, ...]
    arrivals_s: tuple[float, ...]

    @property
    def on_green(self) -> float | None:
        """Share of the arrivals during green; None if nobody arrived in a whole cycle."""
        seen = [
            at for at in self.arrivals_s if self.cycles and self.cycles[0].begin_s <= at < self.cycles[-1].end_s
        ]
        green = sum(any(c.green_s <= at < c.end_s for c in self.cycles) for at in seen)
        return green / len(seen) if seen else None

    @property
    def platoon_ratio(self) -> float | None:
        """Share of arrivals on green over green's share of the time (Highway Capacity Manual); 1 is chance."""
        if self.on_green is None:
            return None
        green_s = sum(c.end_s - c.green_s for c in self.cycles)
        return self.on_green / (green_s / (self.cycles[-1].end_s - self.cycles[0].begin_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """Minimum and maximum green of one stage in s."""

    low_s: float
    high_s: float


def cycles_of(states: States, links: Sequence[int]) -> tuple[Cycle, ...]:
    """The cycles of the movements on some links: greens and the reds between them."""
    greens: list[tuple[float, float]] = []
    for begin_s, end_s, letters in states:
        if any(letters[k] in GREEN for k in links):
            joins = bool(greens) and begin_s - greens[-1][1] < SHORTEST_RED_S
            greens = [*greens[:-1], (greens[-1][0], end_s)] if joins else [*greens, (begin_s, end_s)]
    return tuple(Cycle(begin_s=a[1], green_s=b[0], end_s=b[1]) for a, b in pairwise(greens))


def draw_stages(
    timelines: Mapping[str, Timeline],
    order: Sequence[str],
    positions_m: Mapping[str, float] | None,
    window_s: tuple[float, float],
) -> str:
    """SVG: the stages that every intersection showed, one panel per controller, over the same window.

    Args:
        timelines: by controller.
        order: intersections, first at the bottom.
        positions_m: along the road; None where they do not follow one road, and rows are evenly spaced.
        window_s: first and last second drawn.
    """
    positions = positions_m or {name: 100.0 * k for k, name in enumerate(order)}
    gaps = sorted(abs(positions[a] - positions[b]) for a, b in pairwise(order)) or [100.0]
    bar = 0.55 * gaps[0]
    drawn: set[int] = set()
    with mpl.rc_context(STYLE):
        height = 0.9 + len(timelines) * (0.7 + 0.42 * max(2, len(order)))
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        panels = figure.subplots(len(timelines), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, timeline) in zip(panels, timelines.items(), strict=True):
            for name in order:
                drawn |= _draw_signal(axes, timeline.get(name, ()), positions[name], bar, window_s)
            axes.set_title(label)
            axes.set_yticks([positions[n] for n in order], [_row_name(n, positions_m) for n in order])
            axes.set_ylim(min(positions.values()) - bar, max(positions.values()) + bar)
            axes.tick_params(length=0)
            axes.spines["left"].set_visible(False)
        panels[-1].set_xlabel("minutes of the simulated hour")
        panels[-1].set_xlim(window_s[0] / 60.0, window_s[1] / 60.0)
        handles = [Patch(color=STAGES[s % len(STAGES)], label=f"stage {s}") for s in sorted(drawn)]
        handles.append(Patch(color=CLEARANCE, label="clearance (yellow, all-red)"))
        figure.legend(handles=handles, loc="outside upper right", ncols=min(6, len(handles)), fontsize=9)
        return as_svg(figure)


def _draw_signal(
    axes: Axes, spans: Sequence[DisplayedStage], y: float, bar: float, window_s: tuple[float, float]
) -> set[int]:
    """Draw one signal's row; return the stages seen."""
    low, high = window_s
    seen: dict[int | None, list[tuple[float, float]]] = {}
    for span in spans:
        begin = max(span.begin_s, low)
        end = min(span.end_s, high)
        if begin < end:
            seen.setdefault(span.stage, []).append((begin / 60.0, (end - begin) / 60.0))
    for stage, bars in seen.items():
        colour = CLEARANCE if stage is None else STAGES[stage % len(STAGES)]
        thickness = bar if stage is not None else 0.35 * bar
        axes.broken_barh(bars, (y - thickness / 2.0, thickness), facecolors=colour, edgecolors="none")
    return {stage for stage in seen if stage is not None}


def _row_name(name: str, positions_m: Mapping[str, float] | None) -> str:
    return f"{short(name)}  {positions_m[name]:.0f} m" if positions_m else short(name)


def draw_splits(greens: Mapping[str, Timeline], intersection: str, limits: Sequence[StageLimits]) -> str:
    """SVG, the split monitor: every green's length over time, one row per stage, one column per controller.

    Args:
        greens: stages of the signals, by controller.
        intersection: the one that is drawn.
        limits: (S,) of its site.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 1.0 + 1.5 * len(limits)), layout="constrained")
        panels = figure.subplots(len(limits), len(greens), sharex=True, sharey="row", squeeze=False)
        for column, (label, timeline) in enumerate(greens.items()):
            spans = timeline.get(intersection, ())[1:-1]  # the first and the last one are cut by the run
            for stage, limit in enumerate(limits):
                axes = panels[stage][column]
                _draw_greens(
                    axes, [span for span in spans if span.stage == stage], limit, STAGES[stage % len(STAGES)]
                )
                axes.set_ylabel(f"stage {stage}, s" if column == 0 else "")
                axes.grid(axis="y")
                axes.tick_params(length=0)
            panels[0][column].set_title(short(label, 40))
            panels[-1][column].set_xlabel("minutes")
        _begin_at_zero(panels)
        marks = ((_MIN, "ended at its minimum"), (_BETWEEN, "in between"), (_MAX, "ended at its maximum"))
        handles = [Line2D([], [], marker=mark, linestyle="", color=FAINT, label=text) for mark, text in marks]
        figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=9)
        return as_svg(figure)


def _draw_greens(axes: Axes, spans: Sequence[DisplayedStage], limit: StageLimits, colour: str) -> None:
    lengths = [span.end_s - span.begin_s for span in spans]
    for mark in (_BETWEEN, _MIN, _MAX):
        chosen = [
            (span.begin_s / 60.0, length)
            for span, length in zip(spans, lengths, strict=True)
            if _ended(length, limit) == mark
        ]
        if chosen:
            x, y = zip(*chosen, strict=True)
            axes.plot(
                x,
                y,
                mark,
                color=colour,
                markersize=4.5 if mark == _BETWEEN else 6.0,
                alpha=0.85,
                markeredgewidth=0,
            )
    axes.axhline(limit.low_s, color=OTHERS, linewidth=0.9, linestyle=(0, (4, 3)))
    if lengths and max(lengths) > 0.7 * limit.high_s:
        axes.axhline(limit.high_s, color=OTHERS, linewidth=0.9, linestyle=(0, (4, 3)))


def _begin_at_zero(panels: NDArray[np.object_]) -> None:
    """After everything is drawn: a limit set earlier would cut what a neighbour in the same row draws later."""
    for row in panels:
        row[0].set_ylim(bottom=0.0)


def _ended(length_s: float, limit: StageLimits) -> str:
    if length_s <= limit.low_s + AT_LIMIT_S:
        return _MIN
    return _MAX if length_s >= limit.high_s - AT_LIMIT_S else _BETWEEN


def draw_coordination(rows: Sequence[Mapping[str, Diagram]]) -> str:
    """SVG, Purdue coordination diagrams (Day et al. 2010): one row per approach, one column per controller."""
    with mpl.rc_context(STYLE):
        n_columns = max(len(row) for row in rows)
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 2.0 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), n_columns, sharex=True, sharey="row", squeeze=False)
        for panel_row, row in zip(panels, rows, strict=True):
            for axes, (label, diagram) in zip(panel_row, row.items(), strict=True):
                _draw_cycles(axes, diagram)
                axes.set_title(_coordination_title(label, diagram), fontsize=9.0)
            panel_row[0].set_ylabel("s in the cycle")
        _begin_at_zero(panels)
        for axes in panels[-1]:
            axes.set_xlabel("minutes")
        handles = [
            Line2D([], [], color=GO, linewidth=2.0, label="green begins"),
            Line2D([], [], color=STOP, linewidth=2.0, label="green ends"),
            Line2D(
                [], [], color=FAINT, marker="o", markersize=3.5, linestyle="", label="arrival at the stop line"
            ),
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=9)
        return as_svg(figure)


def _draw_cycles(axes: Axes, diagram: Diagram) -> None:
    begins = [c.begin_s / 60.0 for c in diagram.cycles]
    axes.step(begins, [c.green_s - c.begin_s for c in diagram.cycles], where="post", color=GO, linewidth=1.4)
    axes.step(begins, [c.end_s - c.begin_s for c in diagram.cycles], where="post", color=STOP, linewidth=1.4)
    points = [
        (at / 60.0, at - c.begin_s)
        for at in diagram.arrivals_s
        for c in diagram.cycles
        if c.begin_s <= at < c.end_s
    ]
    draw_polylines(axes, [[(x, y), (x + DOT_MIN, y)] for x, y in points], color=FAINT, linewidth=1.8)
    axes.tick_params(length=0)


def _coordination_title(label: str, diagram: Diagram) -> str:
    if diagram.on_green is None or diagram.platoon_ratio is None:
        return f"{diagram.name} · {short(label)}: nobody arrived"
    return f"{diagram.name} · {short(label)}: {diagram.on_green:.0%} on green, ratio {diagram.platoon_ratio:.2f}"


def draw_queues(rows: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], begin_s: float) -> str:
    """SVG: mean queue per minute on every approach, one row per intersection, one column per controller.

    Args:
        rows: queues in vehicles by intersection, controller and approach.
        begin_s: of the first interval.
    """
    with mpl.rc_context(STYLE):
        n_columns = max(len(row) for row in rows.values())
        figure = Figure(figsize=(WIDTH_IN, 0.7 + 1.9 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), n_columns, sharex=True, sharey="row", squeeze=False)
        for panel_row, (name, row) in zip(panels, rows.items(), strict=True):
            for axes, (label, queues) in zip(panel_row, row.items(), strict=True):
                for k, (approach, values) in enumerate(queues.items()):
                    minutes = [begin_s / 60.0 + (i + 0.5) * INTERVAL_S / 60.0 for i in range(len(values))]
                    axes.plot(
                        minutes, values, color=STAGES[k % len(STAGES)], linewidth=1.4, label=short(approach, 18)
                    )
                axes.set_title(f"{short(name, 20)} · {short(label)}", fontsize=9.5)
                axes.tick_params(length=0)
                axes.grid(axis="y")
            panel_row[0].set_ylabel("queue, veh")
            panel_row[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5, handlelength=1.2)
        _begin_at_zero(panels)
        for axes in panels[-1]:
            axes.set_xlabel("minutes")
        return as_svg(figure)
