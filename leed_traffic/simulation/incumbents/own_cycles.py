"""Cycles of the signals' own programs, before and after a site's limits were put into them.

Read from the very file that SUMO runs, so that what a table says is what ran.
"""

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.site import Site
from leed_traffic.domain.network import Network
from leed_traffic.simulation.incumbents.own_program import Incumbent, write_programs

_LENGTHS = ("duration", "minDur", "maxDur")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCycle:
    """One signal's program: as it hangs, and as it runs under a site."""

    intersection: str
    program: str  # its id in the net
    type: str  # as it hangs: static, actuated, ...
    own_s: float  # as it hangs; of a program that adapts, with the greens that stand in the file
    cycle_s: float  # as it runs, with the same greens
    least_s: float  # every green at its minimum; the cycle itself where greens do not adapt
    most_s: float
    is_untouched: bool


def own_cycles(network: Network, site: Site, incumbent: Incumbent, *, step_s: float) -> tuple[OwnCycle, ...]:
    """The cycle of every signal's own program, before and after.

    Args:
        network: N signals.
        site: whose clearances and limits are put in; see `write_programs`.
        incumbent: as what the programs run.
        step_s: simulation step.

    Returns:
        (N,) in the network's order.
    """
    with tempfile.TemporaryDirectory(prefix="leed-cycles-") as folder:
        files = write_programs(Path(folder), network, site, incumbent, step_s=step_s)
        logics = {
            logic.get("id", ""): list(logic.iter("phase")) for file in files for logic in ET.parse(file).getroot()
        }
    cycles = []
    for intersection in network.intersections:
        phases = logics.get(intersection.id)
        own_s = round(sum(phase.duration_s for phase in intersection.own_program), 3)
        cycle_s, least_s, most_s = (own_s,) * 3 if phases is None else (_sum(phases, n) for n in _LENGTHS)
        cycles.append(
            OwnCycle(
                intersection=intersection.id,
                program=intersection.own_program_id,
                type=intersection.own_program_type,
                own_s=own_s,
                cycle_s=cycle_s,
                least_s=least_s,
                most_s=most_s,
                is_untouched=phases is None,
            )
        )
    return tuple(cycles)


def _sum(phases: list[ET.Element], name: str) -> float:
    """Seconds of all phases by one of their attributes, by their duration where they have none."""
    return round(sum(float(phase.get(name, phase.get("duration", "0"))) for phase in phases), 3)
