"""A TraCI connection whose every answer has a deadline, and what ends it. traci has no timeout of its own.

`import traci` pulls in sumolib (pure Python, no simulator): it is imported only when connecting.
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leed_traffic.errors import DeviceError

if TYPE_CHECKING:
    from traci.connection import Connection

RETRY_S = 0.1  # s between two tries to connect; traci's own default is 1 s
TRY_S = 3.0  # s at most for one try: a host that says nothing must not keep anybody from stopping

_connecting = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Address of the signals, and how long to wait for them."""

    host: str
    port: int
    deadline_s: float = 10.0  # for every single answer
    connect_s: float = 30.0  # until the server listens
    order: int | None = None  # among several clients of one server

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def open_connection(
    endpoint: Endpoint, between_tries: Callable[[], None] = lambda: None
) -> tuple[Any, Any, type[Exception]]:
    """A connection whose every answer has a deadline; traci's constants and its plain refusal.

    Args:
        endpoint: where to, and for how long it is tried.
        between_tries: called between two tries; what it raises ends them.

    Raises:
        DeviceError: nobody answers in time.
    """
    import traci  # pulls in sumolib, which serving does not need elsewhere

    give_up_s = time.monotonic() + endpoint.connect_s
    while True:
        try:
            with _time_out_of_new_sockets(min(endpoint.deadline_s, TRY_S)):
                connection = traci.connect(
                    port=endpoint.port, host=endpoint.host, numRetries=0, waitBetweenRetries=RETRY_S
                )
            connection._socket = DeadlineSocket(connection._socket, endpoint.deadline_s)
            return connection, traci.constants, traci.TraCIException
        except (traci.TraCIException, *fatal_errors()) as err:
            if time.monotonic() >= give_up_s:
                raise DeviceError(
                    f"{endpoint}: nobody answers within {endpoint.connect_s:g} s ({err}); "
                    "start SUMO with --remote-port"
                ) from err
        between_tries()
        time.sleep(RETRY_S)


@contextmanager
def _time_out_of_new_sockets(seconds: float) -> Iterator[None]:
    """Give sockets that are made meanwhile a time-out: traci offers no other way to a deadline for connecting.

    It holds for the whole process, so one thread at a time.
    """
    with _connecting:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(seconds)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)


def fatal_errors() -> tuple[type[Exception], ...]:
    """Return the errors that traci raises over a connection of no more use: its parser meets whatever bytes come.

    BrokenPipeError and timeouts are OSErrors, undecodable text is a ValueError, a wrong type an AssertionError of
    traci's.
    """
    import traci

    broken_bytes = (
        struct.error,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        MemoryError,
    )
    return (traci.FatalTraCIError, OSError, *broken_bytes)


def let_go(connection: "Connection") -> None:
    """Close the socket without a word: the other side may be frozen."""
    if connection._socket is not None:  # traci's own close would wait for an answer
        connection._socket.close()
        connection._socket = None


PIECE_BYTES = 1 << 16


MOST_BYTES = 1 << 28  # of one answer; the largest net's subscriptions stay far below


class DeadlineSocket:
    """Socket as traci needs it: send, recv, close. The deadline runs from each send."""

    def __init__(self, plain: socket.socket, deadline_s: float) -> None:
        self._plain = plain
        self._deadline_s = deadline_s
        self._until_s = time.monotonic() + deadline_s
        self._read_bytes = 0

    def send(self, content: bytes) -> int:
        """Send all of it; the answer's deadline starts now."""
        self._until_s = time.monotonic() + self._deadline_s
        self._read_bytes = 0
        self._plain.settimeout(self._deadline_s)
        self._plain.sendall(content)
        return len(content)

    def recv(self, n_bytes: int) -> bytes:
        """A piece of the answer.

        Raises:
            TimeoutError: the deadline of the whole answer is over.
            OSError: the answer is longer than any that makes sense.
        """
        left_s = self._until_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError("the answer is not complete")
        if self._read_bytes > MOST_BYTES:
            raise OSError(f"an answer of more than {MOST_BYTES} bytes")
        self._plain.settimeout(left_s)
        piece = self._plain.recv(min(n_bytes, PIECE_BYTES))
        self._read_bytes += len(piece)
        return piece

    def close(self) -> None:
        """Let go."""
        self._plain.close()
