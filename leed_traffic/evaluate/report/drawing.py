"""Common ground of all figures: colours, style, and SVG that follows the reader's light or dark theme.

matplotlib draws with the light theme's colours; in the text they become CSS variables, whose values the theme
decides. Letters are outlines: they look the same everywhere.
"""

import io
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leed_traffic.domain.short_ids import fold

WIDTH_IN = 9.0  # in, of every figure
# light theme's colour, dark theme's colour
_THEMED = {
    "ink": ("#1d2733", "#e6ebf1"),
    "faint": ("#5d6b7a", "#a3b0bd"),
    "grid": ("#e3e8ee", "#313b46"),
    "soft": ("#f2f5f9", "#1c242c"),
    "ours": ("#0b63b0", "#62aef2"),
    "others": ("#7b8794", "#8f9ba8"),
    "clearance": ("#2b2f36", "#d3dae1"),
}
INK, FAINT, GRID, SOFT, OURS, OTHERS, CLEARANCE = (light for light, _ in _THEMED.values())
# Okabe and Ito (2008): told apart by colour-blind readers, too, and on both themes
STAGES = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#c9b800", "#9aa5b1")
GO = "#009e73"
CAUTION = "#e6a700"
STOP = "#d1495b"  # signal colours, in hues that differ for everybody

STYLE: dict[Any, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "leed_traffic",
    "path.simplify": False,  # would drop the dots that are very short lines
    "text.parse_math": False,  # a dollar sign in an id or a path is one
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.titlesize": 10.5,
    "axes.titlecolor": INK,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": FAINT,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def as_svg(figure: Figure) -> str:
    """The figure as SVG text; the same figure gives the same bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    for name, (light, _) in _THEMED.items():
        text = text.replace(light, f"var(--{name})")
    head, tag, rest = text.partition("<defs>")
    return f"{head}<style>{theme_css()}</style>\n {tag}{rest}"


def draw_polylines(
    axes: Axes, lines: Sequence[Sequence[tuple[float, float]]], *, color: str, linewidth: float
) -> None:
    """Many lines as one path: a tenth of the text that one element per line would take."""
    nowhere = (math.nan, math.nan)
    corners = [corner for line in lines for corner in (*line, nowhere)] or [nowhere]
    x, y = zip(*corners, strict=True)
    axes.plot(x, y, color=color, linewidth=linewidth, solid_capstyle="round", solid_joinstyle="round")


def theme_css() -> str:
    """The variables of both themes, for the page and for every figure."""
    light = ";".join(f"--{name}:{colours[0]}" for name, colours in _THEMED.items())
    dark = ";".join(f"--{name}:{colours[1]}" for name, colours in _THEMED.items())
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def short(name: str, width: int = 24) -> str:
    """A name that fits beside an axis."""
    return (
        textwrap.shorten(name, width, placeholder="…") if len(name) > width and " " in name else fold(name, width)
    )
