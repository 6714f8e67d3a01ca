"""`site.toml`: the limits of every signal in a form that a person reads, reviews and signs for.

One `[[intersection]]` per signal, with the stages that it was made for. A value per stage is a list or one number
for all; a value per change of stages is a matrix (row: stage that ends, column: stage that follows) or one number
for all changes in which it means something: yellow where vehicles lose their green, pedestrian clearance where a
crossing does, all-red everywhere.
"""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from leed_traffic.artifacts.toml_file import read_toml, render_toml, rows
from leed_traffic.domain.document import Document
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Weights
from leed_traffic.domain.safety.timing import MAX_RED_S, PARTS, Clearances, Matrix, Timing
from leed_traffic.errors import SiteError

Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
PerStage = Seconds | tuple[Seconds, ...]
PerChange = Seconds | tuple[tuple[Seconds, ...], ...]

_HEAD = """\
# Limits of every signal: what a person signs for and no policy can move. Times in seconds, stages counted from 0.
#
# stages                  the greens this was made for, a letter per link: G priority, g yields, r red, s turn on red
# min_green_s             a green once begun lasts at least so long; a stage with a crossing at least 7 s (walk)
# max_green_s             a green ends by then while somebody waits for another stage
# fallback_green_s        green of the fixed cycle that the signal runs by itself when nobody asks
# fallback_order          order of that cycle
# pedestrian_clearance_s  crossings red, vehicles still green, before the yellow
# yellow_s                at least 3 s where vehicles lose their green
# all_red_s               everything red that the next stage does not keep
# intergreen              optional [[clearing link, entering link, seconds], ...]: raises all_red_s where it falls short
# max_red_s               nobody who calls waits longer for a green
#
# One number holds for all stages or changes; [[row], [row], ...] names each: row = ending stage, column = following one.
# Keys under [defaults] hold for every intersection that does not name them.
#
# Optional, for all signals, in order of rank; none of the limits above ever gives way to it:
# [[priority]]
# classes = ["bus"]       who is favoured: emergency, bus, tram, ...
# reach_m = 120.0         before the stop line, from which on a vehicle calls
# max_extension_s = 10.0  a green is held so long for it against the policy's wish
# keep_green_s = 10.0     another stage keeps so much green before it ends early for it
# lockout_s = 60.0        between two uses at a signal
#
# Optional, for the reward and the counts of plans, in cars:
# [weights]
# classes = { bus = 10.0, bicycle = 1.0 }
# persons = 1.0           who waits at a crossing; over 0 the policies see them, too: train and export for it
"""


class _Limits(Document):
    min_green_s: PerStage | None = None
    max_green_s: PerStage | None = None
    fallback_green_s: PerStage | None = None
    pedestrian_clearance_s: PerChange | None = None
    yellow_s: PerChange | None = None
    all_red_s: PerChange | None = None
    max_red_s: Seconds | None = None


class IntersectionEntry(_Limits):
    """Entry of the file for one signal, defaults filled in."""

    id: str
    stages: tuple[str, ...]
    fallback_order: tuple[int, ...] | None = None
    intergreen: tuple[tuple[int, int, Seconds], ...] = ()


class WeightsEntry(Document):
    """[weights]: what a road user counts, in cars."""

    classes: dict[str, float] = Field(default_factory=dict)
    """By SUMO's vehicle class; 1 where one is not named."""
    persons: float = 0.0
    """A person who waits at a crossing; over 0 they are observed, too."""


class PriorityEntry(Document):
    """[[priority]]: one rule for all signals."""

    classes: tuple[str, ...]
    """SUMO's vehicle classes."""
    reach_m: float
    """Before the stop line."""
    max_extension_s: Seconds
    """Of a green, each time."""
    keep_green_s: Seconds
    """That another stage keeps."""
    lockout_s: Seconds
    """Between two uses."""


class _File(Document):
    defaults: _Limits = _Limits()
    priority: tuple[PriorityEntry, ...] = ()
    weights: WeightsEntry = WeightsEntry()
    intersection: tuple[IntersectionEntry, ...]


def parse_site_file(path: Path) -> tuple[tuple[IntersectionEntry, ...], tuple[PriorityRule, ...], Weights]:
    """The file's entries, its rules of priority, and who counts how much.

    Raises:
        SiteError: not there, not TOML, an unknown or ill-typed key, an impossible rule, or a signal listed twice.
    """
    try:
        tables = read_toml(path)
        file = _File.model_validate(tables)
    except OSError as err:
        raise SiteError(f"{path}: cannot be read ({err.strerror}); `leedctl site derive` writes one") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SiteError(f"{path}: not TOML: {err}") from err
    except ValidationError as err:
        raise SiteError(f"{path}: {_first_fault(err, tables)}") from err
    seen: set[str] = set()
    for entry in file.intersection:
        if entry.id in seen:
            raise SiteError(f"{path}: intersection {entry.id} is listed twice; keep one")
        seen.add(entry.id)
    try:
        rules = tuple(PriorityRule(**entry.model_dump()) for entry in file.priority)
    except ValueError as err:
        raise SiteError(f"{path}: priority: {err}") from err
    try:
        weights = Weights(classes=tuple(sorted(file.weights.classes.items())), persons=file.weights.persons)
    except ValueError as err:
        raise SiteError(f"{path}: weights: {err}") from err
    return tuple(_with_defaults(entry, file.defaults) for entry in file.intersection), rules, weights


