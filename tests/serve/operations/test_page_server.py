import os
import socket
import subprocess
import sys
import threading

import pytest

from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.operations.status import StatusBoard
from tests.serve.operations.clients import get, open_page
from tests.serve.operations.test_metrics import drive_watched


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
