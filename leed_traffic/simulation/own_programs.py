"""The incumbents of a comparison: each signal's own order and greens with the site's clearances, fixed or actuated by SUMO."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import quoteattr

from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.program import ProgramPhase, StageProgram, build_program, whole_steps
from leed_traffic.domain.timing import Timing

ACTUATED_MAX_GREEN_S = 60.0  # s, where the site allows more: common practice is 30 to 70 s

Incumbent = Literal["static", "actuated"]


def write_programs(path: Path, network: Network, timings: Sequence[Timing], *, kind: Incumbent, step_s: float) -> None:
    """Write an additional file whose programs SUMO runs from the start, for it runs the last one that it loads.

    Args:
        path: of the file.
        network: N signals.
        timings: (N,) their limits.
        kind: static keeps each signal's own greens; actuated lets SUMO extend each between its minimum and maximum green.
        step_s: simulation step; durations are rounded up to it.
    """
    items = [
        _program(intersection, timing, kind, step_s)
        for intersection, timing in zip(network.intersections, timings, strict=True)
    ]
    part = path.with_name(path.name + ".part")
    part.write_text("".join(["<additional>\n", *items, "</additional>\n"]), encoding="utf-8")
    os.replace(part, path)


def _program(intersection: Intersection, timing: Timing, kind: Incumbent, step_s: float) -> str:
    program = build_program(intersection, timing, step_s=step_s)
    order = sorted(range(intersection.n_stages), key=lambda i: intersection.stages[i].own_phase)
    name = "leed-fixed" if kind == "static" else "leed-actuated"
    lines = [
        f"  <tlLogic id={quoteattr(intersection.id)} type={quoteattr(kind)} programID={quoteattr(name)} "
        f'offset="{intersection.own_offset_s:g}">\n'
    ]
    for i, j in zip(order, [*order[1:], order[0]], strict=True):
        low_s, high_s = timing.min_green_s[i], timing.max_green_s[i]
        green_s = whole_steps(min(max(intersection.stages[i].own_green_s, low_s), high_s), step_s)
        limits = ""
        if kind == "actuated":
            high_s = min(high_s, max(ACTUATED_MAX_GREEN_S, green_s))
            limits = f' minDur="{whole_steps(low_s, step_s):g}" maxDur="{high_s:g}"'
        lines.append(f'    <phase duration="{green_s:g}" state="{intersection.stages[i].state}"{limits}/>\n')
        lines += [f'    <phase duration="{phase.duration_s:g}" state="{phase.state}"/>\n' for phase in _way(program, i, j)]
    return "".join([*lines, "  </tlLogic>\n"])


def _way(program: StageProgram, i: int, j: int) -> list[ProgramPhase]:
    """The clearance phases from stage i to stage j."""
    way, phase = [], program.entries[i][j]
    while program.phases[phase].is_clearance:
        way.append(program.phases[phase])
        phase = program.phases[phase].next
    return way
