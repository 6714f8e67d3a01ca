"""Faults of the proxy between a client and an echo server."""

import socket
import struct
import threading

import pytest

from leed_traffic.drill.rig.proxy import NetworkFault, Plan, Proxy


@pytest.fixture
def echo():
    """A server that answers every frame with itself."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        client, _ = listener.accept()
        with client:
            while piece := client.recv(4096):
                client.sendall(piece)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()


def frame(text):
    return struct.pack("!i", 4 + len(text)) + text


def ask(port, plan, questions=3):
    """What the client hears for each question, '' for the end and None for silence."""
    heard = []
    with Proxy(port, plan) as proxy, socket.create_connection(("127.0.0.1", proxy.port), timeout=0.6) as client:
        for k in range(questions):
            try:
                client.sendall(frame(b"question %d" % k))
                heard.append(client.recv(4096))
            except TimeoutError:
                heard.append(None)
            except OSError:
                heard.append(b"")
        return heard, proxy.has_struck


@pytest.mark.parametrize(
    ("fault", "second"),
    [
        (NetworkFault.DELAY, frame(b"question 1")),
        (NetworkFault.JITTER, frame(b"question 1")),
        (NetworkFault.DUPLICATE, frame(b"question 1") * 2),
        (NetworkFault.DROP, None),
        (NetworkFault.FREEZE, None),
        (NetworkFault.CUT, b""),
        (NetworkFault.RESET, b""),
        (NetworkFault.HALF_CLOSE, b""),
        (NetworkFault.TRUNCATION, frame(b"question 1")[:7]),
        (NetworkFault.DRIP, b"\x00"),
    ],
)
def test_the_proxy_does_once_what_it_is_told(echo, fault, second):
    heard, has_struck = ask(echo, Plan(fault=fault, at_answer=2, seed=1), questions=2)
    assert heard == [frame(b"question 0"), second]
    assert has_struck


@pytest.mark.parametrize("fault", [NetworkFault.BYTE_FLIP, NetworkFault.WRONG_LENGTH, NetworkFault.GARBAGE])
def test_an_altered_answer_is_another_one(echo, fault):
    heard, _ = ask(echo, Plan(fault=fault, at_answer=1, seed=3), questions=1)
    assert heard[0]
    assert heard[0] != frame(b"question 0")
    if fault is NetworkFault.BYTE_FLIP:
        assert sum((a ^ b).bit_count() for a, b in zip(heard[0], frame(b"question 0"), strict=True)) == 1
