"""Two controllers beside one SUMO: one leaves, is killed or freezes; what becomes of the other, and of the street."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from leed_traffic.drill.rig.place import Place, ServeOutcome, make_place, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import DeviceError, ExitCode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, connect_traci, serve
from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server

DEADLINE_S = 12.0  # for an answer: how long a neighbour that freezes may hold the street up
LEAVE_AT_S = 60.0  # of simulated time
UNTIL_S = 150.0
_SERVE = "from leed_traffic.cli.main import run; run()"


def neighbours(setting: DrillSetting) -> Finding:
    """Each way to leave, on arterial5: two signals each side, one at the other."""
    folder = setting.crossing.folder / "beside"
    place = make_place("arterial5", folder, seed=setting.seed, seconds=300.0)
    faults = []
    count = 0
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        for _ in range(setting.many(1, 10)):
            count += 1
            outcome, code = leave_beside(place, folder / "record", number)
            faults += [f"{number.name}: {fault}" for fault in judge(outcome, code, number)]
            unsafe = place.unsafe_changes(folder / "record")
            faults += [f"{number.name}: {unsafe} unsafe changes in SUMO's record"] if unsafe else []
    detail = "one leaves: its signals are handed back, the other drives on; killed or frozen: the other ends with exit code 5"
    return Finding(count=count, faults=faults, detail=detail)


def judge(outcome: ServeOutcome, code: int | None, number: signal.Signals) -> list[str]:
    """What is wrong with how the survivor fared.

    Args:
        outcome: of the survivor.
        code: exit code of the one that left.
        number: how it left.
    """
    if outcome.is_hung:
        return ["the other one hangs"]
    if number is signal.SIGTERM:
        summary = outcome.summary
        is_well = (
            summary is not None
            and summary.exit_code is ExitCode.OK
            and summary.end_s >= UNTIL_S
            and not summary.violations
        )
        return ([] if code == ExitCode.TERMINATED else [f"left with exit code {code}"]) + (
            [] if is_well else [f"the other one: {outcome.error or summary}"]
        )
    is_well = isinstance(outcome.error, DeviceError) and outcome.error.exit_code is ExitCode.BACKEND_LOST
    return [] if is_well else [f"the other one: {outcome.error or outcome.summary}, expected exit code 5"]


def leave_beside(place: Place, record: Path, number: signal.Signals) -> tuple[ServeOutcome, int | None]:
    """One controller in a process of its own gets a signal at 60 s; how the other one fares, and the exit code of the first."""
    ids = place.bundle.ids
    port = free_port()
    for old in record.glob("*.xml"):
        old.unlink()
    server = start_server(
        place.scenario, port=port, seed=7, route_files=place.route_files, record=record, audit=True, num_clients=2
    )
    words = [
        "serve",
        str(place.bundle.path),
        "--connect",
        f"127.0.0.1:{port}",
        "--order",
        "1",
        "--intersections",
        ",".join(ids[:2]),
    ]
    leaver = subprocess.Popen(
        [sys.executable, "-c", _SERVE, *words, "--state", str(record.parent / "state")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        if time_s == place.scenario.begin_s + LEAVE_AT_S:
            os.kill(leaver.pid, number)

    config = ServeConfig(
        bundle=place.bundle.path, port=port, order=2, intersections=tuple(ids[2:]), deadline_s=DEADLINE_S,
        until_s=place.scenario.begin_s + UNTIL_S,
    )  # fmt: skip
    try:
        outcome = watch(
            lambda: serve(
                config, clock=time.perf_counter, stop=StopRequest(), on_tick=on_tick, connect=connect_traci
            ),
            lambda: stop_server(server),
        )
        code = leaver.wait(30.0) if number is not signal.SIGSTOP else None
    finally:
        leaver.kill()
        leaver.wait()
        stop_server(server)
    return outcome, code
