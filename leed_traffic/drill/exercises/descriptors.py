"""Readers that hold the line, then no descriptor at all: the page gives them few, and a trip is latched without one."""

import contextlib
import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from leed_traffic.drill.rig.walking_device import WalkingDevice, walking
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import ExitCode, LeedError
from leed_traffic.serve.control.loop import ServeSummary, StopRequest
from leed_traffic.serve.operations.metrics import Metrics
from leed_traffic.serve.operations.page_server import Listen
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.operations.status_page import published
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.latch import read_latches

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
READERS = 32  # that the page promises at most; its own number, so that a raised one is seen
SPARE = 4  # sockets that come and go beside the readers'
LIMIT = 512  # descriptors, while they are used up
READ_S = 30.0
BREAK_S = 60.0
END_S = 120.0
_CROWD = """
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
crowd = []
for n in range(int(sys.argv[2])):
    crowd.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60.0))
    crowd[-1].sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n"[: n % 34])
print(len(crowd), flush=True)
sys.stdin.read()
"""


def few_descriptors(setting: DrillSetting) -> Finding:
    """A crowd at the page, then every descriptor in use while the display breaks, then a start after it."""
    place = setting.crossing
    state = setting.crossing.folder / "descriptors"
    signal = place.network.intersections[0].id
    n_links = place.network.intersections[0].n_links
    config = ServeConfig(bundle=place.bundle.path, port=1, state=state)
    faults = []
    n_readers = setting.many(300, 3000)
    board = StatusBoard()
    metrics = Metrics()
    taken = contextlib.ExitStack()

    def meddle(device: WalkingDevice, time_s: float) -> None:
        if time_s == READ_S:
            faults.extend(_besiege(address, n_readers))
        if time_s == BREAK_S - 1.0:
            taken.enter_context(no_descriptor_left())
        device.shown_instead = {0: "G" * n_links} if time_s == BREAK_S else {}
        if time_s == BREAK_S + 5.0:
            taken.close()
            faults.extend(
                [] if signal in _latched(state) else ["the latch was not kept while no descriptor was left"]
            )

    with (
        taken,
        published(board, metrics, Listen(option="--status-port", host="127.0.0.1", port=0)) as address,
    ):
        broken = _serve(config, meddle, board, metrics)
    held = _serve(config, lambda device, time_s: None, StatusBoard(), Metrics())
    codes = (broken.exit_code, held.exit_code)
    expected = (ExitCode.MONITOR_VIOLATION, ExitCode.FALLBACK_AT_END)
    faults += (
        []
        if codes == expected
        else [f"exit codes {[int(c) for c in codes]}, expected {[int(c) for c in expected]}"]
    )
    detail = f"{n_readers} that hold the line get {READERS} descriptors, one that asks is answered; exit codes 6, then 7"
    return Finding(count=n_readers + 2, faults=faults, detail=detail)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Use up every descriptor of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, LIMIT), hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _besiege(address: str, n_readers: int) -> list[str]:
    """Faults while so many connections are held open from another process."""
    before = _sockets()
    port = address.rstrip("/").rpartition(":")[2]
    crowd = subprocess.Popen(
        [sys.executable, "-c", _CROWD, port, str(n_readers)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with crowd:
        if crowd.stdout is None or crowd.stdout.readline().strip() != str(n_readers).encode():
            crowd.kill()
            return [f"{n_readers} readers could not connect"]
        status = _ask(address + "health")
        grown = _sockets() - before
        crowd.communicate(b"")
    faults = [] if status == "200" else [f"/health: {status} while {n_readers} hold the line"]
    return faults + ([] if grown <= READERS + SPARE else [f"{grown} more sockets for {n_readers} readers"])


def _ask(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=30.0) as answer:
            return str(answer.status)
    except (OSError, urllib.error.URLError) as err:
        return str(err)


def _latched(state: Path) -> set[str]:
    try:
        return set(read_latches(state))
    except LeedError:
        return set()


def _sockets() -> int:
    """Open sockets of this process."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return count


def _serve(
    config: ServeConfig, meddle: Callable[[WalkingDevice, float], None], board: StatusBoard, metrics: Metrics
) -> ServeSummary:
    devices: list[WalkingDevice] = []
    return serve(
        config,
        clock=time.process_time,
        stop=StopRequest(),
        on_tick=lambda time_s, end_s, note: meddle(devices[0], time_s),
        connect=walking(devices, end_s=END_S),
        watchers=[metrics],
        board=board,
        now=lambda: NOON,
    )
