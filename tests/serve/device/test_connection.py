import socket
import threading
import time

import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.device import connection
from leed_traffic.serve.device.connection import DeadlineSocket, Endpoint, open_connection


@pytest.fixture
def nobody():
    """A port where nobody listens, and nobody can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_two_controllers_that_try_at_once_leave_no_time_out_behind_for_other_sockets(nobody):
    """Each puts back what it found: one that began within the other's try must not have found the other's."""
    has_begun = threading.Event()

    def try_for(seconds, look):
        with pytest.raises(DeviceError, match="nobody answers"):
            open_connection(Endpoint(host="127.0.0.1", port=nobody, connect_s=seconds), look)

    first = threading.Thread(target=try_for, args=(0.3, has_begun.set))
    first.start()
    assert has_begun.wait(10.0)
    try_for(0.6, lambda: None)
    first.join()
    assert socket.getdefaulttimeout() is None


def test_between_two_tries_new_sockets_have_the_time_out_that_the_process_wants(nobody):
    found = []
    with pytest.raises(DeviceError):
        open_connection(
            Endpoint(host="127.0.0.1", port=nobody, connect_s=0.1),
            lambda: found.append(socket.getdefaulttimeout()),
        )
    assert set(found) == {None}


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield DeadlineSocket(ours, 0.3), theirs
    ours.close()
    theirs.close()


def read(plain, n):
    content = b""
    while len(content) < n:
        content += plain.recv(n - len(content))
    return content


def test_an_answer_that_drips_has_one_deadline_for_all_of_it(pair):
    plain, theirs = pair
    plain.send(b"question")

    def drip():
        for _ in range(40):
            time.sleep(0.05)
            if theirs.fileno() < 0:
                return
            theirs.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    begin_s = time.monotonic()
    with pytest.raises(TimeoutError):
        read(plain, 100)
    assert time.monotonic() - begin_s < 1.0
    thread.join()


def test_each_question_has_a_deadline_of_its_own(pair):
    plain, theirs = pair
    for _ in range(3):
        plain.send(b"question")
        time.sleep(0.2)
        theirs.send(b"answer")
        assert read(plain, 6) == b"answer"


def test_an_answer_without_end_is_cut(pair, monkeypatch):
    monkeypatch.setattr(connection, "MOST_BYTES", 1000)
    monkeypatch.setattr(connection, "PIECE_BYTES", 500)
    plain, theirs = pair
    plain.send(b"question")
    theirs.sendall(b"x" * 5000)
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read(plain, 5000)
