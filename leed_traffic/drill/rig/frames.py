"""TraCI's frames: four bytes of length, themselves included, then commands: a length, what is to be done, and with what."""

import socket
import struct
from collections.abc import Iterator

STEP, CLOSE = 0x02, 0x7F  # traci.constants.CMD_SIMSTEP, CMD_CLOSE
SET_SIGNAL, GET_SIGNAL = 0xC2, 0xA2  # traci.constants.CMD_SET_TL_VARIABLE, CMD_GET_TL_VARIABLE


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
        length, head = frame[at], 1
        if length == 0:  # a long one
            length, head = struct.unpack_from("!i", frame, at + 1)[0], 5
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
