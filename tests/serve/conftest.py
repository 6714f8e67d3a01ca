import os
import socket
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.demand.demand import write_demand
from tests.serve.bundles import write_crossing_bundle

SUMO_VARIABLE = "LEED_SUMO_BINARY"  # a sumo of another environment


@dataclass
class Sumo:
    process: subprocess.Popen
    port: int
    record: Path
    options: tuple = field(default=())


def sumo_binary():
    if named := os.environ.get(SUMO_VARIABLE):
        return Path(named)
    sumo = pytest.importorskip("sumo", reason=f"needs SUMO: set {SUMO_VARIABLE} or install eclipse-sumo")
    return Path(sumo.SUMO_HOME) / "bin" / "sumo"


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start_sumo(tmp_path, free_port):
    """Starts a real SUMO on the crossing as TraCI server; gone after the test."""
    running = []

    def start(*options, seed=7, demand_until_s=3600.0, additional=()):
        scenario = replace(load_scenario("crossing"), end_s=demand_until_s)
        routes = write_demand(scenario, seed, tmp_path)
        binary, record = sumo_binary(), tmp_path / "states.xml"
        watch = tmp_path / "watch.add.xml"
        watch.write_text(f'<additional><timedEvent type="SaveTLSStates" dest="{record}"/></additional>')
        command = [str(binary), "--net-file", str(scenario.net_file), "--route-files", ",".join(map(str, routes))]
        command += ["--additional-files", ",".join(map(str, [*scenario.additional_files, *additional, watch]))]
        command += [
            "--seed",
            str(seed),
            "--time-to-teleport",
            "-1",
            "--max-depart-delay",
            "-1",
            "--no-step-log",
            "--no-warnings",
        ]
        command += ["--collision.check-junctions", "true", "--collision.action", "warn", "--duration-log.disable"]
        command += [*scenario.options, "--remote-port", str(free_port), *options]
        environment = os.environ | {"SUMO_HOME": str(binary.parent.parent)}
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
        )
        running.append(process)
        return Sumo(process=process, port=free_port, record=record)

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def crossing_bundle(tmp_path):
    return write_crossing_bundle(tmp_path / "bundle").path
