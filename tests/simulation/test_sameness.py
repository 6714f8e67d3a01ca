"""The same inputs give the same result, whatever this process simulated, allocated or freed before."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import leed_traffic
from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.errors import WorkerError
from leed_traffic.simulation.pool import WorkerPool
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


def make_holes(rng: np.random.Generator) -> list[bytes]:
    """Leave the heap as a program does that ran for a while; it stays so as long as the result is kept."""
    blocks = [bytes(int(size)) for size in rng.integers(400, 3000, 20_000)]
    rng.shuffle(blocks)
    return blocks[::2]


def test_a_run_repeats_after_other_runs_and_other_work_in_the_same_process(carriageways, tmp_path):
    rng, kept, trips = np.random.default_rng(1), [], []
    for k in range(4):
        trips.append(drive(carriageways, Job(7, tmp_path / f"a{k}")))
        kept = make_holes(rng)
        drive(carriageways, Job(8, tmp_path / f"b{k}"))
    assert kept
    assert trips[1:] == trips[:1] * 3


def test_a_task_of_a_pool_and_a_simulation_of_its_own_agree(carriageways, tmp_path):
    alone = drive(carriageways, Job(7, tmp_path / "alone"))
    kept = make_holes(np.random.default_rng(2))
    with WorkerPool(1) as pool:
        pooled = pool.run(partial(drive, carriageways), [Job(8, tmp_path / "p8"), Job(7, tmp_path / "p7")])
    assert kept
    assert (
        pooled[1] == alone
    )  # not plain SUMO's: its heap holds other things besides, and so its junctions other orders


def test_a_time_out_that_a_program_has_set_for_its_sockets_ends_no_simulation(carriageways, tmp_path):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        limited = drive(carriageways, Job(7, tmp_path / "limited"))
    finally:
        socket.setdefaulttimeout(before)
    assert limited == drive(carriageways, Job(7, tmp_path / "free"))


def twice(scenario: Scenario, folder: Path) -> list[str]:
    return [drive(scenario, Job(7, folder / name)) for name in ("first", "second")]


def test_a_second_simulation_of_a_task_is_as_the_first(carriageways, tmp_path):
    with WorkerPool(1) as pool:
        ((first, second),) = pool.run(partial(twice, carriageways), [tmp_path])
    assert first == second


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


@contextlib.contextmanager
def ended(process):
    """Whatever fails meanwhile: the process is killed before anybody waits for it."""
    try:
        yield
    finally:
        process.kill()


PROGRAM = """
import sys, time
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.sumo.engine import Engine
scenario = load_scenario(sys.argv[1])
engine = Engine()
engine.start(scenario, seed=1, route_files=scenario.route_files)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind_by_a_process_that_is_ended(carriageways, number):
    town = str(carriageways.net_file.parent)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, town], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as program, ended(program):  # fmt: skip
        assert program.stdout.readline() == "ready\n"
        left = children(program.pid)
        assert len(left) == 2
        program.send_signal(number)
        program.wait(20)
    for _ in range(100):
        left = [pid for pid in left if is_alive(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_whoever_runs_a_script_from_its_input_simulates_with_the_code_that_it_imported(tmp_path):
    """There the folder of the process, named by an empty word, is where modules are found first."""
    (tmp_path / "leed_traffic").symlink_to(Path(leed_traffic.__file__).parent)
    script = (
        "from leed_traffic.simulation.sumo.copies import Template\n"
        "import leed_traffic\n"
        "copy = Template().copy()\n"
        "copy.send((eval, \"__import__('leed_traffic').__file__\"))\n"
        "print(leed_traffic.__file__ == copy.recv())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, "-"],
        input=script,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.split()[-1:] == ["True"], ran.stderr


UNFINISHED = """
import sys, time, tempfile
from pathlib import Path
from leed_traffic.simulation.pool import WorkerPool
from tests.simulation.test_sameness import write_and_stay
with WorkerPool(1) as pool:
    pool.run(write_and_stay, [Path(sys.argv[1])])
"""


def write_and_stay(ready: Path) -> None:
    """A task in the middle of its work, with files of its own."""
    Path(tempfile.mkdtemp(prefix="leed-evaluate-"), "trips.xml").write_text("half")
    ready.touch()
    time.sleep(600)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_folder_is_left_behind_by_an_interrupted_task(tmp_path, number):
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", UNFINISHED, str(tmp_path / "ready")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process, ended(process):
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        process.wait(30)
    for _ in range(200):
        if not list((tmp_path / "tmp").iterdir()):
            break
        time.sleep(0.05)
    assert list((tmp_path / "tmp").iterdir()) == []
