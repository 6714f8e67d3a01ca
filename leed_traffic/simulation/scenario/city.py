"""Cities of any size as a recipe: a grid of streets, regular or with bends and missing links, and demand for its hour.

The recipe is an ordinary `scenario.toml`, which `scenario_build.py` makes into a net; the same arguments give the
same text.
"""

import math
from dataclasses import dataclass

import numpy as np

from leed_traffic.errors import UsageError

SPACING_M = (200.0, 280.0)  # between two junctions, drawn per street
JITTER_M = 45.0  # an irregular city's junctions lie this far off at most, along each axis
MISSING = 0.12  # share of the links inside an irregular city that are left out, where each junction keeps three
WIDE_EVERY = 3  # every third street has two lanes each way
THROUGH_VEHPH = {1: (190.0, 250.0), 2: (380.0, 480.0)}  # from end to end in its own peak, by lanes each way
TURNING_VEHPH = (12.0, 28.0)  # in the peak, from each end of a street to each of two ends of crossing streets
# share of those volumes in an irregular city: who meets a missing link burdens the streets beside it
DETOURS = 0.45
OFF_PEAK = 0.4  # share of the peak that runs while the crossing streets have theirs
MAX_SIDE = 40

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The nodes along one street, from end to end, and its lanes each way."""

    nodes: tuple[str, ...]
    lanes: int
    is_vertical: bool


def city_recipe(rows: int, columns: int, *, seed: int, is_irregular: bool = False) -> str:
    """The text of a `scenario.toml` with rows x columns signals.

    Args:
        rows: streets from west to east.
        columns: streets from south to north.
        seed: of spacing, bends, missing links and volumes.
        is_irregular: junctions off the grid, some links missing (T-junctions), none of the streets straight.

    Raises:
        UsageError: a side is under 2 or over 40.
    """
    if not (2 <= rows <= MAX_SIDE and 2 <= columns <= MAX_SIDE):
        raise UsageError(f"need 2 to {MAX_SIDE} streets each way, got {rows}x{columns}")
    rng = np.random.default_rng(seed)
    signals, rim = _places(rows, columns, rng, is_irregular)
    chains = _chains(rows, columns)
    missing = _missing(chains, rng) if is_irregular else frozenset()
    flows = _flows(chains, rng, DETOURS if is_irregular else 1.0)
    kind = "irregular city" if is_irregular else "grid"
    lines = [
        f'title = "A {kind} of {rows} x {columns} signals (seed {seed}): north-south peak first, then east-west"',
        "",
        "[net]",
        f"signals = {_table(signals)}",
        f"rim = {_table(rim)}",
        "streets = [",
        *(line for chain in chains for line in _streets(chain, missing)),
        "]",
        "cycle_s = 90",
        "left_green_s = 8",
        "",
        "[demand]",
        "period_s = 900",
        "flows = [",
        *flows,
        "]",
    ]
    return "\n".join(lines) + "\n"


def parse_size(text: str) -> tuple[int, int]:
    """Rows and columns of a text such as 14x14.

    Raises:
        UsageError: it is none.
    """
    rows, _, columns = text.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise UsageError(f"--grid {text}: expected ROWSxCOLUMNS, such as 14x14")
    return int(rows), int(columns)


def _places(
    rows: int, columns: int, rng: np.random.Generator, is_irregular: bool
) -> tuple[dict[str, Point], dict[str, Point]]:
    """Signals and rim, in m."""
    x = np.cumsum(np.round(rng.uniform(*SPACING_M, columns + 2), -1))
    y = np.cumsum(np.round(rng.uniform(*SPACING_M, rows + 2), -1))
    off = np.round(rng.uniform(-JITTER_M, JITTER_M, (rows, columns, 2))) * is_irregular
    signals = {
        _signal(r, c): (float(x[c + 1] + off[r, c, 0]), float(y[r + 1] + off[r, c, 1]))
        for r in range(rows)
        for c in range(columns)
    }
    rim = {f"W{r}": (float(x[0]), float(y[r + 1])) for r in range(rows)}
    rim |= {f"E{r}": (float(x[-1]), float(y[r + 1])) for r in range(rows)}
    rim |= {f"S{c}": (float(x[c + 1]), float(y[0])) for c in range(columns)}
    rim |= {f"N{c}": (float(x[c + 1]), float(y[-1])) for c in range(columns)}
    return signals, rim


def _chains(rows: int, columns: int) -> list[_Chain]:
    across = [
        _Chain(
            nodes=(f"W{r}", *(_signal(r, c) for c in range(columns)), f"E{r}"),
            lanes=2 if r % WIDE_EVERY == 1 else 1,
            is_vertical=False,
        )
        for r in range(rows)
    ]
    upward = [
        _Chain(
            nodes=(f"S{c}", *(_signal(r, c) for r in range(rows)), f"N{c}"),
            lanes=2 if c % WIDE_EVERY == 1 else 1,
            is_vertical=True,
        )
        for c in range(columns)
    ]
    return across + upward


def _missing(chains: list[_Chain], rng: np.random.Generator) -> frozenset[tuple[str, str]]:
    """Links between signals that are left out; one at most per signal, so that each keeps three legs."""
    links = [pair for chain in chains for pair in zip(chain.nodes[1:-1], chain.nodes[2:-1], strict=False)]
    out: set[tuple[str, str]] = set()
    touched: set[str] = set()
    for k in rng.permutation(len(links)):
        if len(out) < MISSING * len(links) and touched.isdisjoint(links[k]):
            out.add(links[k])
            touched.update(links[k])
    return frozenset(out)


def _streets(chain: _Chain, missing: frozenset[tuple[str, str]]) -> list[str]:
    """The pieces of a chain that remain, as TOML."""
    pieces: list[list[str]] = [[chain.nodes[0]]]
    for a, b in zip(chain.nodes, chain.nodes[1:], strict=False):
        if (a, b) in missing:
            pieces.append([b])
        else:
            pieces[-1].append(b)
    return [
        f"  {{ nodes = [{', '.join(_quoted(n) for n in piece)}], lanes = {chain.lanes}, speed_kmh = 50, left_bay_m = 60 }},"
        for piece in pieces
        if len(piece) > 1
    ]


def _flows(chains: list[_Chain], rng: np.random.Generator, volume: float) -> list[str]:
    """Trips along every street both ways, and turning ones from its ends to ends of streets across it."""
    lines = []
    for chain in chains:
        ends = (chain.nodes[0], chain.nodes[-1])
        for origin, destination in (ends, ends[::-1]):
            lines.append(
                _flow(origin, destination, volume * rng.uniform(*THROUGH_VEHPH[chain.lanes]), chain.is_vertical)
            )
        across = [c for c in chains if c.is_vertical != chain.is_vertical]
        for origin in ends:
            for k in rng.choice(len(across), 2, replace=False):
                destination = across[k].nodes[0 if rng.random() < 0.5 else -1]
                lines.append(_flow(origin, destination, volume * rng.uniform(*TURNING_VEHPH), chain.is_vertical))
    return lines


def _flow(origin: str, destination: str, peak_vehph: float, is_early: bool) -> str:
    shares = (1.0, 0.8, OFF_PEAK, OFF_PEAK) if is_early else (OFF_PEAK, OFF_PEAK, 1.0, 0.8)
    per_hour = ", ".join(str(math.ceil(peak_vehph * share)) for share in shares)
    return f'  {{ origin = "{origin}", destination = "{destination}", per_hour = [{per_hour}] }},'


def _signal(row: int, column: int) -> str:
    return f"J{row}-{column}"


def _table(points: dict[str, Point]) -> str:
    return "{ " + ", ".join(f'"{name}" = [{x:g}, {y:g}]' for name, (x, y) in points.items()) + " }"


def _quoted(name: str) -> str:
    return f'"{name}"'
