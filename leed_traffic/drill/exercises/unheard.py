"""A controller that nobody hears: streams closed, full or blocked, a terminal that is gone. No signal must notice."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from leed_traffic.drill.rig.gateway import Gateway
from leed_traffic.drill.rig.place import Place, sumo, wait_for_end
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import ExitCode
from leed_traffic.serve.device.owner import is_marked

UNTIL_S = 120.0
STEPS_ALONE = 20  # of the simulation, after the controller has gone
_SERVE = "import sys; from leed_traffic.cli.main import run; run()"
_WAYS = ("closed", "full", "reader gone", "nobody reads", "hang up")


def speak_to_nobody(setting: DrillSetting) -> Finding:
    """Try every way in turn: the right exit code, and the own program at the end."""
    faults: list[str] = []
    for k, way in enumerate(_WAYS):
        wanted = ExitCode.HUNG_UP if way == "hang up" else ExitCode.OK
        code, programs = _speak(setting.crossing, way, k)
        if code != wanted:
            faults.append(f"{way}: exit code {code}, expected {int(wanted)}")
        if any(is_marked(program) for program in programs):
            faults.append(f"{way}: not handed back")
    return Finding(count=len(_WAYS), faults=faults, detail=", ".join(_WAYS))


def _speak(place: Place, way: str, k: int) -> tuple[int | None, set[str]]:
    """Exit code, and the programs that the signals ran afterwards."""
    record = place.folder / f"unheard-{k}"
    with sumo(place, record) as (port, server), Gateway(port, steps_alone=STEPS_ALONE) as gateway:
        command = [
            sys.executable,
            "-c",
            _SERVE,
            "serve",
            str(place.bundle.path),
            "--connect",
            f"127.0.0.1:{gateway.port}",
        ]
        command += ["--state", str(record / "state"), "--until", f"{UNTIL_S:g}"]
        command += ["--realtime"] if way == "hang up" else []
        command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command] if way == "closed" else command
        with _streams(way) as (stdout, stderr):
            client = subprocess.Popen(command, stdout=stdout, stderr=stderr, start_new_session=True)
            try:
                code = _end(client, gateway, way)
            finally:
                client.kill()
                client.wait()
        gateway.was_alone(10.0)
    wait_for_end(server)
    return code, {runs[-1].program for runs in place.runs(record).values()}


def _end(client: "subprocess.Popen[bytes]", gateway: Gateway, way: str) -> int | None:
    give_up_s = time.monotonic() + 60.0
    while way == "hang up" and gateway.steps < 2 and time.monotonic() < give_up_s:
        time.sleep(0.01)
    if way == "hang up":
        client.send_signal(signal.SIGHUP)
    try:
        return client.wait(60.0)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _streams(way: str) -> Iterator[tuple[int, int]]:
    """Streams for the controller's results and messages; the result of one whose reader sleeps is not asked for."""
    reader, writer = os.pipe()
    sink = os.open("/dev/full" if way == "full" else os.devnull, os.O_WRONLY)
    open_ones = {reader, writer, sink}
    try:
        if way == "reader gone":
            os.close(reader)
            open_ones.remove(reader)
        elif way == "nobody reads":
            _fill(writer)
        yield writer if way == "reader gone" else sink, writer if way in ("reader gone", "nobody reads") else sink
    finally:
        for number in open_ones:
            os.close(number)


def _fill(pipe: int) -> None:
    """No byte more fits in."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(pipe, bytes(4096)):
            pass
    os.set_blocking(pipe, True)
