"""A real SUMO as a TraCI server: started as a process of its own, asked for its first complaint, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from leed_traffic.artifacts.sumo.inputs import SumoInputs
from leed_traffic.errors import DeviceError
from leed_traffic.simulation.sumo.additional_files import silenced
from leed_traffic.simulation.sumo.options import PROGRAMS_NAME, sumo_options
from leed_traffic.simulation.sumo.running import first_line

HOST = "127.0.0.1"
END_WAIT_S = 5.0  # s for a server whose client has left to write its outputs
_STOP_WAIT_S = 1.0  # s between asking a server to end and ending it: one that waits for clients does not listen


def start_server(
    scenario: SumoInputs,
    *,
    port: int,
    seed: int,
    route_files: Sequence[Path],
    record: Path | None = None,
    additional_files: Sequence[Path] = (),
    audit: bool = False,
    num_clients: int = 1,
) -> subprocess.Popen[bytes]:
    """A real SUMO as TraCI server, in its own process group; it listens at once and loads when all its clients are there.

    Args:
        scenario: net, hour and options.
        port: on this machine.
        seed: of SUMO's drivers.
        route_files: the demand.
        record: folder for the outputs.
        additional_files: beside those of the scenario.
        audit: record the state of every signal at every step, too.
        num_clients: the simulation begins when all are there.

    Raises:
        DeviceError: the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as err:
            raise DeviceError(f"port {port}: cannot be used for SUMO ({err}); choose another with --port") from err
    has_programs = any(path.name == PROGRAMS_NAME for path in additional_files)
    with contextlib.ExitStack() as files:
        folder = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="leed-additional-")))
        scenario, route_files = silenced(scenario, route_files, folder, has_programs=has_programs)
        options = sumo_options(
            scenario,
            seed=seed,
            route_files=route_files,
            record=record,
            additional_files=additional_files,
            audit=audit,
        )
        server = start_process([*options, "--remote-port", str(port), "--num-clients", str(num_clients)])
        weakref.finalize(server, files.pop_all().close)  # it reads them until it ends
    return server


def stop_server(server: "subprocess.Popen[bytes]") -> None:
    """End a server, whatever it is doing."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if server.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(_STOP_WAIT_S)
    if server.stderr:
        server.stderr.close()


def first_error(server: "subprocess.Popen[bytes]") -> str:
    """The first line that an ended server wrote to its error stream; empty while it runs, or if there is none."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(END_WAIT_S)
    if server.poll() is None or server.stderr is None or server.stderr.closed:
        return ""
    return first_line(server.stderr.read().decode(errors="replace"))


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def start_process(options: Sequence[str]) -> "subprocess.Popen[bytes]":
    """SUMO as a process of its own.

    Raises:
        DeviceError: it cannot be started.
    """
    import sumo

    # The program itself: the wrapper script on the path would leave the simulator behind when it is ended.
    program = Path(sumo.SUMO_HOME) / "bin" / "sumo"
    try:
        return subprocess.Popen(
            [str(program), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # without warnings SUMO writes a few lines at most
            start_new_session=True,
            env={**os.environ, "SUMO_HOME": str(sumo.SUMO_HOME)},
        )
    except OSError as err:
        raise DeviceError(
            f"{program}: cannot be started ({err.strerror}); install the package with its extra 'sim'"
        ) from err
