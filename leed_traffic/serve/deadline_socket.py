"""A socket on which a whole answer has one deadline, however slowly it drips in.

traci reads an answer in as many pieces as it comes, each with the socket's own timeout: a byte every nine seconds would hold a
controller for ever. It also sends with `send`, which may send a part only.
"""

import socket
import time

PIECE_BYTES = 1 << 16
MOST_BYTES = 1 << 28  # of one answer; the largest net's subscriptions stay far below


class DeadlineSocket:
    """What traci needs of a socket: send, recv, close. The deadline runs from each send."""

    def __init__(self, plain: socket.socket, deadline_s: float) -> None:
        self._plain, self._deadline_s = plain, deadline_s
        self._until_s, self._read_bytes = time.monotonic() + deadline_s, 0

    def send(self, content: bytes) -> int:
        """Send all of it; the answer's deadline starts now."""
        self._until_s, self._read_bytes = time.monotonic() + self._deadline_s, 0
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
