import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import leed_traffic
from tests.simulation.carriageways import children

pytestmark = pytest.mark.sumo


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
