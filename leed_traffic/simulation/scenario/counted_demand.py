"""Traffic from turning counts: SUMO's routeSampler picks, from many possible ways through the net, those that meet the counts.

The counts are a CSV with a head, in any order of columns, others ignored:

| column | meaning |
|---|---|
| begin_s, end_s | the interval counted, in seconds of the scenario's clock |
| from_edge, to_edge | edges of the net that follow each other: one turn at one junction |
| vehicles | how many made the turn in the interval |
"""

import csv
import itertools
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.streets import StreetNet, read_streets
from leed_traffic.simulation.scenario.invented_demand import Trips, draw_trips
from leed_traffic.simulation.sumo.tools import run_script, write_xml

COUNTED_NAME = "counted.rou.xml"
COLUMNS = ("begin_s", "end_s", "from_edge", "to_edge", "vehicles")
WAYS_PER_EDGE = 40  # random ways that the sampler may choose from, for every edge of the net
GEH_OK = 5.0  # a count is met below this GEH statistic (UK DMRB, FHWA)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCount:
    """One line of the file."""

    begin_s: float
    end_s: float
    from_edge: str
    to_edge: str
    vehicles: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedDemand:
    """Demand that the sampler made of the counts."""

    vehicles: int
    begin_s: float
    end_s: float
    counts: int
    counts_met: int  # GEH below GEH_OK
    worst: str  # the count that is missed most, in words; empty where all are met exactly


def read_counts(path: Path, streets: StreetNet) -> tuple[TurnCount, ...]:
    """Read a file of turning counts and hold every line to the net.

    Raises:
        ScenarioError: the file cannot be read, lacks a column or a line, or a line names a turn that the net does
            not have.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise ScenarioError(
                    f"{path}: no column {', '.join(missing)}; need {','.join(COLUMNS)}, got {','.join(rows.fieldnames or ())}"
                )
            counts = tuple(_count(row, f"{path} line {rows.line_num}", streets) for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise ScenarioError(f"{path}: cannot be read as CSV ({err})") from err
    if not any(count.vehicles > 0 for count in counts):
        raise ScenarioError(f"{path}: counts no vehicle; need at least one line with vehicles > 0")
    return counts


def sample_demand(net_file: Path, counts: Sequence[TurnCount], routes_file: Path, *, seed: int) -> CountedDemand:
    """Write vehicles whose turns meet the counts as well as the sampler can.

    Raises:
        ScenarioError: SUMO's tools are missing, or no way through the net makes a counted turn.
    """
    streets = read_streets(net_file)
    begin_s = min(count.begin_s for count in counts)
    end_s = max(count.end_s for count in counts)
    with tempfile.TemporaryDirectory(prefix="leed-counts-") as name:
        folder = Path(name)
        hour = Trips(begin_s=0.0, end_s=3600.0, seed=seed)
        draw_trips(net_file, folder, hour, min(20_000.0, WAYS_PER_EDGE * len(streets.by_id)), min_distance_m=0.0)
        write_xml(folder / "turns.xml", _turns(counts))
        options = ["--route-files", "routes.xml", "--turn-files", "turns.xml", "--output-file", "sampled.xml"]
        options += ["--seed", str(seed), "--begin", f"{begin_s:g}", "--end", f"{end_s:g}", "--threads", "1"]
        run_script("routeSampler.py", [*options, "--attributes", 'departLane="best" departSpeed="max"'], folder)
        vehicles = list(ET.parse(folder / "sampled.xml").getroot().iter("vehicle"))
    if not vehicles:
        raise ScenarioError(f"{net_file}: no way through the net makes a counted turn; check the counts' edges")
    root = ET.Element("routes")
    for k, vehicle in enumerate(vehicles):
        vehicle.set("id", f"counted{k}")
        root.append(vehicle)
    write_xml(routes_file, root)
    return _compared(counts, vehicles, begin_s, end_s)


def _count(row: Mapping[str, str | None], where: str, streets: StreetNet) -> TurnCount:
    numbers = {}
    for name in ("begin_s", "end_s", "vehicles"):
        try:
            numbers[name] = float(row[name] or "")
        except ValueError as err:
            raise ScenarioError(f"{where}: {name} is {row[name]!r}, expected a number") from err
    a, b = (str(row[name] or "") for name in ("from_edge", "to_edge"))
    if not 0.0 <= numbers["begin_s"] < numbers["end_s"] or not 0.0 <= numbers["vehicles"] < float("inf"):
        raise ScenarioError(
            f"{where}: need 0 <= begin_s < end_s and vehicles >= 0, got {', '.join(map(str, row.values()))}"
        )
    for edge in (a, b):
        if edge not in streets.by_id:
            raise ScenarioError(
                f"{where}: the net has no edge {edge!r}; `leedctl scenario check --json` lists the movements"
            )
    if (a, b) not in streets.connections:
        onward = ", ".join(sorted(after for before, after in streets.connections if before == a)) or "nowhere"
        raise ScenarioError(f"{where}: the net leads from {a} not to {b} but to {onward}")
    return TurnCount(from_edge=a, to_edge=b, **numbers)


def _turns(counts: Sequence[TurnCount]) -> ET.Element:
    """SUMO's own form of the counts, an interval each."""
    root = ET.Element("data")
    for begin_s, end_s in sorted({(count.begin_s, count.end_s) for count in counts}):
        span = ET.SubElement(root, "interval", id="counts", begin=f"{begin_s:g}", end=f"{end_s:g}")
        for count in counts:
            if (count.begin_s, count.end_s) == (begin_s, end_s):
                turn = {"from": count.from_edge, "to": count.to_edge, "count": f"{count.vehicles:g}"}
                ET.SubElement(span, "edgeRelation", turn)
    return root


def _compared(
    counts: Sequence[TurnCount], vehicles: Sequence[ET.Element], begin_s: float, end_s: float
) -> CountedDemand:
    """Held beside the counts: GEH = sqrt(2 (m - c)^2 / (m + c)) of hourly volumes m (made) and c (counted)."""
    made: dict[tuple[str, str], list[float]] = {}
    for vehicle in vehicles:
        route = vehicle.find("route")
        edges = (route.get("edges", "") if route is not None else "").split()
        for pair in itertools.pairwise(edges):
            made.setdefault(pair, []).append(float(vehicle.get("depart", 0)))
    misses = []
    for count in counts:
        departs_s = made.get((count.from_edge, count.to_edge), ())
        n = sum(count.begin_s <= depart_s < count.end_s for depart_s in departs_s)
        per_hour = 3600.0 / (count.end_s - count.begin_s)
        m = n * per_hour
        c = count.vehicles * per_hour
        geh = (2.0 * (m - c) ** 2 / (m + c)) ** 0.5 if m + c else 0.0
        misses.append(
            (geh, f"{count.from_edge} to {count.to_edge} from {count.begin_s:g} s: {n} made of {count.vehicles:g}")
        )
    worst_geh, worst = max(misses)
    return CountedDemand(
        vehicles=len(vehicles),
        begin_s=begin_s,
        end_s=end_s,
        counts=len(counts),
        counts_met=sum(geh < GEH_OK for geh, _ in misses),
        worst=worst if worst_geh > 0.0 else "",
    )
