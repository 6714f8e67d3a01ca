"""Exercise on the event log: every green, yellow and red clearance that it tells of, against SUMO's own record."""

import csv
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from leed_traffic.drill.rig.place import sumo, wait_for_end, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.logs.events import EVENTS_NAME, PARQUET_NAME, Event
from leed_traffic.serve.logs.phases import Phase, phases_of
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.score.audit import StateRun

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001, RUF100 - the device's clock has no zone
_BEGINS = {Event.BEGIN_GREEN: "Gg", Event.BEGIN_YELLOW: "y", Event.BEGIN_RED_CLEARANCE: "rs"}

Row = tuple[float, int, int]  # second, event, parameter


def events_agree(setting: DrillSetting) -> Finding:
    """The crossing for a while; CSV and Parquet hold the same, and both what SUMO wrote down."""
    place = setting.crossing
    logs = setting.crossing.folder / "logs"
    record = place.folder / "events"
    with sumo(place, record) as (port, server):
        config = ServeConfig(
            bundle=place.bundle.path, port=port, until_s=float(setting.many(600, 3000)), events=logs
        )
        outcome = watch(
            lambda: serve(config, clock=time.perf_counter, stop=StopRequest()), server.kill, hang_s=600.0
        )
        wait_for_end(server)
    if outcome.summary is None:
        return Finding(count=0, faults=[f"ended with {outcome.error}"], detail="")
    told = _read_csv(logs / EVENTS_NAME)
    faults = []
    if told != _read_parquet(logs / PARQUET_NAME):
        faults.append(f"{PARQUET_NAME} and {EVENTS_NAME} differ")
    (intersection,) = place.network.intersections
    end_s = outcome.summary.end_s
    for phase in phases_of(intersection):
        if not phase.is_walk:
            faults += _compare(told, phase, place.runs(record)[intersection.id], end_s)
    codes = {event for _, event, _ in told}
    detail = f"events of {len(codes)} codes, {sum(event in (81, 82) for _, event, _ in told)} of them of detectors; no second apart"
    return Finding(count=len(told), faults=faults, detail=detail)


def _compare(told: Sequence[Row], phase: Phase, runs: Sequence[StateRun], end_s: float) -> list[str]:
    """Differences: what the log says of a phase and SUMO does not, or the other way round; the last second is not whole."""
    faults = []
    link = phase.links[0]
    for event, letters in _BEGINS.items():
        logged = {
            at_s for at_s, code, number in told if code == event and number == phase.number and at_s < end_s - 1.0
        }
        shown = {
            run.begin_s
            for before, run in zip([None, *runs], runs, strict=False)
            if run.state[link] in letters
            and run.begin_s < end_s - 1.0
            and (before is None or before.state[link] not in letters)
        }
        shown = {
            at_s for at_s in shown if at_s > 0.0 or event is not Event.BEGIN_RED_CLEARANCE
        }  # red at the first look
        if logged != shown:
            faults.append(f"phase {phase.number}, {event.name.lower()}: apart at {sorted(logged ^ shown)[:3]} s")
    return faults


def _read_csv(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [(_seconds(datetime.fromisoformat(row[0])), int(row[2]), int(row[3])) for row in rows]


def _read_parquet(path: Path) -> list[Row]:
    columns = pq.read_table(path, columns=["TimeStamp", "EventId", "Parameter"]).to_pydict()
    return [(_seconds(at), event, number) for at, event, number in zip(*columns.values(), strict=True)]


def _seconds(at: datetime) -> float:
    return (at - _EPOCH).total_seconds()
