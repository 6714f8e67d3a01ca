"""Stages and clearances of every signal over one run, for the stage diagram of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.domain.network import Intersection
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.score.audit import read_runs
from leed_traffic.simulation.score.limit_breaks import stage_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayedStage:
    """One stage, or a clearance (stage None), from one moment to the next, in seconds of the simulation."""

    begin_s: float
    end_s: float
    stage: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRows:
    """Layout of the intersections in a stage diagram."""

    order: tuple[str, ...]  # the first at the bottom
    positions_m: Mapping[str, float] | None  # along the road, where they follow one


Timeline = Mapping[str, tuple[DisplayedStage, ...]]  # by intersection


def read_timeline(
    states_file: Path, intersections: Sequence[Intersection], *, end_s: float
) -> dict[str, tuple[DisplayedStage, ...]]:
    """Read what each intersection displayed from SUMO's SaveTLSStates output.

    Args:
        states_file: display of every signal at every step.
        intersections: signals of interest; a state that is no stage of theirs counts as clearance.
        end_s: when the last state ends.

    Raises:
        ScenarioError: the file cannot be read.
    """
    try:
        runs = read_runs(states_file)
    except OSError as err:
        raise ScenarioError(f"{states_file}: the record of signal states cannot be read ({err.strerror})") from err
    timeline = {}
    for intersection in intersections:
        stages = stage_numbers(intersection)
        timeline[intersection.id] = _joined(
            [(run.begin_s, stages.get(run.state)) for run in runs.get(intersection.id, ())], end_s
        )
    return timeline


def lay_out(intersections: Sequence[Intersection]) -> StageRows:
    """Lay out by position where intersections follow one road, else in the network's order, the first on top."""
    positions_m = along_the_road(intersections)
    if positions_m is None:
        return StageRows(order=tuple(i.id for i in reversed(intersections)), positions_m=None)
    return StageRows(order=tuple(sorted(positions_m, key=lambda name: positions_m[name])), positions_m=positions_m)


def along_the_road(intersections: Sequence[Intersection]) -> dict[str, float] | None:
    """Metres from the first intersection to each one, if they follow one another along a single road; else None.

    Every intersection of a road feeds its one or two neighbours, and the two at its ends have one.
    """
    gaps: dict[str, dict[str, float]] = {i.id: {} for i in intersections}
    for intersection in intersections:
        for neighbour in intersection.neighbours:
            if neighbour.id in gaps and neighbour.id != intersection.id:
                gaps[intersection.id][neighbour.id] = neighbour.distance_m
                gaps[neighbour.id].setdefault(intersection.id, neighbour.distance_m)
    ends = [name for name, near in gaps.items() if len(near) == 1]
    if len(ends) != 2 or any(len(near) > 2 for near in gaps.values()):
        return None
    position = {min(ends): 0.0}
    here = min(ends)
    while onwards := [name for name in gaps[here] if name not in position]:
        position[onwards[0]] = position[here] + gaps[here][onwards[0]]
        here = onwards[0]
    return position if len(position) == len(gaps) else None


def _joined(stages: Sequence[tuple[float, int | None]], end_s: float) -> tuple[DisplayedStage, ...]:
    """One span per stage or clearance, from the moments at which states began."""
    changes = [at for k, at in enumerate(stages) if k == 0 or at[1] != stages[k - 1][1]]
    ends = [*(begin for begin, _ in changes[1:]), end_s]
    return tuple(
        DisplayedStage(begin_s=begin, end_s=end, stage=stage)
        for (begin, stage), end in zip(changes, ends, strict=True)
    )
