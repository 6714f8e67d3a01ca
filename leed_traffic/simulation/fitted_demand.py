"""Invented traffic, thinned out to what the signals of the net can carry.

With Y_p the sum of a signal's critical flow ratios in quarter p (Webster 1958) and L its clearances in one cycle, the signal's
degree of use is max_p Y_p / (1 - L / 120), by the derived limits and a cycle of two minutes. The busiest signal decides: of the
trips that were drawn every so manieth is kept that none is over FULL.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Network
from leed_traffic.domain.timing import derive_timing
from leed_traffic.simulation.sumo_tools import write_xml
from leed_traffic.simulation.turning_counts import TurningCounts, count_turns, period_starts
from leed_traffic.simulation.webster import CYCLE_MAX_S, flow_ratios, lost_time

FULL = 0.85  # of what a signal carries: beyond it `scenario check` says "near capacity"
_ROUNDS = 8  # of thinning: turns are counted anew after each, for a quarter's counts do not shrink evenly
_STEP = 0.98  # at most: close to FULL a quarter's counts may not shrink at all
_LEAST_SHARE = 0.1  # of green in a cycle of two minutes, where clearances alone would fill it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What became of the trips that were drawn."""

    drawn: int
    kept: int
    busiest: str  # the signal that decides
    use_drawn: float  # its degree of use with all of them
    use_kept: float  # the busiest signal's with those that are left

    @property
    def sentence(self) -> str:
        """How it was done; empty where all are kept."""
        if self.kept == self.drawn:
            return ""
        return (
            f"{self.kept} of {self.drawn} random trips kept: with all of them signal {self.busiest} would be used to "
            f"{self.use_drawn:.0%} of what it can carry, with these the busiest is to {self.use_kept:.0%}"
        )


def fit_to_signals(scenario: Scenario, network: Network, routes_file: Path) -> Fitted:
    """Thin out the vehicles of the scenario's one route file, in place, until no signal is over FULL.

    The same file gives the same bytes.

    Raises:
        ScenarioError: the net cannot be read.
    """
    vehicles = list(ET.parse(routes_file).getroot())
    first = now = _busiest(scenario, network)
    kept, share = vehicles, 1.0
    for _ in range(_ROUNDS):
        if now[0] <= FULL:
            break
        share *= min(FULL / now[0], _STEP)
        kept = _every_so_manieth(vehicles, share)
        _write(kept, routes_file)
        now = _busiest(scenario, network)
    return Fitted(drawn=len(vehicles), kept=len(kept), busiest=first[1], use_drawn=first[0], use_kept=now[0])


def _busiest(scenario: Scenario, network: Network) -> tuple[float, str]:
    """The highest degree of use, and whose it is."""
    timings = [derive_timing(intersection) for intersection in network.intersections]
    counts = count_turns(scenario, network, timings, [0], period_starts(scenario.end_s - scenario.begin_s))
    return max((_use(counted), counted.intersection.id) for counted in counts)


def _use(counted: TurningCounts) -> float:
    y = max(sum(flow_ratios(counted, period)) for period in range(len(counted.period_starts_s)))
    return y / max(1.0 - lost_time(counted.timing) / CYCLE_MAX_S, _LEAST_SHARE)


def _every_so_manieth(vehicles: list[ET.Element], share: float) -> list[ET.Element]:
    """A share of them, spread evenly over the list."""
    return [vehicle for k, vehicle in enumerate(vehicles) if int((k + 1) * share) > int(k * share)]


def _write(vehicles: list[ET.Element], routes_file: Path) -> None:
    root = ET.Element("routes")
    root.extend(vehicles)
    write_xml(routes_file, root)
