"""TraCI's frames: four bytes of length, themselves included, then the content."""

import socket
import struct


def read_frame(peer: socket.socket) -> bytes:
    """One whole question or answer.

    Raises:
        OSError: the other side has left, or nothing came in time.
    """
    head = _exactly(peer, 4)
    return head + _exactly(peer, struct.unpack("!i", head)[0] - 4)


def _exactly(peer: socket.socket, n: int) -> bytes:
    content = b""
    while len(content) < n:
        piece = peer.recv(n - len(content))
        if not piece:
            raise ConnectionResetError("the other side has left")
        content += piece
    return content
