"""A gateway as a street has one: its signals go on when a controller leaves, however it leaves, and it takes the next one.

SUMO ends with its last client, so a line that is cut between two commands shows nothing there. Behind this gateway
the simulation lives on: it passes frames on while a controller speaks, then makes some steps alone, then listens
for the next one. Before or after any message it can cut the line.
"""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from enum import StrEnum

from leed_traffic.drill.rig.frames import CLOSE, GOODBYE, ONE_STEP, STEP, commands, reach_server, read_frame

_HOST = "127.0.0.1"
_GOODBYE_TOO = struct.pack("!iBBBi", 11, 7, CLOSE, 0, 0)


class Cut(StrEnum):
    """Place of a cut: the simulation has seen nothing of the message, or has obeyed all of it."""

    BEFORE = "before"
    AFTER = "after"


class Gateway:
    """Serves one controller after the other; a context."""

    def __init__(
        self,
        server_port: int,
        *,
        steps_alone: int,
        on_question: Callable[[bytes], Cut | None] = lambda question: None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            server_port: of SUMO, which it is the only client of.
            steps_alone: that it makes after each controller, before it listens for the next one.
            on_question: looks at every message of a controller, and may have the line cut.
        """
        self._server_port = server_port
        self._steps_alone = steps_alone
        self._on_question = on_question
        self._listener = socket.create_server((_HOST, 0), backlog=8)
        self._listener.settimeout(0.05)
        self._ends = threading.Event()
        self._left = threading.Semaphore(0)
        self.steps = 0  # that controllers have asked for
        self.clients = 0  # controllers that came
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """Port to which controllers connect."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Gateway":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(10.0)
        self._listener.close()

    def was_alone(self, seconds: float) -> bool:
        """Return whether, within this time, a controller has left and the steps alone after it are made; once for each."""
        return self._left.acquire(timeout=seconds)

    def _run(self) -> None:
        with contextlib.suppress(OSError), reach_server(self._server_port, self._ends) as server:
            while not self._ends.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = self._listener.accept()
                    self.clients += 1
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    with client:
                        self._relay(client, server)
                    for _ in range(self._steps_alone):
                        _ask(server, ONE_STEP)
                    self._left.release()
            _ask(server, GOODBYE)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Until the controller leaves, or its line is cut."""
        client.settimeout(20.0)
        while not self._ends.is_set():
            readable, _, _ = select.select([client], [], [], 0.02)
            if not readable:
                continue
            try:
                question = read_frame(client)
            except OSError:  # gone, perhaps in the middle of a question: SUMO has seen nothing of it
                return
            code, _ = next(commands(question))
            if code == CLOSE:
                with contextlib.suppress(OSError):
                    client.sendall(_GOODBYE_TOO)
                return
            cut = self._on_question(question)
            if cut is Cut.BEFORE:
                return
            answer = _ask(server, question)
            self.steps += code == STEP
            if cut is Cut.AFTER:
                return
            with contextlib.suppress(OSError):
                client.sendall(answer)


def _ask(server: socket.socket, question: bytes) -> bytes:
    server.sendall(question)
    return read_frame(server)
