import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.errors import WorkerError
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.importing import import_scenario
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import TRIPS_NAME
from tests.networks.dual_carriageways import build_dual_carriageways

pytestmark = pytest.mark.sumo


@dataclass(frozen=True)
class Job:
    seed: int
    record: Path


@pytest.fixture(scope="module")
def carriageways(tmp_path_factory):
    folder = tmp_path_factory.mktemp("carriageways")
    import_scenario(ImportConfig(source=build_dual_carriageways(folder), out=folder / "town"))
    return load_scenario(str(folder / "town"))


def drive(scenario: Scenario, job: Job) -> str:
    """Every trip of ten minutes under the net's own program."""
    engine = Engine()
    engine.start(scenario, seed=job.seed, route_files=scenario.route_files, record=job.record)
    engine.advance(scenario.end_s)
    engine.close()
    text = (job.record / TRIPS_NAME).read_text()
    return text[text.index("<tripinfos") :]


def test_a_time_out_that_a_program_has_set_for_its_sockets_ends_no_simulation(carriageways, tmp_path):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        limited = drive(carriageways, Job(7, tmp_path / "limited"))
    finally:
        socket.setdefaulttimeout(before)
    assert limited == drive(carriageways, Job(7, tmp_path / "free"))


def children(pid: int) -> list[int]:
    own = [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for word in (task / "children").read_text().split()
    ]
    return [*own, *(further for child in own for further in children(child))]


def test_a_killed_simulation_is_one_clear_error_and_the_next_one_starts(carriageways, tmp_path):
    engine, before = Engine(), set(children(os.getpid()))
    engine.start(carriageways, seed=7, route_files=carriageways.route_files)
    engine.advance(10.0)
    killed = max(set(children(os.getpid())) - before)  # the latest of them
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(WorkerError, match="the process of a simulation died"):
        engine.advance(20.0)
    engine.close()
    engine.start(carriageways, seed=7, route_files=carriageways.route_files)
    engine.advance(10.0)
    assert engine.time_s == 10.0
    engine.close()
