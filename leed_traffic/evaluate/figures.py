"""The figures of a report, drawn by matplotlib as SVG text with the letters as outlines: they look the same everywhere."""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from leed_traffic.evaluate.timeline import Shown, Timeline

WIDTH_IN = 9.0  # in, of every figure
INK, FAINT, GRID = "#1d2733", "#5d6b7a", "#e3e8ee"
OURS, OTHERS, CLEARANCE = "#0b63b0", "#7b8794", "#2b2f36"
# Okabe and Ito (2008): told apart by colour-blind readers, too
STAGES = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#c9b800", "#9aa5b1")
LINES = ("#d55e00", "#7b8794", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LOG_FROM = 6.0  # a spread over this many times is drawn on a logarithmic axis: one gridlock would flatten the rest

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "leed_traffic",
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.titlesize": 10.5,
    "axes.titlecolor": INK,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRow:
    """One controller in the delay figure."""

    label: str
    mean_s: float
    low_s: float | None
    high_s: float | None
    seeds_s: tuple[float, ...]  # one delay per seed
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """How the policies came to be: delay on validation seeds against all simulated hours spent, demonstrations included.

    Raises:
        ValueError: hours and delays differ in number.
    """

    hours: tuple[float, ...]
    delay_s: tuple[float, ...]
    demonstration_hours: float
    references_s: Mapping[str, float] = field(default_factory=dict)  # horizontal lines: delay by label
    weight_hours: tuple[float, ...] = ()
    weights: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # expert loss by intersection

    def __post_init__(self) -> None:
        if len(self.hours) != len(self.delay_s):
            raise ValueError(f"need as many hours as delays, got {len(self.hours)} and {len(self.delay_s)}")
        if any(len(w) != len(self.weight_hours) for w in self.weights.values()):
            raise ValueError(f"need {len(self.weight_hours)} weights per intersection")


def draw_delays(rows: Sequence[DelayRow]) -> str:
    """SVG: mean delay of every controller with its 95 % interval, and each seed as a small dot; the lowest on top."""
    ordered = sorted(rows, key=lambda row: -row.mean_s)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.46 * len(ordered)), layout="constrained")
        axes = figure.subplots()
        for y, row in enumerate(ordered):
            colour = OURS if row.is_ours else OTHERS
            axes.plot(row.seeds_s, [y - 0.22] * len(row.seeds_s), "o", color=colour, alpha=0.5, markersize=4, markeredgewidth=0)
            if row.low_s is not None and row.high_s is not None:
                axes.plot([row.low_s, row.high_s], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
            axes.plot([row.mean_s], [y], "D", color=colour, markersize=7, zorder=3)
            axes.annotate(f"{row.mean_s:.1f}", (row.mean_s, y), (0, 8), textcoords="offset points", ha="center", color=INK)
        axes.set_yticks(range(len(ordered)), [row.label for row in ordered])
        axes.set_ylim(-0.6, len(ordered) - 0.2)
        axes.set_xlabel("delay, s per vehicle (diamond: mean; bar: 95 % interval; dots: single seeds)")
        _scale(axes, "x", [value for row in ordered for value in (row.mean_s, *row.seeds_s)])
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        return _svg(figure)


def draw_learning(curve: LearningCurve) -> str:
    """SVG: validation delay against simulated hours, with the others as horizontal lines, named at the right edge."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.9), layout="constrained")
        axes = figure.subplots()
        last_h = max(curve.hours, default=1.0)
        axes.axvspan(0.0, curve.demonstration_hours, color="#f2f5f9", zorder=0)
        if curve.demonstration_hours > 0.06 * last_h:
            axes.annotate("demonstrations", (0.01 * last_h, 0.03), xycoords=("data", "axes fraction"), color=FAINT)
        for k, value in enumerate(curve.references_s.values()):
            axes.axhline(value, color=LINES[k % len(LINES)], linewidth=1.4, linestyle=(0, (5, 2)))
        axes.plot(curve.hours, curve.delay_s, "-o", color=OURS, linewidth=2.2, markersize=4.5)
        axes.set_xlim(0.0, last_h * 1.02)
        axes.set_xlabel("simulated hours, demonstrations included")
        axes.set_ylabel("delay, s per vehicle")
        axes.set_ylim(*_near(curve.delay_s, curve.references_s.values()))
        axes.grid(axis="y")
        _name_lines(
            axes, {**curve.references_s, "LEED (validation)": curve.delay_s[-1]} if curve.delay_s else curve.references_s
        )
        return _svg(figure)


def draw_weights(curve: LearningCurve) -> str:
    """SVG: weight of the expert loss per intersection over training."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH_IN, 2.8), layout="constrained")
        axes = figure.subplots()
        few = len(curve.weights) <= len(STAGES)
        for k, (name, weights) in enumerate(curve.weights.items()):
            axes.plot(
                curve.weight_hours,
                weights,
                color=STAGES[k % len(STAGES)] if few else OURS,
                alpha=1.0 if few else 0.35,
                linewidth=1.8,
                label=name if few else None,
            )
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("simulated hours, demonstrations included")
        axes.set_ylabel("weight w of the expert loss")
        axes.grid(axis="y")
        if few:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return _svg(figure)


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
        window_s: first and last second shown.
    """
    positions = positions_m or {name: 100.0 * k for k, name in enumerate(order)}
    gaps = sorted(abs(positions[a] - positions[b]) for a, b in pairwise(order)) or [100.0]
    bar = 0.55 * gaps[0]
    shown: set[int] = set()
    with mpl.rc_context(_STYLE):
        height = 0.9 + len(timelines) * (0.7 + 0.42 * max(2, len(order)))
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        panels = figure.subplots(len(timelines), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (label, timeline) in zip(panels, timelines.items(), strict=True):
            for name in order:
                shown |= _draw_signal(axes, timeline.get(name, ()), positions[name], bar, window_s)
            axes.set_title(label)
            axes.set_yticks([positions[n] for n in order], [_row_name(n, positions_m) for n in order])
            axes.set_ylim(min(positions.values()) - bar, max(positions.values()) + bar)
            axes.tick_params(length=0)
            axes.spines["left"].set_visible(False)
        panels[-1].set_xlabel("minutes of the simulated hour")
        panels[-1].set_xlim(window_s[0] / 60.0, window_s[1] / 60.0)
        handles = [Patch(color=STAGES[s % len(STAGES)], label=f"stage {s}") for s in sorted(shown)]
        handles.append(Patch(color=CLEARANCE, label="clearance (yellow, all-red)"))
        figure.legend(handles=handles, loc="outside upper right", ncols=min(6, len(handles)), fontsize=9)
        return _svg(figure)


def _draw_signal(axes: Axes, spans: Sequence[Shown], y: float, bar: float, window_s: tuple[float, float]) -> set[int]:
    """Draw one signal's row; return the stages seen."""
    low, high = window_s
    seen: dict[int | None, list[tuple[float, float]]] = {}
    for span in spans:
        begin, end = max(span.begin_s, low), min(span.end_s, high)
        if begin < end:
            seen.setdefault(span.stage, []).append((begin / 60.0, (end - begin) / 60.0))
    for stage, bars in seen.items():
        colour = CLEARANCE if stage is None else STAGES[stage % len(STAGES)]
        thickness = bar if stage is not None else 0.35 * bar
        axes.broken_barh(bars, (y - thickness / 2.0, thickness), facecolors=colour, edgecolors="none")
    return {stage for stage in seen if stage is not None}


def _row_name(name: str, positions_m: Mapping[str, float] | None) -> str:
    return f"{name}  {positions_m[name]:.0f} m" if positions_m else name


def _name_lines(axes: Axes, lines: Mapping[str, float]) -> None:
    """Write each line's name and value beside the right edge, moved apart where they would overlap."""
    axes.figure.canvas.draw()
    room = 14.0  # points between two names
    bottom_s, top_s = axes.get_ylim()
    low, top = (axes.transData.transform((0.0, value))[1] * 72.0 / axes.figure.dpi for value in (bottom_s, top_s))
    drawn = {name: min(max(value, bottom_s), top_s) for name, value in lines.items()}
    at = {name: float(axes.transData.transform((0.0, value))[1]) * 72.0 / axes.figure.dpi for name, value in drawn.items()}
    names = sorted(at, key=lambda name: at[name])
    height = {}
    before = low - room
    for name in names:
        before = height[name] = max(at[name], before + room)
    overflow = max(0.0, before - top)
    colours = {name: LINES[k % len(LINES)] for k, name in enumerate(lines)}
    for name in names:
        axes.annotate(
            f"{name} {lines[name]:.1f}" + (" (above)" if lines[name] > top_s else ""),
            (1.0, drawn[name]),
            xycoords=("axes fraction", "data"),
            xytext=(8.0, height[name] - at[name] - overflow),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=OURS if name.startswith("LEED") else colours[name],
            annotation_clip=False,
        )


def _near(curve: Sequence[float], references: Iterable[float]) -> tuple[float, float]:
    """Limits around the curve and the references that it could be mistaken for; farther ones are only named."""
    highest = max(curve, default=math.inf)
    near = [*curve, *(value for value in references if value <= 1.5 * highest)] or [0.0, 1.0]
    margin = 0.15 * max(max(near) - min(near), 0.1 * max(near))
    return max(0.0, min(near) - margin), max(near) + margin


def _scale(axes: Axes, direction: str, values: Sequence[float]) -> None:
    """A logarithmic axis where the values spread far; else one that begins at zero."""
    positive = [value for value in values if value > 0.0]
    is_wide = bool(positive) and max(positive) > LOG_FROM * min(positive)
    if direction == "x":
        if is_wide:
            axes.set_xscale("log")
        else:
            axes.set_xlim(left=0.0)
    elif is_wide:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0.0)


def _svg(figure: Figure) -> str:
    """The figure as SVG text; the same figure gives the same bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
