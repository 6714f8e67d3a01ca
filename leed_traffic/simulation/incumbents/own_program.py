"""The incumbents as programs for SUMO to run by itself.

They are each signal's own fixed program, the same as SUMO's types actuated and delay_based, and fixed plans
computed anew.

With a site both get the site's clearances and keep to its greens, so that everybody in a comparison obeys the same
limits; with the net's own limits the net's own phases stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.artifacts.site import AS_NET, Site
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.simulation.incumbents.webster import FixedPlan
from leed_traffic.simulation.sumo.options import PROGRAMS_NAME

ACTUATED_MAX_GREEN_S = 50.0  # s, netconvert's default for actuated programs
SELF_ADAPTING = frozenset({"actuated", "delay_based", "NEMA"})  # SUMO's types that extend greens by themselves


class Incumbent(StrEnum):
    """Programs that run at signals today."""

    FIXED = "static"
    ACTUATED = "actuated"  # a green goes on while the gap between vehicles is short
    # a green goes on while vehicles on its approaches lose time (Oertel and Wagner 2011)
    DELAY_BASED = "delay_based"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """One phase; a stage may be extended from `min_s` to `max_s` where the program is actuated."""

    state: str
    duration_s: float
    min_s: float | None = None
    max_s: float | None = None


def write_programs(
    folder: Path, network: Network, site: Site, incumbent: Incumbent, *, step_s: float
) -> tuple[Path, ...]:
    """Write the programs of all intersections as an additional file for SUMO.

    Args:
        folder: to write it in.
        network: N intersections.
        site: their limits; `as-net` leaves the fixed program untouched.
        incumbent: fixed, actuated or delay-based.
        step_s: simulation step; clearances are whole steps.

    Returns:
        The additional files; none where the net's own programs run untouched.
    """
    logics = []
    for intersection, timing in zip(network.intersections, site.timings, strict=True):
        if site.name == AS_NET:
            if _runs_as_it_is(intersection, incumbent):
                continue
            phases = _own_phases(intersection, timing)
        else:
            phases = _site_phases(intersection, timing, step_s)
        name = f"{'own' if site.name == AS_NET else 'leed'}-{incumbent}"
        logics.append(_logic(intersection, phases, incumbent, name, intersection.own_offset_s))
    return _write(folder, logics)


def write_fixed_plans(
    folder: Path, network: Network, site: Site, plans: Mapping[str, FixedPlan], *, step_s: float
) -> tuple[Path, ...]:
    """Write one fixed plan per intersection, with the site's clearances, as an additional file; see `write_programs`."""
    logics = []
    for intersection, timing in zip(network.intersections, site.timings, strict=True):
        plan = plans[intersection.id]
        phases = _in_order(intersection, timing, plan.stages, plan.green_s, step_s)
        logics.append(_logic(intersection, phases, Incumbent.FIXED, "leed-plan", plan.offset_s))
    return _write(folder, logics)


def _write(folder: Path, logics: Sequence[str]) -> tuple[Path, ...]:
    if not logics:
        return ()
    path = folder / PROGRAMS_NAME
    write_whole(path, "<additional>\n" + "".join(logics) + "</additional>\n")
    return (path,)


def _runs_as_it_is(intersection: Intersection, incumbent: Incumbent) -> bool:
    """Return whether the net's own program is the incumbent already; a signal that adapts in another way counts as actuated."""
    if incumbent is Incumbent.DELAY_BASED:
        return intersection.own_program_type == "delay_based"
    return incumbent is Incumbent.FIXED or intersection.own_program_type in SELF_ADAPTING


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
    shown = [
        k for k, stage in enumerate(intersection.stages) if stage.own_green_s > 0.0
    ]  # of NEMA pairs some have no time
    order = sorted(
        shown if len(shown) > 1 else range(intersection.n_stages), key=lambda k: intersection.stages[k].own_phase
    )
    return _in_order(intersection, timing, order, [intersection.stages[k].own_green_s for k in order], step_s)


def _in_order(
    intersection: Intersection, timing: Timing, order: Sequence[int], green_s: Sequence[float], step_s: float
) -> list[_Phase]:
    """Stages one after the other, each with its green, and the site's clearances between them."""
    program = build_program(intersection, timing, step_s=step_s)
    phases = []
    for ending, following, seconds in zip(order, [*order[1:], order[0]], green_s, strict=True):
        phases.append(_stage(intersection, timing, ending, seconds))
        at = program.entries[ending][following]
        while at != following:
            phases.append(_Phase(state=program.phases[at].state, duration_s=program.phases[at].duration_s))
            at = program.phases[at].next
    return phases


def _stage(intersection: Intersection, timing: Timing, stage: int, own_green_s: float) -> _Phase:
    """The stage's own green, moved into the site's limits."""
    low = timing.min_green_s[stage]
    high = timing.max_green_s[stage]
    green_s = min(max(own_green_s, low), high)
    longest_s = min(max(ACTUATED_MAX_GREEN_S, green_s), high)
    return _Phase(state=intersection.stages[stage].state, duration_s=green_s, min_s=low, max_s=longest_s)


def _logic(
    intersection: Intersection, phases: Sequence[_Phase], incumbent: Incumbent, name: str, offset_s: float
) -> str:
    lines = []
    for phase in phases:
        limits = ""
        if incumbent is not Incumbent.FIXED and phase.min_s is not None:
            limits = f' minDur="{phase.min_s:g}" maxDur="{phase.max_s:g}"'
        lines.append(f'    <phase duration="{phase.duration_s:g}" state="{phase.state}"{limits}/>\n')
    head = f'  <tlLogic id={quoteattr(intersection.id)} type="{incumbent}" programID="{name}"'
    return f'{head} offset="{offset_s:g}">\n{"".join(lines)}  </tlLogic>\n'
