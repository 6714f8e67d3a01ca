"""The event log of a real run, read by the package `atspm`; beside it the same figures from what SUMO itself wrote down."""

import time
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.logs.actuations import channels_of
from leed_traffic.serve.logs.phases import phases_of
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.score.audit import read_runs
from tests.serve.bundles import crossing

pytestmark = [pytest.mark.sumo, pytest.mark.filterwarnings("ignore")]  # pandas and ibis warn of each other
END_S = 1800
STEP_S = 1.0  # the letters that SUMO records for step t rule the movement that its loops date between t - 1 and t
RED_S, FULL = 5, 0.8  # split failure: zone occupied for 80 % of the green and of the first 5 s of red
SHARES = {"red_occupancy_threshold": FULL, "green_occupancy_threshold": FULL}
SPLIT = {
    "red_time": RED_S,
    "by_approach": True,
    "by_cycle": True,
    **SHARES,
}  # a phase's zones together: on if any is
PHASES = {p.number: p.links[0] for p in phases_of(crossing()[0]) if not p.is_walk}


@pytest.fixture(scope="module")
def atspm():
    return pytest.importorskip("atspm", reason="needs the package atspm: pip install '.[dev]'")


@pytest.fixture
def run(crossing_bundle, start_sumo, tmp_path):
    """Half an hour of the crossing with loops and zones of SUMO's own at the same places; folder of the logs, SUMO's record."""
    loops = tmp_path / "loops.add.xml"
    lines = []
    for c in channels_of(crossing()[0]):
        if c.function == "Advance":
            where = f'lane="{c.lane}" pos="{c.from_m}" file="{tmp_path}/loops.xml"'
            lines.append(f'<instantInductionLoop id="{c.number}" {where}/>')
        else:
            where = f'lane="{c.lane}" pos="{c.from_m}" endPos="-0.01" period="1" file="{tmp_path}/zones.xml"'
            lines.append(f'<laneAreaDetector id="{c.number}" {where}/>')
    loops.write_text(f"<additional>{''.join(lines)}</additional>")
    sumo = start_sumo("--end", str(END_S), demand_until_s=float(END_S), additional=[loops])
    config = ServeConfig(bundle=crossing_bundle, port=sumo.port, events=tmp_path / "logs")
    summary = serve(config, clock=time.perf_counter, stop=StopRequest())
    assert summary.violations == []
    assert sumo.process.wait(20.0) == 0
    return tmp_path, summary, read_runs(sumo.record)["C"]


def greens(runs, phase):
    """(begin, end) of each green of a phase by SUMO's record, our program or not."""
    found = []
    for shown in runs:
        if shown.state[PHASES[phase]] in "Gg":
            if found and found[-1][1] == shown.begin_s:
                found[-1][1] = shown.end_s
            else:
                found.append([shown.begin_s, shown.end_s])
    return found


def measure(atspm, events, detectors):
    aggregations = [
        {"name": "terminations", "params": {}},
        {"name": "split_failures", "params": SPLIT},
        {"name": "arrival_on_green", "params": {"latency_offset_seconds": 0}},
    ]
    with atspm.SignalDataProcessor(
        raw_data=str(events), detector_config=str(detectors), bin_size=15, verbose=0, aggregations=aggregations
    ) as processor:
        processor.load()
        processor.aggregate()
        tables = {
            name: processor.conn.query(f"SELECT * FROM {name}").df() for name in (a["name"] for a in aggregations)
        }
        return {name: sorted(table.to_dict("records"), key=str) for name, table in tables.items()}


def test_what_atspm_makes_of_the_log_agrees_with_what_sumo_wrote_down(atspm, run):
    folder, summary, runs = run
    logs = folder / "logs"
    found = measure(atspm, logs / "events.parquet", logs / "detectors.csv")
    assert found == measure(atspm, logs / "events.csv", logs / "detectors.csv")
    check_terminations(found["terminations"], summary, runs)
    check_arrivals_on_green(found["arrival_on_green"], folder, runs)
    check_split_failures(found["split_failures"], folder, runs)


def check_terminations(rows, summary, runs):
    """Every green that ended under our program was ended by a command, and is told as one."""
    told = Counter()
    for row in rows:
        assert row["PerformanceMeasure"] in ("ForceOff", "MaxOut")
        told[row["Phase"]] += row["Total"]
    begin_s = next(shown.begin_s for shown in runs if is_marked(shown.program))
    ended = {phase: sum(begin_s < end_s < END_S - 1 for _, end_s in greens(runs, phase)) for phase in PHASES}
    assert told == ended
    assert sum(ended.values()) > 60


def check_arrivals_on_green(rows, folder, runs):
    """Loops of SUMO's own, exact to the hundredth of a second, and SUMO's record of the letters."""
    arrivals, on_green = Counter(), Counter()
    for row in rows:
        arrivals[row["Phase"]] += row["Total_Actuations"]
        on_green[row["Phase"]] += round(row["Total_Actuations"] * row["Percent_AOG"])
    phase_of = {str(c.number): c.phase for c in channels_of(crossing()[0])}
    expected, expected_on_green = Counter(), Counter()
    for item in ET.parse(folder / "loops.xml").getroot().iter("instantOut"):
        if item.get("state") == "enter":
            phase, time_s = phase_of[item.get("id")], float(item.get("time")) + STEP_S
            expected[phase] += 1
            expected_on_green[phase] += any(begin_s <= time_s < end_s for begin_s, end_s in greens(runs, phase))
    assert sum(expected.values()) > 500
    for phase in PHASES:  # each lane change beside a loop makes a difference of one
        assert abs(arrivals[phase] - expected[phase]) <= max(2, 0.02 * expected[phase]), (
            phase,
            arrivals,
            expected,
        )
        assert abs(on_green[phase] - expected_on_green[phase]) <= max(2, 0.02 * expected[phase])


def check_split_failures(rows, folder, runs):
    """Zones of SUMO's own, second by second, and the same two shares."""
    phase_of = {str(c.number): c.phase for c in channels_of(crossing()[0])}
    occupied = {phase: set() for phase in PHASES}
    for item in ET.parse(folder / "zones.xml").getroot().iter("interval"):
        if float(item.get("meanOccupancy")) > 0.0:
            occupied[phase_of[item.get("id")]].add(round(float(item.get("begin"))))
    told, cycles = Counter(row["Phase"] for row in rows), Counter()
    failures, expected = Counter({row["Phase"]: 0 for row in rows}), Counter()
    for row in rows:
        failures[row["Phase"]] += row["Split_Failure"]
    for phase, link in PHASES.items():
        for begin_s, end_s in greens(runs, phase):
            red_s = next((run.begin_s for run in runs if run.begin_s >= end_s and run.state[link] in "rs"), END_S)
            if red_s + RED_S < END_S:
                shares = share(occupied[phase], begin_s, end_s), share(occupied[phase], red_s, red_s + RED_S)
                expected[phase] += min(shares) >= FULL
                cycles[phase] += 1
    for phase in PHASES:  # cycles that began before the first actuation are left out
        assert cycles[phase] - 3 <= told[phase] <= cycles[phase]
        assert abs(failures[phase] - expected[phase]) <= 2, (phase, failures, expected)
    assert sum(failures.values()) > 10


def share(seconds, begin_s, end_s):
    """Of an interval, in which the zone was occupied."""
    return sum(second in seconds for second in range(round(begin_s), round(end_s))) / max(1.0, end_s - begin_s)
