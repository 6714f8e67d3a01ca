import socket
import threading
import time

import pytest

from leed_traffic.serve.device import connection as deadline_socket
from leed_traffic.serve.device.connection import DeadlineSocket


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield DeadlineSocket(ours, 0.3), theirs
    ours.close()
    theirs.close()


def read(connection, n):
    content = b""
    while len(content) < n:
        content += connection.recv(n - len(content))
    return content


def test_an_answer_that_drips_has_one_deadline_for_all_of_it(pair):
    connection, theirs = pair
    connection.send(b"question")

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
        read(connection, 100)
    assert time.monotonic() - begin_s < 1.0
    thread.join()


def test_each_question_has_a_deadline_of_its_own(pair):
    connection, theirs = pair
    for _ in range(3):
        connection.send(b"question")
        time.sleep(0.2)
        theirs.send(b"answer")
        assert read(connection, 6) == b"answer"


def test_an_answer_without_end_is_cut(pair, monkeypatch):
    monkeypatch.setattr(deadline_socket, "MOST_BYTES", 1000)
    monkeypatch.setattr(deadline_socket, "PIECE_BYTES", 500)
    connection, theirs = pair
    connection.send(b"question")
    theirs.sendall(b"x" * 5000)
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read(connection, 5000)