def assemble_from_file(entry: IntersectionEntry, intersection: Intersection, path: Path) -> Timing:
    """The limits that an entry gives to an intersection.

    Raises:
        SiteError: made for other stages, a value is missing, has the wrong shape or contradicts another.
    """
    at = f"{path}: intersection {entry.id}"
    own = tuple(stage.state for stage in intersection.stages)
    if entry.stages != own:
        raise SiteError(
            f"{at}: made for stages {', '.join(entry.stages)}, the net has {', '.join(own)}; review it for the new stages"
        )
    s = range(len(own))
    walkers = intersection.walk_only_links  # a link that vehicles share stays green until its yellow
    lost = [[a.green - b.green for b in intersection.stages] for a in intersection.stages]
    where_one_number_holds = {
        "pedestrian_clearance_s": [[bool(lost[i][j] & walkers) for j in s] for i in s],
        "yellow_s": [[bool(lost[i][j] - walkers) for j in s] for i in s],
        "all_red_s": [[i != j for j in s] for i in s],
    }
    clearances = Clearances(
        **{part: _per_change(entry, part, holds, at) for part, holds in where_one_number_holds.items()}
    )
    own_order = tuple(sorted(s, key=lambda i: intersection.stages[i].own_phase))
    try:
        return Timing(
            intersection=entry.id,
            min_green_s=_per_stage(entry, "min_green_s", len(own), at),
            max_green_s=_per_stage(entry, "max_green_s", len(own), at),
            fallback_green_s=_per_stage(entry, "fallback_green_s", len(own), at),
            fallback_order=entry.fallback_order if entry.fallback_order is not None else own_order,
            clearances=_with_intergreens(entry, intersection, clearances, at),
            max_red_s=MAX_RED_S if entry.max_red_s is None else entry.max_red_s,
        )
    except ValueError as err:
        raise SiteError(f"{path}: intersection {err}") from err


def render_site_file(intersections: Sequence[Intersection], timings: Sequence[Timing]) -> str:
    """The text of a site file that reads back as exactly these limits."""
    entries = []
    for intersection, timing in zip(intersections, timings, strict=True):
        limits = timing.limits()
        entry: dict[str, object] = {
            "id": intersection.id,
            "stages": [stage.state for stage in intersection.stages],
        }
        for name in ("min_green_s", "max_green_s", "fallback_green_s"):
            entry[name] = list(map(float, limits[name]))
        entry["fallback_order"] = list(timing.fallback_order)
        for part in PARTS:
            entry[part] = rows(limits[part])
        entry["max_red_s"] = float(timing.max_red_s)
        entries.append(entry)
    return render_toml({"intersection": entries}, head=_HEAD)


def _with_defaults(entry: IntersectionEntry, defaults: _Limits) -> IntersectionEntry:
    missing = {name for name in _Limits.model_fields if getattr(entry, name) is None}
    return entry.model_copy(update={name: getattr(defaults, name) for name in missing})


def _first_fault(err: ValidationError, tables: dict[str, Any]) -> str:
    """Name place and kind of the first fault: `intersection J1: min_green: Extra inputs are not permitted, got 5`."""
    fault = err.errors()[0]
    where = [str(part) for part in fault["loc"]]
    if len(fault["loc"]) >= 2 and fault["loc"][0] == "intersection":
        entry = tables["intersection"][int(fault["loc"][1])]
        where[:2] = [f"intersection {entry.get('id', where[1]) if isinstance(entry, dict) else where[1]}"]
    words = [
        part for part in where if part not in ("float", "constrained-float") and not part.startswith("tuple[")
    ]
    return f"{': '.join(words)}: {fault['msg']}, got {fault['input']!r}"


def _per_stage(entry: IntersectionEntry, name: str, n_stages: int, at: str) -> tuple[float, ...]:
    value = getattr(entry, name)
    if value is None:
        raise SiteError(f"{at}: {name} is missing; give it here or under [defaults]")
    row = value if isinstance(value, tuple) else (value,) * n_stages
    if len(row) != n_stages:
        raise SiteError(f"{at}: {name}: need one number or {n_stages}, one per stage, got {len(row)}")
    return tuple(float(x) for x in row)


def _per_change(entry: IntersectionEntry, name: str, where_one_number_holds: list[list[bool]], at: str) -> Matrix:
    value = getattr(entry, name)
    n = len(where_one_number_holds)
    if value is None:
        raise SiteError(f"{at}: {name} is missing; give it here or under [defaults]")
    if not isinstance(value, tuple):
        return tuple(tuple(float(value) if holds else 0.0 for holds in row) for row in where_one_number_holds)
    if len(value) != n or any(len(row) != n for row in value):
        raise SiteError(
            f"{at}: {name}: need one number or {n} rows of {n}, got rows of {[len(row) for row in value]}"
        )
    return tuple(tuple(float(x) for x in row) for row in value)


def _with_intergreens(
    entry: IntersectionEntry, intersection: Intersection, clearances: Clearances, at: str
) -> Clearances:
    """Clearances with more all-red where the time from a clearing to an entering link is under the entry's intergreen."""
    raised = [list(row) for row in clearances.all_red_s]
    for clearing, entering, seconds in entry.intergreen:
        if not (0 <= clearing < intersection.n_links and 0 <= entering < intersection.n_links):
            raise SiteError(
                f"{at}: intergreen [{clearing}, {entering}, {seconds}]: links are 0 to {intersection.n_links - 1}"
            )
        walks_alone = clearing in intersection.walk_only_links
        for i, before in enumerate(intersection.stages):
            for j, after in enumerate(intersection.stages):
                if clearing in before.green - after.green and entering in after.green - before.green:
                    change = clearances.between(i, j)
                    given = change.yellow_s + (change.pedestrian_clearance_s if walks_alone else 0.0)
                    raised[i][j] = max(raised[i][j], math.ceil((seconds - given) * 10.0 - 1e-6) / 10.0)
    return replace(clearances, all_red_s=tuple(tuple(row) for row in raised))
