"""Vehicles that a scenario names and that can never depart: found by SUMO's own router, without simulating."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.simulation.score.trip_records import read_demand
from leed_traffic.simulation.sumo.additional_files import silenced
from leed_traffic.simulation.sumo.tools import run_tool

OUT_OF_ORDER = "the route file is not sorted by departure, and SUMO ignores whoever it names late (tools/route/sort_routes.py)"
SHOWN = 3  # names given as examples of each reason
_NAME = "'(?P<id>[^']*)'"
_FAULTS = {  # the reason in our words: what duarouter says
    "names an unknown edge": re.compile(rf"[Tt]he edge '[^']*' within the route for \w+ {_NAME} is not known"),
    "names an unknown route": re.compile(rf"The route of the vehicle {_NAME} is not known"),
    "names an unknown vehicle type": re.compile(rf"The vehicle type '[^']*' for vehicle {_NAME} is not known"),
    "uses an edge closed to its class": re.compile(
        rf"Vehicle {_NAME} is not (?:allowed to depart|permitted) on [Ee]dge"
    ),
    "has no way from its start to its end": re.compile(rf"The (?:vehicle|person) {_NAME} has no valid route"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverDeparts:
    """One reason, and whom it concerns."""

    reason: str
    vehicles: int
    examples: tuple[str, ...]


def find_never_departing(scenario: Scenario) -> tuple[NeverDeparts, ...]:
    """Everybody in the route files who cannot set out within the scenario's hour, by reason.

    Raises:
        ScenarioError: SUMO's router is missing, or a file cannot be read at all.
    """
    if scenario.demand is not None or not scenario.route_files:
        return ()
    reasons: dict[str, str] = {}
    for line in _router_says(scenario):
        for reason, pattern in _FAULTS.items():
            if found := pattern.search(line):
                reasons.setdefault(found["id"], reason)
    demand = read_demand(scenario.route_files, scenario.additional_files, begin_s=scenario.begin_s)
    reasons |= dict.fromkeys(demand.out_of_order, OUT_OF_ORDER)
    for name, (depart_s, _) in demand.vehicles.items():
        if depart_s >= scenario.end_s:
            reasons[name] = "departs after the end"
        elif depart_s < scenario.begin_s:
            reasons[name] = "departs before the begin"
    return tuple(
        NeverDeparts(reason=reason, vehicles=len(names), examples=tuple(names[:SHOWN]))
        for reason in sorted(set(reasons.values()))
        for names in [[name for name, why in reasons.items() if why == reason]]
    )


def _router_says(scenario: Scenario) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="leed-routes-") as name:
        folder = Path(name)
        files, route_files = silenced(scenario, scenario.route_files, folder, has_programs=False)
        options = [f"--net-file={files.net_file.absolute()}", f"--route-files={_list(route_files)}"]
        options += [f"--additional-files={_list(files.additional_files)}"] if files.additional_files else []
        options += [f"--begin={scenario.begin_s:g}", f"--end={scenario.end_s:g}", "--output-file=routed.xml"]
        options += [
            "--ignore-errors",
            "--unsorted-input",
            "--skip-new-routes",
            "--no-step-log",
            "--xml-validation=never",
        ]
        yield from run_tool("duarouter", options, folder).splitlines()


def _list(files: Iterable[Path]) -> str:
    return ",".join(str(file.absolute()) for file in files)
