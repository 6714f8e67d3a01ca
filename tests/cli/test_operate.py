"""Orders to a controller in a process of its own, and what it leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.operations.channel import CommandReply, listening
from leed_traffic.serve.operations.status import StatusBoard, status_document
from tests.serve.bundles import write_crossing_bundle
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.operations.test_status import blind
from tests.serve.test_run import fake

LEEDCTL = [sys.executable, "-c", "from leed_traffic.cli.main import run; run()"]
ARTERIAL = Path(__file__).parents[2] / "models" / "arterial5"


def leedctl(*words):
    done = subprocess.run([*LEEDCTL, *map(str, words)], capture_output=True, text=True, timeout=120.0, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def place():
    """Bundles, state and logs."""
    with tempfile.TemporaryDirectory(prefix="leed-") as folder:
        yield Path(folder)


@pytest.fixture
def controller(place):
    pytest.importorskip("sumo", reason="needs SUMO")
    write_crossing_bundle(place / "a")
    words = [
        "serve",
        place / "a",
        "--scenario",
        "crossing",
        "--state",
        place / "state",
        "--events",
        place / "logs",
        "--json",
    ]
    with (place / "err.txt").open("w") as errors:
        process = subprocess.Popen(
            [*LEEDCTL, *map(str, words), "--realtime"], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    give_up_s = time.monotonic() + 60.0
    while leedctl("status", "--state", place / "state")[0] != 0:
        assert process.poll() is None, (place / "err.txt").read_text()
        assert time.monotonic() < give_up_s, "the controller does not come up"
    yield process
    process.kill()
    process.communicate()


def another_bundle(place):
    weights = np.zeros((write_crossing_bundle(place / "x").specs[0].size, 4), dtype=np.float32)
    weights[-4:] = np.eye(4) * 2.0
    return write_crossing_bundle(place / "b", weights)


@pytest.mark.parametrize(("device", "says_so"), [(fake, False), (blind, True)])
def test_status_says_where_no_clearance_is_extended(place, device, says_so):
    board = StatusBoard()
    drive_watched(write_crossing_bundle(place / "a").path, board, device=device(), until_s=20.0)
    status = status_document.dump_python(board.latest, mode="json")
    (place / "state").mkdir()
    with listening(place / "state", lambda line, who: CommandReply(exit_code=ExitCode.OK, said="", status=status)):
        code, out, _ = leedctl("status", "--state", place / "state")
    assert (code, "hand back" in out) == (0, True)
    assert ("no clearance is extended at C: nothing there sees inside the junction" in out) == says_so


@pytest.mark.slow
@pytest.mark.sumo
def test_a_person_reloads_refuses_rolls_back_changes_the_mode_and_replays(controller, place):
    state = ("--state", place / "state")
    second = another_bundle(place)
    code, out, _ = leedctl("reload", second.path, *state, "--wait", "100", "--json")
    assert code == 0, out
    reloaded = json.loads(out)
    assert reloaded["has_moved"] is True
    assert reloaded["status"]["bundle"] == second.digest
    assert reloaded["status"]["is_on_probation"] is True
    code, _, err = leedctl("reload", ARTERIAL, *state)
    assert (code, err.count("\n")) == (4, 1)
    assert "made for intersection C" in err or "made for intersection" in err
    victim = next((shutil.copytree(second.path, place / "altered")).glob("*/policy.onnx"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"\0")
    code, _, err = leedctl("reload", place / "altered", *state)
    assert code == 3
    assert "altered" in err
    assert json.loads(leedctl("status", *state, "--json")[1])["bundle"] == second.digest, "the old one runs on"
    code, out, _ = leedctl("mode", "shadow", *state)
    assert (code, out) == (0, "mode shadow; 1 signals are handed back\n")
    assert leedctl("reload", "--rollback", *state)[0] == 0
    assert leedctl("reload", "--rollback", *state)[0] == 2
    assert "shadow" in leedctl("status", *state)[1]
    controller.send_signal(signal.SIGTERM)
    out, _ = controller.communicate(timeout=60.0)
    summary = json.loads(out)
    assert controller.returncode == 143
    assert (summary["violations"], summary["steps"]["complete"], summary["control"]) == ([], 2, "shadow")
    assert leedctl("status", *state)[0] == 2
    code, out, _ = leedctl("replay", place / "logs", place / "a", second.path)
    assert (code, out.endswith("0 differ\n")) == (0, True)
    assert leedctl("replay", place / "logs", ARTERIAL)[0] == 3


@pytest.mark.sumo
def test_the_recording_of_a_killed_controller_is_replayed(controller, place):
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait(10.0)
    code, out, _ = leedctl("replay", place / "logs", "--json")
    report = json.loads(out)
    assert (code, report["differ"], report["is_cut_off"]) == (0, 0, True)
    assert leedctl("status", "--state", place / "state")[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reload",), "exactly one of --state DIR and --place NAME"),
        (("mode", "shadow", "--state", "/nowhere"), "no such folder"),
        (("reload", "x", "--rollback", "--state", "/tmp"), "--rollback goes back"),
        (("replay", "/nowhere"), "cannot be read"),
    ],
)
def test_senseless_orders_are_said_in_one_line(words, said):
    code, out, err = leedctl(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
