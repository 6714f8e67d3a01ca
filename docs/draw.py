"""Draw `docs/architecture.svg` and write the index of the decisions: `python docs/draw.py` from the project's root.

The floors are those of the import contracts in `pyproject.toml`, the texts the first lines of the packages, so
the figure cannot say what the code does not. A test fails where either file is out of date.
"""

import ast
import re
import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "leed_traffic"
FIGURE = ROOT / "docs" / "architecture.svg"
INDEX = ROOT / "docs" / "decisions" / "README.md"

WIDTH = 1240
GAP = 10  # px between boxes, and between a box and what is in it
LINE = 14  # px from line to line of small text
CHARACTER = 5.9  # px, mean width of a letter of small text
COLOURS = {
    "cli": "#eef1f6", "drill": "#fdf0e3", "benchmark": "#fdf0e3", "planner": "#fdf0e3",
    "generate": "#e7f3ea", "train": "#e7f3ea", "evaluate": "#e7f3ea", "serve": "#fbe7e7",
    "simulation": "#e6f0fa", "artifacts": "#f3ecfa", "domain": "#fdf8dc",
}  # fmt: skip
CHAIN = (
    ("scenario, site", "generate"), ("demonstrations", "train"), ("policies", "export"),
    ("bundle", "serve"), ("signals, logs", "evaluate"), ("report", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A piece of the figure at its own origin."""

    svg: str
    height: float


def first_line(package: Path) -> str:
    """First line of a package's docstring."""
    documentation = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    return (documentation or "").splitlines()[0].replace("`", "")


def n_modules(package: Path) -> int:
    """Modules directly in a package."""
    return len([path for path in package.glob("*.py") if path.name != "__init__.py"])


def floors(quarter: str) -> list[list[str]]:
    """Rooms of a quarter, the highest floor first: as its layers contract says, else all on one floor."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    for contract in linter["contracts"]:
        if contract.get("containers") == [f"leed_traffic.{quarter}"]:
            rows = [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]
            kept = [[room for room in row if (PACKAGE / quarter / room).is_dir()] for row in rows]
            return [row for row in kept if row]
    rooms = sorted(path.parent.name for path in (PACKAGE / quarter).glob("*/__init__.py"))
    return [rooms] if rooms else []


def box(name: str, package: Path, width: float, inner: Drawn | None, *, fill: str, size: int) -> Drawn:
    """A package: its name, its number of modules, what it is for, and its rooms."""
    lines = textwrap.wrap(first_line(package), int((width - 2 * GAP) / CHARACTER))
    top = size + 12
    text_end = top + LINE * len(lines) + 4
    height = text_end + (inner.height + GAP if inner else 4)
    count = n_modules(package)
    head = f'<text x="{GAP}" y="{size + 6}" font-size="{size}" font-weight="600">{escape(name)}'
    head += (
        f'<tspan font-size="10" font-weight="400" fill="#555"> {count} modules</tspan></text>'
        if count
        else "</text>"
    )
    body = "".join(
        f'<text x="{GAP}" y="{top + LINE * (k + 1) - 4}" font-size="11" fill="#333">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    frame = f'<rect width="{width:g}" height="{height:g}" rx="5" fill="{fill}" stroke="#8a8f98"/>'
    rooms = f'<g transform="translate({GAP},{text_end})">{inner.svg}</g>' if inner else ""
    return Drawn(svg=frame + head + body + rooms, height=height)


def side_by_side(pieces: Sequence[Drawn], width: float) -> Drawn:
    """Pieces of one width in a row."""
    placed = [
        f'<g transform="translate({k * (width + GAP):g},0)">{piece.svg}</g>' for k, piece in enumerate(pieces)
    ]
    return Drawn(svg="".join(placed), height=max(piece.height for piece in pieces))


def stacked(pieces: Sequence[Drawn]) -> Drawn:
    """Pieces one below the other."""
    placed = []
    height = 0.0
    for piece in pieces:
        placed.append(f'<g transform="translate(0,{height:g})">{piece.svg}</g>')
        height += piece.height + GAP
    return Drawn(svg="".join(placed), height=height - GAP)


def quarter(name: str, width: float, *, rooms_in_a_row: int = 9) -> Drawn:
    """A quarter with its rooms on their floors."""
    rows = []
    inside = width - 2 * GAP
    for floor in floors(name):
        for k in range(0, len(floor), rooms_in_a_row):
            part = floor[k : k + rooms_in_a_row]
            each = (inside - GAP * (len(part) - 1)) / len(part)
            boxes = [box(f"{room}/", PACKAGE / name / room, each, None, fill="#ffffff", size=12) for room in part]
            rows.append(side_by_side(boxes, each))
    return box(f"{name}/", PACKAGE / name, width, stacked(rows) if rows else None, fill=COLOURS[name], size=15)


def chain(width: float) -> Drawn:
    """The files that lead from a scenario to evidence, and the commands between them."""
    step = width / len(CHAIN)
    parts = []
    for k, (file, command) in enumerate(CHAIN):
        x = k * step
        parts.append(f'<rect x="{x:g}" y="4" width="112" height="26" rx="13" fill="#fff" stroke="#555"/>')
        parts.append(f'<text x="{x + 56:g}" y="21" font-size="12" text-anchor="middle">{file}</text>')
        if command:
            parts.append(f'<path d="M{x + 116:g} 17H{x + step - 6:g}" stroke="#555" marker-end="url(#tip)"/>')
            middle = x + (112 + step) / 2
            parts.append(
                f'<text x="{middle:g}" y="12" font-size="11" font-style="italic" text-anchor="middle">{command}</text>'
            )
    return Drawn(svg="".join(parts), height=34)


def architecture() -> str:
    """The figure as SVG."""
    width = WIDTH - 2 * GAP
    right = 380.0
    left = width - right - GAP
    third = (left - 2 * GAP) / 3
    top_third = (width - 2 * GAP) / 3
    makers = side_by_side(
        [quarter(name, third, rooms_in_a_row=1) for name in ("generate", "train", "evaluate")], third
    )
    offline = stacked([makers, quarter("simulation", left)])
    street = quarter("serve", right)
    middle = Drawn(
        svg=f'{offline.svg}<g transform="translate({left + GAP:g},0)">{street.svg}</g>',
        height=max(offline.height, street.height),
    )
    outer = side_by_side([quarter(name, top_third) for name in ("drill", "benchmark", "planner")], top_third)
    rows = [
        chain(width),
        quarter("cli", width),
        outer,
        middle,
        quarter("artifacts", width),
        quarter("domain", width),
    ]
    whole = stacked(rows)
    note_y = whole.height + 2 * GAP + 12
    note = (
        "Imports run downwards only, from box to box and from room to room (contracts in pyproject.toml). "
        "serve/ stands beside simulation/, not on it."
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{note_y + GAP:g}" '
        f'viewBox="0 0 {WIDTH} {note_y + GAP:g}" font-family="Helvetica, Arial, sans-serif">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n<g transform="translate({GAP},{GAP})">{whole.svg}</g>\n'
        f'<text x="{GAP}" y="{note_y:g}" font-size="12" fill="#333">{escape(note)}</text>\n</svg>\n'
    ).replace("><", ">\n<")


def index() -> str:
    """Every decision with its date and status, the newest last."""
    lines = [
        "# Decisions",
        "",
        "One choice a file: what was chosen, why, what was tried, losses too. Paths in an entry are those of its day.",
        "A new one takes the next number; one that replaces another names it, and the other's status says so.",
        "`python docs/draw.py` writes this list.",
        "",
        "| | decision | date | status |",
        "|---|---|---|---|",
    ]
    for path in sorted(INDEX.parent.glob("[0-9]*.md")):
        head, _, line, *_ = path.read_text(encoding="utf-8").splitlines()
        found = re.fullmatch(r"Date: (\S+) · Status: (.+)", line)
        if found is None:
            raise ValueError(f"{path}: the third line is no `Date: YYYY-MM-DD · Status: ...`, got {line!r}")
        number, _, title = head.removeprefix("# ").partition(" · ")
        lines.append(f"| {number} | [{title}]({path.name}) | {found[1]} | {found[2]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FIGURE.write_text(architecture(), encoding="utf-8")
    INDEX.write_text(index(), encoding="utf-8")
