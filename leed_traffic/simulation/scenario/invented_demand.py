"""Traffic for a net that nobody has counted: random trips, named for what they are."""

import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.streets import StreetNet, read_streets
from leed_traffic.simulation.sumo.additional_files import readable_path
from leed_traffic.simulation.sumo.tools import run_script, write_xml

INVENTED_NAME = "invented.rou.xml"
PER_RIM_LANE_VEHPH = 180.0  # veh/h and lane that enters at the rim: about a third of what a signal passes there
LEAST_VEHPH = 360.0
MOST_VEHPH = 20_000.0
MIN_DISTANCE_M = 100.0  # m as the crow flies: shorter trips pass no signal
FRINGE_FACTOR = 10.0  # times as likely at the rim: most of a district's traffic passes through


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Number of random trips, and their times."""

    begin_s: float
    end_s: float
    seed: int
    per_hour: float | None = None  # None: from the lanes that enter at the rim; see `fitted_demand`, too


def invent_demand(net_file: Path, routes_file: Path, trips: Trips) -> int:
    """Write random trips with their routes; return how many.

    The same net, seed and SUMO version give the same bytes.

    Raises:
        ScenarioError: SUMO's tools are missing, or no two streets of the net are connected.
    """
    streets = read_streets(net_file)
    per_hour = rim_vehph(streets) if trips.per_hour is None else trips.per_hour
    with tempfile.TemporaryDirectory(prefix="leed-trips-") as name:
        folder = Path(name)
        draw_trips(net_file, folder, trips, per_hour, min_distance_m=min(MIN_DISTANCE_M, streets.extent_m / 3.0))
        vehicles = sorted(
            ET.parse(folder / "routes.xml").getroot().iter("vehicle"), key=lambda v: float(v.get("depart", 0))
        )
    if not vehicles:
        raise ScenarioError(f"{net_file}: no trip found a way through the net; give routes or counts")
    root = ET.Element("routes")
    for k, vehicle in enumerate(vehicles):
        vehicle.set("id", f"invented{k}")
        root.append(vehicle)
    write_xml(routes_file, root)
    return len(vehicles)


def draw_trips(net_file: Path, folder: Path, trips: Trips, per_hour: float, *, min_distance_m: float) -> None:
    """Leave `routes.xml` in a folder: trips between random streets, most from rim to rim, on shortest ways.

    Raises:
        ScenarioError: SUMO's tools are missing, or no two streets of the net are connected.
    """
    net = readable_path(net_file.absolute(), folder / "net.net.xml")
    options = ["--net-file", str(net), "--output-trip-file", "trips.xml", "--route-file", "routes.xml"]
    options += ["--begin", f"{trips.begin_s:g}", "--end", f"{trips.end_s:g}", "--seed", str(trips.seed)]
    options += ["--insertion-rate", f"{per_hour:g}", "--random-depart", "--fringe-factor", f"{FRINGE_FACTOR:g}"]
    options += ["--min-distance", f"{min_distance_m:g}", "--edge-permission", "passenger"]
    options += [
        "--trip-attributes",
        'departLane="best" departSpeed="max"',
        "--threads",
        "1",
        "--min-success-rate",
        "0.01",
    ]
    try:
        run_script("randomTrips.py", options, folder)
        if not (folder / "routes.xml").is_file():
            raise ScenarioError("no trip found a way")
    except ScenarioError as err:
        raise ScenarioError(f"{net_file}: random trips cannot be made: {err}; give routes or counts") from err


def rim_vehph(streets: StreetNet) -> float:
    """A moderate volume for a net, in veh/h: so many for every lane for cars that enters at its rim."""
    n_lanes = sum(lane.permits("passenger") for edge in streets.rim() for lane in streets.by_id[edge].lanes)
    return min(max(PER_RIM_LANE_VEHPH * n_lanes, LEAST_VEHPH), MOST_VEHPH)
