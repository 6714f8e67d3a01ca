import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import pytest

from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.operations.status import STALLED_S, StatusBoard
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.test_run import asks_for, fake

STARLETTE = pytest.importorskip("starlette", reason="the status page is in the extra 'serve'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class FakeClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def get(address):
    """(status code, headers, text)"""
    try:
        with urllib.request.urlopen(address, timeout=10.0) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.headers, err.read().decode()


@contextmanager
def open_page(board, port=0, *, host="127.0.0.1", allowed_hosts=()):
    from leed_traffic.serve.operations.metrics import Metrics
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.operations.status_page import published

    place = Listen(option="--status-port", host=host, port=port)
    with published(board, Metrics(), place, allowed_hosts) as address:
        yield address


def blind():
    """A device that does not see inside the junction."""
    device = fake()
    read = device.read

    def read_outside():
        snapshot = read()
        return replace(snapshot, displays=tuple(replace(s, slowest_inside_mps=None) for s in snapshot.displays))

    device.read = read_outside
    return device


def test_the_board_shows_what_the_signals_do(crossing_bundle):
    board = StatusBoard()
    seen = {}

    def on_tick(time_s, end_s, note):
        seen[time_s] = board.latest

    drive_watched(crossing_bundle, board, until_s=40.0, on_tick=on_tick)
    (signal,) = seen[10.0].signals
    assert (signal.id, signal.mode, signal.stage, signal.n_stages, signal.is_clearing) == (
        "C",
        SignalMode.ENGAGED,
        0,
        4,
        False,
    )
    assert (signal.green_s, signal.reason, signal.latched) == (10.0, "granted", "")
    assert seen[10.0].bundle == signal.bundle
    assert seen[10.0].lateness_p99_ms is None
    assert set(signal.state) <= set("GgryS")


def test_the_board_says_where_nothing_sees_inside_the_junction(crossing_bundle):
    board = StatusBoard()
    drive_watched(crossing_bundle, board, device=fake(), until_s=10.0)
    assert [signal.sees_inside for signal in board.latest.signals] == [True]
    drive_watched(crossing_bundle, board, device=blind(), until_s=10.0)
    assert [signal.sees_inside for signal in board.latest.signals] == [False]


def test_health_counts_a_fallback_as_ready_and_a_stalled_loop_as_not(crossing_bundle):
    clock = FakeClock()
    board = StatusBoard(clock)
    assert (board.health().status, board.health().is_ready) == ("starting", False)
    notes = []

    def on_tick(time_s, end_s, note):
        notes.append((board.health().status, board.health().is_ready))

    drive_watched(crossing_bundle, board, policy=asks_for(0), on_tick=on_tick, until_s=20.0)
    assert notes[10] == ("ok", True)
    device = fake()

    def break_it(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    drive_watched(crossing_bundle, board, device=device, on_tick=break_it, until_s=60.0)
    assert (board.health().status, board.health().is_ready) == ("degraded", True)
    assert board.health().reasons == ("C: latched (conflict)",)
    clock.now_s += STALLED_S + 1.0
    assert (board.health().status, board.health().is_ready) == ("stalled", False)


def test_the_page_answers_before_during_and_after_a_run(crossing_bundle):
    board = StatusBoard()
    with open_page(board) as address:
        assert get(address + "health")[0] == 503
        assert json.loads(get(address + "status.json")[2])["status"] is None
        drive_watched(crossing_bundle, board, until_s=30.0)
        code, headers, text = get(address)
        assert code == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "http" not in re.sub(r"http-equiv", "", text), "it fetches nothing from elsewhere"
        answer = json.loads(get(address + "status.json")[2])
        assert answer["status"]["signals"][0]["id"] == "C"
        assert get(address + "metrics")[0] == 200
        assert get(address + "etc/passwd")[0] == 404
        assert get(address + "health")[0] == 200
    with pytest.raises(urllib.error.URLError):
        get(address)


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--status-port {port}"), open_page(StatusBoard(), port):
            pass
    with pytest.raises(UsageError, match="expected 0 to 65535"), open_page(StatusBoard(), 99999):
        pass


def test_a_besieged_page_does_not_slow_the_loop(crossing_bundle):
    """Readers that connect and say nothing, and readers that ask all the time."""
    board = StatusBoard()
    with open_page(board) as address:
        port, is_over, answers = port_of(address), threading.Event(), []

        def besiege():
            while not is_over.is_set():
                answers.append(get(address + "status.json")[0])

        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        crowd = [threading.Thread(target=besiege) for _ in range(3)]
        for reader in crowd:
            reader.start()
        summary = drive_watched(crossing_bundle, board, until_s=200.0)
        is_over.set()
        for reader in crowd:
            reader.join(10.0)
        for quiet in silent:
            quiet.close()
    assert summary.exit_code is ExitCode.OK
    assert summary.ticks > 200
    assert set(answers) == {200}


def port_of(address):
    return int(address.rstrip("/").rpartition(":")[2])


def say(port, *pieces, host="127.0.0.1"):
    """Everything that the server answers to some bytes before it closes the connection."""
    with socket.create_connection((host, port), 20.0) as caller:
        heard = b""
        try:
            for piece in pieces:
                caller.sendall(piece)
            while piece := caller.recv(65536):
                heard += piece
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        return heard


def sockets_here():
    return sum(
        os.readlink(entry.path).startswith("socket:")
        for entry in os.scandir("/proc/self/fd")
        if entry.is_symlink()
    )


CROWD = """
import socket, sys, time
crowd = []
for n in range(int(sys.argv[2])):
    crowd.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20.0))
    crowd[-1].sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n"[: n % 30])
print("there", flush=True)
sys.stdin.read()
"""


def test_a_crowd_that_holds_the_line_gets_few_descriptors_and_costs_nobody_the_answer():
    from leed_traffic.serve.operations.page_server import READERS

    with open_page(StatusBoard()) as address:
        get(address)
        before = sockets_here()
        with subprocess.Popen(
            [sys.executable, "-c", CROWD, str(port_of(address)), "400"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as crowd:
            assert crowd.stdout.readline() == b"there\n"
            assert [get(address + "health")[0] for _ in range(5)] == [503] * 5
            assert sockets_here() <= before + READERS + 1
            crowd.communicate(b"")
        assert get(address + "health")[0] == 503, "starting: no tick yet"


def test_a_connection_ends_in_time_whatever_it_does(monkeypatch):
    monkeypatch.setattr("leed_traffic.serve.operations.page_server.CONNECTION_S", 0.3)
    with open_page(StatusBoard()) as address:
        port = port_of(address)
        assert say(port) == b""
        assert say(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") == b""


ODD_REQUESTS = [
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3, b"503"),  # pipelined: one answer, and the end
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nsomething", b"413"),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"413"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n", b"413"),
    (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000, b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    (b"GET / HTTP/1.0\r\n\r\n", b"421"),
    (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", b"200"),
]


def test_odd_requests_get_one_short_answer():
    with open_page(StatusBoard()) as address:
        for question, status in ODD_REQUESTS:
            heard = say(port_of(address), question)
            assert heard.startswith(b"HTTP/1.1 " + status) or not heard, (question[:80], heard[:80])
            assert heard.count(b"HTTP/1.1 ") <= 1
        assert get(address + "health")[0] == 503


HOSTS = {
    "localhost": True,
    "LOCALHOST.:8080": True,
    "127.0.0.1:8080": True,
    "[::1]:8080": True,
    "[::1]": True,
    "signals.example:8080": True,
    "127.0.0.2": True,  # where the page is asked, below
    "evil.example:8080": False,
    "localhost.evil.example": False,
    "localhost@evil.example": False,
    "localhost:80:80": False,
    "10.1.2.3": False,
    "": False,
    "*": False,
}


def test_only_allowed_names_are_answered_at_any_address():
    with open_page(StatusBoard(), host="0.0.0.0", allowed_hosts=["Signals.Example"]) as address:
        for host, is_allowed in HOSTS.items():
            for path in ("", "status.json", "health", "metrics", "nothing"):
                question = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                status = say(port_of(address), question, host="127.0.0.2").split()[1]
                assert (status == b"421") is not is_allowed, (status, host)


def test_a_page_at_an_ipv6_address():
    from leed_traffic.serve.operations.metrics import Metrics
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.operations.status_page import published

    try:
        with published(StatusBoard(), Metrics(), Listen(option="--status-port", host="::1", port=0)) as address:
            assert address.startswith("http://[::1]:")
            assert get(address + "health")[0] == 503
            assert "leed_ticks_missed_total 0.0" in get(address + "metrics")[2]
    except UsageError as err:
        pytest.skip(f"no IPv6 here: {err}")


def test_the_figures_are_read_over_http(crossing_bundle):
    from leed_traffic.serve.operations.metrics import Metrics
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.operations.status_page import published

    metrics = Metrics()
    drive_watched(crossing_bundle, metrics)
    with published(StatusBoard(), metrics, Listen(option="--status-port", host="127.0.0.1", port=0)) as address:
        assert 'leed_mode{mode="engaged",signal="C"}' in get(address + "metrics")[2]


def test_a_watcher_that_breaks_is_told_no_more_and_costs_the_signals_nothing(crossing_bundle, caplog):
    class Broken(StatusBoard):
        def tick(self, controller, snapshot: Snapshot, tick_s):
            raise ZeroDivisionError("a fault of the page")

    summary = drive_watched(crossing_bundle, Broken(), until_s=100.0)
    assert summary.exit_code is ExitCode.OK
    assert "degraded: no_decision" not in summary.transitions
    assert caplog.text.count("Broken is told no more") == 1


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.parametrize(("width", "device"), [(1200, fake), (500, blind)])
def test_a_browser_draws_the_page(crossing_bundle, tmp_path, width, device):
    board = StatusBoard()
    drive_watched(crossing_bundle, board, device=device(), until_s=40.0)
    joined = replace(board.latest.signals[0], id="cluster_" + "_".join(str(10_000_000_000 + k) for k in range(11)))
    board.latest = replace(board.latest, signals=(*board.latest.signals, joined))
    with open_page(board) as address:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        options += [
            f"--user-data-dir={tmp_path}",
            f"--window-size={width},900",
            "--virtual-time-budget=3000",
            "--dump-dom",
        ]
        drawn = subprocess.run(
            [CHROMIUM, *options, address], capture_output=True, text=True, check=True, timeout=120.0
        )
    assert 'class="lamp G"' in drawn.stdout
    assert ">C<" in drawn.stdout
    assert f'title="{joined.id}">cluster_1000000000…000000010<' in drawn.stdout
    assert "monitor violations" in drawn.stdout
    shown = drawn.stdout.partition("<script>")[0]
    assert "does not answer" not in shown
    assert ("none: inside not seen" in shown) == (device is blind)


def test_the_page_may_be_read_while_the_loop_draws(crossing_bundle):
    board, seen, is_over = StatusBoard(), set(), threading.Event()

    def read():
        while not is_over.is_set():
            if board.latest is not None:
                seen.add((board.latest.time_s, board.latest.ticks))
            time.sleep(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    drive_watched(crossing_bundle, board, until_s=100.0)
    is_over.set()
    reader.join(5.0)
    assert all(ticks == time_s + 1.0 for time_s, ticks in seen), "a picture of two ticks at once"
