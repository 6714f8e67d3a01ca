"""The incumbents: each signal's own fixed program, and the same as SUMO's type actuated, as programs for SUMO to run by itself.

With a site both get the site's clearances and keep to its greens, so that everybody in a comparison obeys the same limits; with
the net's own limits the net's own phases stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.artifacts.site import AS_NET, Site
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.program import build_program
from leed_traffic.domain.timing import Timing

ACTUATED_MAX_GREEN_S = 50.0  # s, netconvert's default for actuated programs
SELF_ADAPTING = frozenset({"actuated", "delay_based", "NEMA"})  # SUMO's types that extend greens by themselves
PROGRAMS_NAME = "programs.add.xml"


class Incumbent(StrEnum):
    """What runs at signals today."""

    FIXED = "static"
    ACTUATED = "actuated"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """One phase; a stage may be extended from `min_s` to `max_s` where the program is actuated."""

    state: str
    duration_s: float
    min_s: float | None = None
    max_s: float | None = None


def write_programs(folder: Path, network: Network, site: Site, incumbent: Incumbent, *, step_s: float) -> tuple[Path, ...]:
    """Write the programs of all intersections as an additional file for SUMO.

    Args:
        folder: to write it in.
        network: N intersections.
        site: their limits; `as-net` leaves the fixed program untouched.
        incumbent: fixed or actuated.
        step_s: simulation step; clearances are whole steps.

    Returns:
        The additional files; none where the net's own programs run untouched.
    """
    logics = []
    for intersection, timing in zip(network.intersections, site.timings, strict=True):
        if site.name == AS_NET:
            if incumbent is Incumbent.FIXED or intersection.own_program_type in SELF_ADAPTING:
                continue
            phases = _own_phases(intersection, timing)
        else:
            phases = _site_phases(intersection, timing, step_s)
        logics.append(_logic(intersection, phases, incumbent, "own" if site.name == AS_NET else "leed"))
    if not logics:
        return ()
    path = folder / PROGRAMS_NAME
    write_whole(path, "<additional>\n" + "".join(logics) + "</additional>\n")
    return (path,)


def _own_phases(intersection: Intersection, timing: Timing) -> list[_Phase]:
    """The net's own phases; stages may be extended."""
    stages = {stage.state: k for k, stage in enumerate(intersection.stages)}
    phases = []
    for phase in intersection.own_program:
        if phase.state in stages:
            phases.append(_stage(intersection, timing, stages[phase.state], phase.duration_s))
        else:
            phases.append(_Phase(state=phase.state, duration_s=phase.duration_s))
    return phases


def _site_phases(intersection: Intersection, timing: Timing, step_s: float) -> list[_Phase]:
    """The own program's stages in its order, with the site's clearances between them."""
    program = build_program(intersection, timing, step_s=step_s)
    order = sorted(range(intersection.n_stages), key=lambda k: intersection.stages[k].own_phase)
    phases = []
    for ending, following in zip(order, [*order[1:], order[0]], strict=True):
        phases.append(_stage(intersection, timing, ending, intersection.stages[ending].own_green_s))
        at = program.entries[ending][following]
        while at != following:
            phases.append(_Phase(state=program.phases[at].state, duration_s=program.phases[at].duration_s))
            at = program.phases[at].next
    return phases


def _stage(intersection: Intersection, timing: Timing, stage: int, own_green_s: float) -> _Phase:
    """The stage's own green, moved into the site's limits."""
    low, high = timing.min_green_s[stage], timing.max_green_s[stage]
    green_s = min(max(own_green_s, low), high)
    longest_s = min(max(ACTUATED_MAX_GREEN_S, green_s), high)
    return _Phase(state=intersection.stages[stage].state, duration_s=green_s, min_s=low, max_s=longest_s)


def _logic(intersection: Intersection, phases: Sequence[_Phase], incumbent: Incumbent, prefix: str) -> str:
    lines = []
    for phase in phases:
        limits = ""
        if incumbent is Incumbent.ACTUATED and phase.min_s is not None:
            limits = f' minDur="{phase.min_s:g}" maxDur="{phase.max_s:g}"'
        lines.append(f'    <phase duration="{phase.duration_s:g}" state="{phase.state}"{limits}/>\n')
    head = f'  <tlLogic id={quoteattr(intersection.id)} type="{incumbent}" programID="{prefix}-{incumbent}"'
    return f'{head} offset="{intersection.own_offset_s:g}">\n{"".join(lines)}  </tlLogic>\n'
