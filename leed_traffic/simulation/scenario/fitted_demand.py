"""Invented traffic, thinned out to what the net can carry.

With Y_p the sum of a signal's critical flow ratios in quarter p (Webster 1958) and L its clearances in one cycle,
the signal's degree of use is max_p Y_p / (1 - L / 120), by the derived limits and a cycle of two minutes. The
busiest signal decides: of the trips that were drawn every so manieth is kept that none is over FULL.

Junctions without a signal may carry less. So SUMO then drives the hour under the net's own programs, and trips are
left out until it flows: of n vehicles loaded in T seconds that take t seconds each, n t / T are under way at a
time (Little 1961); at the end not more may be under way or wait to enter than if everybody took JAM times as long
as at free flow and RED_S more.
"""

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.turning_counts import TurningCounts, count_turns, period_starts
from leed_traffic.simulation.incumbents.webster import CYCLE_MAX_S, flow_ratios, lost_time
from leed_traffic.simulation.sumo.additional_files import readable_path
from leed_traffic.simulation.sumo.tools import run_tool, write_xml

FULL = 0.85  # of what a signal carries: beyond it `scenario check` says "near capacity"
JAM = 2.0  # times as long as at free flow
RED_S = 60.0  # s, a long red: on a small net it is more than the way
_DRIVES = 5  # hours that are simulated at most
_ROUNDS = 8  # of thinning: turns are counted anew after each, for a quarter's counts do not shrink evenly
_STEP = 0.98  # at most: close to FULL a quarter's counts may not shrink at all
_LEAST_STEP = 0.5
_MOST_STEP = 0.9  # of the trips stay after an hour that jams: about as many as arrived
_QUIETLY = ("--no-step-log", "--no-warnings", "--duration-log.statistics")  # the last for the means over all trips
_FEW = 10  # vehicles left are no jam, whatever free flow has
_LEAST_SHARE = 0.1  # of green in a cycle of two minutes, where clearances alone would fill it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Outcome of the trips that were drawn."""

    drawn: int
    kept: int
    busiest: str  # the signal that decides
    use_drawn: float  # its degree of use with all of them
    use_kept: float  # the busiest signal's with those that are left
    jam: str = ""  # what SUMO found when it drove the hour, in words

    @property
    def sentence(self) -> str:
        """Sentence that says how it was done; empty where all are kept."""
        reasons = [self.jam] if self.jam else []
        if self.use_drawn > FULL:
            reasons.insert(
                0,
                f"with all of them signal {self.busiest} would be used to {self.use_drawn:.0%} of what it can carry",
            )
        if self.kept < self.drawn:
            now = f"with these the busiest signal is used to {self.use_kept:.0%}"
            return f"{self.kept} of {self.drawn} random trips kept: {', '.join([*reasons, now])}"
        return self.jam


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandOutcome:
    """Outcome of the vehicles of an hour."""

    loaded: int
    arrived: int
    left: int  # under way or waiting to enter at the end
    free_s: float  # mean time that those who arrived would take at free flow
    horizon_s: float

    @property
    def flows(self) -> bool:
        """True if at the end not more are left than n (JAM t + RED_S) / T."""
        most = self.loaded * (JAM * self.free_s + RED_S) / self.horizon_s
        return self.arrived > 0 and self.left <= max(most, _FEW)


