"""A TCP proxy between a controller and its signals that does what networks do on a bad day, once, at a chosen answer.

It knows the frames of TraCI (a length of four bytes, itself included), so that faults hit whole answers: the n-th
one is late, cut, altered, doubled, lost, or never ends.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leed_traffic.drill.rig.frames import read_frame

_HOST = "127.0.0.1"
_PIECE = 1 << 16


class NetworkFault(StrEnum):
    """Faults of the chosen answer."""

    DELAY = "delay"  # late, but within the deadline
    JITTER = "jitter"  # this and the next twenty by a little each
    CUT = "cut"  # both sides are closed in its place
    HALF_CLOSE = "half-close"  # no more answers; questions are still taken
    TRUNCATION = "truncation"  # half of it, then the end
    BYTE_FLIP = "byte flip"  # one bit of its content
    WRONG_LENGTH = "wrong length"
    DUPLICATE = "duplicated reply"
    DROP = "dropped reply"
    FREEZE = "freeze"  # nothing any more, and the connection stands
    RESET = "reset"
    GARBAGE = "garbage"  # noise in its place
    DRIP = "drip"  # a byte now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Plan of a fault: which, when, and the chance in it."""

    fault: NetworkFault
    at_answer: int
    seed: int
    delay_s: float = 0.2


class Proxy:
    """Takes one client; a context. Ends, and lets go of both sides, when the context does."""

    def __init__(self, server_port: int, plan: Plan) -> None:
        self._server_port = server_port
        self._plan = plan
        self._rng = np.random.default_rng(plan.seed)
        self._listener = socket.socket()
        self._listener.bind((_HOST, 0))
        self._listener.listen(1)
        self._listener.settimeout(0.1)
        self._ends = threading.Event()
        self._answers = self._jitters = 0
        self.has_struck = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """Port to which the client connects."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(10.0)
        self._listener.close()

    def _run(self) -> None:
        client = self._accept()
        if client is None:
            return
        with client, contextlib.suppress(OSError, _EndedError):
            server = self._reach_server()
            if server is not None:
                with server:
                    self._relay(client, server)

    def _accept(self) -> socket.socket | None:
        while not self._ends.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                client.settimeout(2.0)
                return client
        return None

    def _reach_server(self) -> socket.socket | None:
        """SUMO listens a moment after it was started."""
        while not self._ends.is_set():
            with contextlib.suppress(OSError):
                server = socket.create_connection((_HOST, self._server_port), timeout=2.0)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return server
            time.sleep(0.02)
        return None

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        while not self._ends.is_set():
            readable, _, _ = select.select([client, server], [], [], 0.1)
            if client in readable:
                question = client.recv(_PIECE)
                if not question:
                    return
                server.sendall(question)
            if server in readable:
                answer = read_frame(server)
                self._answers += 1
                if self._answers == self._plan.at_answer:
                    self.has_struck = True
                    self._strike(answer, client, server)
                else:
                    time.sleep(self._jitter_s())
                    client.sendall(answer)

    def _jitter_s(self) -> float:
        if self._jitters == 0:
            return 0.0
        self._jitters -= 1
        return float(self._rng.uniform(0.0, 0.05))

    def _strike(self, answer: bytes, client: socket.socket, server: socket.socket) -> None:
        fault = self._plan.fault
        if fault in (NetworkFault.DELAY, NetworkFault.JITTER):
            time.sleep(self._plan.delay_s if fault is NetworkFault.DELAY else 0.05)
            self._jitters = 20 if fault is NetworkFault.JITTER else 0
            client.sendall(answer)
        elif fault is NetworkFault.DUPLICATE:
            client.sendall(answer + answer)
        elif fault in (NetworkFault.BYTE_FLIP, NetworkFault.WRONG_LENGTH, NetworkFault.GARBAGE):
            client.sendall(self._altered(answer))
        elif fault is NetworkFault.HALF_CLOSE:
            client.shutdown(socket.SHUT_WR)
            self._wait(client)
        elif fault is NetworkFault.FREEZE:
            self._wait(client)
        elif fault is NetworkFault.DRIP:
            self._drip(answer, client)
        elif fault is not NetworkFault.DROP:
            if fault is NetworkFault.TRUNCATION:
                client.sendall(answer[: max(1, len(answer) // 2)])
            if fault is NetworkFault.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _EndedError

    def _altered(self, answer: bytes) -> bytes:
        fault = self._plan.fault
        if fault is NetworkFault.GARBAGE:
            return self._rng.bytes(int(self._rng.integers(1, 400)))
        if fault is NetworkFault.WRONG_LENGTH:
            wrong = (0, -1, 3, len(answer) - 1, len(answer) + 1, 1 << 20, (1 << 31) - 1)[
                int(self._rng.integers(7))
            ]
            return struct.pack("!i", wrong) + answer[4:]
        content = bytearray(answer)
        content[int(self._rng.integers(4, len(content)))] ^= 1 << int(self._rng.integers(8))
        return bytes(content)

    def _drip(self, answer: bytes, client: socket.socket) -> None:
        """A byte every 50 ms, and without end: the last one is held back."""
        for byte in answer[:-1]:
            if self._ends.wait(0.05):
                return
            client.sendall(bytes([byte]))
        self._wait(client)

    def _wait(self, client: socket.socket) -> None:
        """Until the client leaves or we are to end; what it says is heard and thrown away."""
        while not self._ends.is_set():
            readable, _, _ = select.select([client], [], [], 0.1)
            if readable and not client.recv(_PIECE):
                return
        raise _EndedError


class _EndedError(Exception):
    """The connection has ended as planned."""
