"""TraCI's frames: four bytes of length, themselves included, then commands: a length, what is to be done, and with what."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

STEP = 0x02
CLOSE = 0x7F  # traci.constants.CMD_SIMSTEP, CMD_CLOSE
SET_SIGNAL = 0xC2
GET_SIGNAL = 0xA2  # traci.constants.CMD_SET_TL_VARIABLE, CMD_GET_TL_VARIABLE
ONE_STEP = struct.pack("!iBBd", 14, 10, STEP, 0.0)  # the question for one simulation step
GOODBYE = struct.pack("!iBB", 6, 2, CLOSE)
_HOST = "127.0.0.1"
_PATIENCE_S = 20.0  # s


def reach_server(port: int, ends: threading.Event) -> socket.socket:
    """A connection to SUMO on this machine, which listens a moment after it was started.

    Raises:
        OSError: nobody listens in time, or it is no longer wanted.
    """
    give_up_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            server = socket.create_connection((_HOST, port), timeout=_PATIENCE_S)
        except OSError:
            if time.monotonic() >= give_up_s or ends.is_set():
                raise
            time.sleep(0.02)
            continue
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server


def read_frame(peer: socket.socket) -> bytes:
    """One whole question or answer.

    Raises:
        OSError: the other side has left, or nothing came in time.
    """
    head = _exactly(peer, 4)
    return head + _exactly(peer, struct.unpack("!i", head)[0] - 4)


def commands(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """The commands of a question: what is to be done, and with what."""
    at = 4
    while at < len(frame):
        length = frame[at]
        head = 1
        if length == 0:  # a long one
            length = struct.unpack_from("!i", frame, at + 1)[0]
            head = 5
        yield frame[at + head], frame[at + head + 1 : at + length]
        at += length


def _exactly(peer: socket.socket, n: int) -> bytes:
    content = b""
    while len(content) < n:
        piece = peer.recv(n - len(content))
        if not piece:
            raise ConnectionResetError("the other side has left")
        content += piece
    return content