def drive(scenario: Scenario, routes_file: Path) -> DemandOutcome:
    """The scenario's time under the net's own programs, by SUMO itself; nobody is teleported.

    Raises:
        ScenarioError: SUMO refuses it or does not end.
    """
    with tempfile.TemporaryDirectory(prefix="leed-drive-") as name:
        folder = Path(name)
        net = readable_path(scenario.net_file.absolute(), folder / "net.net.xml")
        routes = readable_path(routes_file.absolute(), folder / "trips.rou.xml")
        options = [
            f"--net-file={net}",
            f"--route-files={routes}",
            f"--begin={scenario.begin_s}",
            f"--end={scenario.end_s}",
        ]
        options += [
            "--time-to-teleport=-1",
            "--max-depart-delay=-1",
            "--collision.action=none",
            "--xml-validation=never",
        ]
        run_tool("sumo", [*options, "--seed=1", *_QUIETLY, "--statistic-output=statistics.xml"], folder)
        counts = ET.parse(folder / "statistics.xml").getroot()
    vehicles = counts.find("vehicles")
    trips = counts.find("vehicleTripStatistics")
    if vehicles is None or trips is None:
        raise ScenarioError("SUMO's statistics are incomplete; need SUMO 1.28 or newer")
    loaded = int(vehicles.get("loaded", 0))
    left = int(vehicles.get("running", 0)) + int(vehicles.get("waiting", 0))
    return DemandOutcome(
        loaded=max(loaded, 1),
        arrived=loaded - left,
        left=left,
        free_s=max(0.0, float(trips.get("duration", 0)) - float(trips.get("timeLoss", 0))),
        horizon_s=scenario.end_s - scenario.begin_s,
    )


def fit_to_net(scenario: Scenario, network: Network, routes_file: Path) -> Fitted:
    """Thin out the vehicles of the scenario's one route file, in place, until no signal is over FULL and the hour flows.

    The same file and SUMO version give the same bytes.

    Raises:
        ScenarioError: the net cannot be read.
    """
    trips = _Trips(scenario, routes_file)
    use_drawn, busiest = use = _busiest(scenario, network)
    for _ in range(_ROUNDS):
        if use[0] <= FULL:
            break
        trips.keep(min(FULL / use[0], _STEP))
        use = _busiest(scenario, network)
    jam = trips.thin_out_until_they_flow()
    return Fitted(
        drawn=len(trips.drawn),
        kept=len(trips.kept),
        busiest=busiest,
        use_drawn=use_drawn,
        use_kept=_busiest(scenario, network)[0],
        jam=jam,
    )


class _Trips:
    """The vehicles of a route file, and those of them that are kept in it."""

    def __init__(self, scenario: Scenario, routes_file: Path) -> None:
        self._scenario = scenario
        self._file = routes_file
        self._share = 1.0
        self.drawn = self.kept = list(ET.parse(routes_file).getroot())

    def keep(self, share: float) -> None:
        """Keep only a share of those that are left, spread evenly over all that were drawn."""
        self._share *= share
        self.kept = [v for k, v in enumerate(self.drawn) if int((k + 1) * self._share) > int(k * self._share)]
        root = ET.Element("routes")
        root.extend(self.kept)
        write_xml(self._file, root)

    def thin_out_until_they_flow(self) -> str:
        """Drive the hour, and with fewer where it jams; return in words what came of it, empty where it flowed at once."""
        found = ""
        for _ in range(_DRIVES):
            try:
                outcome = drive(self._scenario, self._file)
            except ScenarioError as err:
                return f"not driven to see whether it flows ({err})"
            if outcome.flows:
                return found
            found = "with more the streets jam under the net's own programs"
            self.keep(min(max(outcome.arrived / outcome.loaded, _LEAST_STEP), _MOST_STEP))
        return (
            f"the streets jammed under the net's own programs in {_DRIVES} hours with ever fewer, and may still do"
        )


def _busiest(scenario: Scenario, network: Network) -> tuple[float, str]:
    """The highest degree of use, and whose it is."""
    timings = [derive_timing(intersection) for intersection in network.intersections]
    counts = count_turns(scenario, network, timings, [0], period_starts(scenario.end_s - scenario.begin_s))
    return max((_use(counted), counted.intersection.id) for counted in counts)


def _use(counted: TurningCounts) -> float:
    y = max(sum(flow_ratios(counted, period)) for period in range(len(counted.period_starts_s)))
    return y / max(1.0 - lost_time(counted.timing) / CYCLE_MAX_S, _LEAST_SHARE)
