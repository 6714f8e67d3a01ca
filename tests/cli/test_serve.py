import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from leed_traffic.cli.serve import _place, default_state, reset_fault_command, serve_command
from leed_traffic.errors import BundleError, DeviceError, ScenarioError, UsageError
from leed_traffic.serve.safety.latch import LatchStore
from tests.serve.bundles import write_crossing_bundle


@pytest.fixture
def bundle(tmp_path):
    return str(write_crossing_bundle(tmp_path / "bundle").path)


@pytest.fixture(autouse=True)
def state_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def invoke(*arguments):
    app = typer.Typer()
    app.command()(serve_command)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "exactly one of --scenario NAME and --connect HOST:PORT"),
        (["--scenario", "crossing", "--connect", "localhost:1"], "exactly one of"),
        (["--connect", "localhost"], "--connect localhost: expected HOST:PORT"),
        (["--connect", "localhost:99999"], "a port from 1 to 65535"),
        (["--connect", "localhost:1", "--port", "5"], "--port is for --scenario"),
        (["--connect", "localhost:1", "--deadline", "0"], "--deadline 0.0: need more than 0"),
    ],
)
def test_senseless_options_are_said_in_one_line(bundle, options, message):
    result = invoke(bundle, *options)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    assert isinstance(invoke(str(tmp_path / "nothing"), "--connect", "localhost:1").exception, BundleError)


@pytest.mark.sumo
def test_an_unknown_scenario_is_refused(bundle):
    pytest.importorskip("sumo")
    assert isinstance(invoke(bundle, "--scenario", "atlantis").exception, ScenarioError)


@pytest.mark.sumo
def test_a_busy_port_is_refused(bundle):
    pytest.importorskip("sumo")
    with socket.socket() as holder:
        holder.bind(("localhost", 0))
        holder.listen()
        result = invoke(bundle, "--scenario", "crossing", "--port", str(holder.getsockname()[1]))
    assert isinstance(result.exception, DeviceError)
    assert "choose another with --port" in str(result.exception)


@pytest.mark.sumo
def test_a_scenario_is_served_by_a_sumo_of_its_own(bundle, tmp_path):
    pytest.importorskip("sumo")
    result = invoke(
        bundle, "--scenario", "crossing", "--until", "60", "--events", str(tmp_path / "logs"), "--json"
    )
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["ended_by"] == "until"
    assert summary["handed_back"] is True
    assert summary["violations"] == []
    assert (tmp_path / "logs" / "events.parquet").is_file()
    assert "serve" in invoke(bundle, "--scenario", "crossing", "--until", "20").stdout


@pytest.mark.sumo
def test_a_stopped_command_leaves_no_sumo_behind(bundle):
    pytest.importorskip("sumo")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-c", "from leed_traffic.cli.main import run; run()", "serve", bundle]
    client = subprocess.Popen(
        [*command, "--scenario", "crossing", "--port", port], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert client.stderr is not None
    assert b"serving at 0 s" in client.stderr.readline()
    assert simulators(port)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=30.0)
    assert client.returncode == 130
    assert simulators(port) == []


def test_a_bundle_that_is_not_signed_is_refused_where_a_key_is_trusted(bundle, tmp_path):
    pytest.importorskip("cryptography")
    from leed_traffic.cli.bundle import app

    assert CliRunner().invoke(app, ["keygen", str(tmp_path / "agency.key")]).exit_code == 0
    trust = ["--connect", "localhost:1", "--trust", str(tmp_path / "agency.key.pub")]
    refused = invoke(bundle, *trust).exception
    assert isinstance(refused, BundleError)
    assert refused.exit_code == 3
    assert CliRunner().invoke(app, ["sign", bundle, "--key", str(tmp_path / "agency.key")]).exit_code == 0
    assert CliRunner().invoke(app, ["verify", bundle, "--trust", str(tmp_path / "agency.key.pub")]).exit_code == 0


