"""The figures of a comparison as a whole: delays, differences, learning."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leed_traffic.evaluate.report.drawing import FAINT, INK, OTHERS, OURS, SOFT, STAGES, STYLE, WIDTH_IN, as_svg
from leed_traffic.evaluate.results import PairedDelay

LINES = ("#d55e00", "#7b8794", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LOG_FROM = 6.0  # a spread over this many times is drawn on a logarithmic axis: one gridlock would flatten the rest


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
    """Delay on validation seeds against all simulated hours spent, demonstrations included.

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
    """SVG: mean delay of every controller with its 95 % interval and each seed as a dot; the lowest on top."""
    ordered = sorted(rows, key=lambda row: -row.mean_s)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.46 * len(ordered)), layout="constrained")
        axes = figure.subplots()
        for y, row in enumerate(ordered):
            colour = OURS if row.is_ours else OTHERS
            axes.plot(
                row.seeds_s,
                [y - 0.22] * len(row.seeds_s),
                "o",
                color=colour,
                alpha=0.5,
                markersize=4,
                markeredgewidth=0,
            )
            _draw_interval(axes, y, row.mean_s, row.low_s, row.high_s, colour, inside=colour)
            axes.annotate(
                f"{row.mean_s:.1f}", (row.mean_s, y), (0, 8), textcoords="offset points", ha="center", color=INK
            )
        _label_rows(axes, [row.label for row in ordered])
        axes.set_xlabel("delay, s per vehicle (diamond: mean; bar: 95 % interval; dots: single seeds)")
        _scale(axes, [value for row in ordered for value in (row.mean_s, *row.seeds_s)])
        return as_svg(figure)


def draw_differences(
    found: Sequence[PairedDelay], labels: Mapping[str, str], reference: str, ours: str | None
) -> str:
    """SVG: every controller's paired difference from the reference; hollow where there is none to be seen."""
    ordered = sorted(found, key=lambda difference: -difference.mean)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.42 * len(ordered)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color=FAINT, linewidth=1.2)
        for y, difference in enumerate(ordered):
            colour = OURS if difference.controller == ours else OTHERS
            inside = colour if difference.differs else "none"
            _draw_interval(axes, y, difference.mean, difference.low, difference.high, colour, inside=inside)
            axes.annotate(
                f"{difference.mean:+.1f}",
                (difference.mean, y),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9,
            )
        _label_rows(axes, [labels[difference.controller] for difference in ordered])
        axes.set_xlabel(f"delay minus that of {labels[reference]} on the same seed, s per vehicle")
        return as_svg(figure)


def _draw_interval(
    axes: Axes, y: float, mean: float, low: float | None, high: float | None, colour: str, *, inside: str
) -> None:
    """A bar from low to high, and a diamond at the mean."""
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
    axes.plot([mean], [y], "D", color=colour, markerfacecolor=inside, markersize=7, zorder=3)


def _label_rows(axes: Axes, labels: Sequence[str]) -> None:
    """One controller a row, from below."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(-0.6, len(labels) - 0.2)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def draw_learning(curve: LearningCurve) -> str:
    """SVG: validation delay against simulated hours; the others are horizontal lines named at the right."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, 3.9), layout="constrained")
        axes = figure.subplots()
        last_h = max(curve.hours, default=1.0)
        axes.axvspan(0.0, curve.demonstration_hours, color=SOFT, zorder=0)
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
            axes,
            {**curve.references_s, "LEED (validation)": curve.delay_s[-1]}
            if curve.delay_s
            else curve.references_s,
        )
        return as_svg(figure)


def draw_weights(curve: LearningCurve) -> str:
    """SVG: weight of the expert loss per intersection over training."""
    with mpl.rc_context(STYLE):
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
        return as_svg(figure)


def _name_lines(axes: Axes, lines: Mapping[str, float]) -> None:
    """Write each line's name and value beside the right edge, moved apart where they would overlap."""
    axes.figure.canvas.draw()
    room = 14.0  # points between two names
    bottom_s, top_s = axes.get_ylim()
    low, top = (axes.transData.transform((0.0, value))[1] * 72.0 / axes.figure.dpi for value in (bottom_s, top_s))
    drawn = {name: min(max(value, bottom_s), top_s) for name, value in lines.items()}
    at = {
        name: float(axes.transData.transform((0.0, value))[1]) * 72.0 / axes.figure.dpi
        for name, value in drawn.items()
    }
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


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where the values spread far; else one that begins at zero."""
    positive = [value for value in values if value > 0.0]
    if positive and max(positive) > LOG_FROM * min(positive):
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0.0)
