"""Connections to a controller's socket, side by side: each client has a few seconds and 64 kB for its one line.

A client that drips, or says nothing, keeps nobody waiting: each has a thread of its own. At most MOST_CLIENTS are
heard at once; the next one costs the one that has been talking the longest. As many are answered.
"""

import logging
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from leed_traffic.serve.device.connection import DeadlineSocket

log = logging.getLogger(__name__)

LINE_S = 5.0
LARGEST = 65536  # s and bytes for one line of a client, and s to take the answer
MOST_CLIENTS = 16  # that are heard, and as many that are answered
_PAUSE_S = 0.5  # s after a client that could not be heard

Reply = Callable[[bytes, str], bytes]  # a line and who sent it -> what to send back


class ConnectionServer(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Hears and answers the clients of a listening socket."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, reply: Reply) -> None:
        super().__init__(listener.getsockname(), socketserver.BaseRequestHandler)
        self._listener = listener
        self._reply = reply
        self._heard: list[socket.socket] = []  # those that have not finished their line; the longest first
        self._lock = threading.Lock()
        self._answers = threading.Semaphore(MOST_CLIENTS)

    def fileno(self) -> int:
        """Descriptor that `serve_forever` waits at."""
        return self._listener.fileno()

    def get_request(self) -> tuple[socket.socket, str]:
        """Take in the next client."""
        try:
            return self._listener.accept()
        except OSError as err:  # no descriptor left, or a client that went away: the next one may get through
            log.warning("a client could not be heard (%s)", err.strerror or err)
            time.sleep(_PAUSE_S)
            raise

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Hear a client in a thread of its own; beyond MOST_CLIENTS the oldest is sent away."""
        with self._lock:
            self._heard.append(request)
            oldest = self._heard.pop(0) if len(self._heard) > MOST_CLIENTS else None
            if oldest is not None:
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread wakes up and closes it
        try:
            super().process_request(request, client_address)
        except RuntimeError as err:  # the system gives no further thread: the next client may find one
            log.warning("a client could not be answered (%s)", err)
            self._is_still_heard(request)
            self.shutdown_request(request)

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Hear a line and answer it."""
        try:
            line = read_line(DeadlineSocket(request, LINE_S), LARGEST)
        except OSError:  # it went away, or its time is over
            line = None
        if not self._is_still_heard(request) or line is None or not self._answers.acquire(blocking=False):
            return
        try:
            request.settimeout(LINE_S)
            answer = self._reply(line, who(request))
            with suppress(OSError):  # a client that goes away takes only its answer with it
                request.sendall(answer)
        finally:
            self._answers.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a fault of an answer end its thread, which says so; nobody else is concerned."""
        raise

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection."""
        request.close()

    def _is_still_heard(self, request: socket.socket) -> bool:
        """Return whether a client was not sent away; from now on it is not."""
        with self._lock:
            is_heard = request in self._heard
            if is_heard:
                self._heard.remove(request)
        return is_heard


def read_line(talk: DeadlineSocket, largest: int) -> bytes:
    """Return what comes up to the end of the line, of what the other side says, or of `largest` bytes.

    Raises:
        OSError: the connection broke, or the deadline is over.
    """
    heard = bytearray()
    while b"\n" not in heard and len(heard) < largest:
        piece = talk.recv(LARGEST)
        if not piece:
            break
        heard += piece
    return bytes(heard).partition(b"\n")[0]


def who(talk: socket.socket) -> str:
    """Return the user at the other end, as the kernel knows it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "unknown"
    pid, uid, _ = struct.unpack(
        "3i", talk.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return f"uid {uid}, pid {pid}"