def reset(*arguments):
    app = typer.Typer()
    app.command()(reset_fault_command)
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.sumo
def test_a_latched_signal_stays_on_its_own_program_until_somebody_resets_it(bundle, tmp_path, state_home):
    pytest.importorskip("sumo")
    folder = state_home / "leed_traffic" / "crossing"
    assert folder == default_state("crossing")
    LatchStore(folder, lambda: datetime(2026, 1, 2, tzinfo=UTC)).trip(
        "C", "conflict", "links 0 and 1 both show G", 12.0
    )
    held = invoke(bundle, "--scenario", "crossing", "--until", "40", "--json")
    assert held.exit_code == 7
    assert json.loads(held.stdout)["latched"] == {"C": "conflict"}
    assert json.loads(held.stdout)["rulings"] == {}
    released = reset("C", "--place", "crossing", "--who", "A. Miller")
    assert released.exit_code == 0
    assert "C: released; it had tripped at 2026-01-02" in released.stdout
    assert '"who": "A. Miller"' in (folder / "resets.jsonl").read_text()
    assert invoke(bundle, "--scenario", "crossing", "--until", "40").exit_code == 0
    assert "nothing is latched" in reset("--place", "crossing").stdout


def test_reset_fault_refuses_what_it_cannot_know(tmp_path):
    for arguments, message in (
        ([], "exactly one of --state DIR and --place NAME"),
        (["--state", str(tmp_path / "none")], "no such folder"),
        (["X", "--state", str(tmp_path)], "X is not latched here; latched: nothing"),
    ):
        error = reset(*arguments).exception
        assert isinstance(error, UsageError)
        assert message in str(error)


@pytest.mark.sumo
def test_a_sumo_of_our_own_is_started_again_when_it_dies(bundle):
    pytest.importorskip("sumo")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-c", "from leed_traffic.cli.main import run; run()", "serve", bundle, "--json"]
    client = subprocess.Popen(
        [*command, "--scenario", "crossing", "--port", port, "--retry", "20"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert client.stderr is not None
    assert "serving at 0 s" in client.stderr.readline()
    (first,) = simulators(port)
    os.kill(int(first.parent.name), signal.SIGKILL)
    seen = ""
    while "trying again" not in seen:
        seen = client.stderr.readline()
        if not seen:
            pytest.fail(f"the client has ended with {client.wait(10)}")
    for _ in range(200):
        if simulators(port) and simulators(port) != [first]:
            break
        time.sleep(0.05)
    time.sleep(1.5)
    client.send_signal(signal.SIGTERM)
    out, _ = client.communicate(timeout=30.0)
    summary = json.loads(out)
    assert client.returncode == 143
    assert (summary["reconnections"], summary["handed_back"], summary["violations"]) == (1, True, [])
    assert summary["resume"]["max_ms"] < 10_000.0
    assert simulators(port) == []


def simulators(port):
    """Processes of SUMO's that listen on a port."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if "--remote-port" in words and port in words:
            found.append(path)
    return found


def test_the_old_port_for_figures_is_another_name_of_the_one_port(capsys):
    pytest.importorskip("uvicorn", reason="the status page is in the extra 'serve'")
    assert _place("127.0.0.1", None, None) is None
    place = _place("0.0.0.0", 8080, None)
    assert (place.option, place.host, place.port) == ("--status-port", "0.0.0.0", 8080)
    assert capsys.readouterr().err == ""
    place = _place("0.0.0.0", None, 9117)
    assert (place.option, place.host, place.port) == ("--metrics-port", "127.0.0.1", 9117)
    said = "--metrics-port goes with the next version: /metrics is at --status-port {}\n"
    assert capsys.readouterr().err == said.format(9117)
    assert _place("0.0.0.0", 8080, 9117) == _place("0.0.0.0", 8080, None)
    assert capsys.readouterr().err == said.format(8080)


def test_a_port_that_is_taken_is_said_with_its_option(bundle):
    pytest.importorskip("uvicorn", reason="the status page is in the extra 'serve'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for option in ("--status-port", "--metrics-port"):
            result = invoke(bundle, "--connect", "127.0.0.1:1", option, port)
            assert isinstance(result.exception, UsageError)
            assert f"{option} {port} at 127.0.0.1: cannot be used" in str(result.exception)


def test_what_a_server_has_traci_print_is_made_visible(bundle, monkeypatch):
    def answered_with_an_error(*_):
        print("Error!", "\x1b]0;owned\x07")
        raise DeviceError("it refused")

    monkeypatch.setattr("leed_traffic.cli.serve._run", answered_with_an_error)
    result = invoke(bundle, "--connect", "localhost:1")
    assert result.stderr == "Error! \\x1b]0;owned\\x07\n"
    assert result.stdout == ""
