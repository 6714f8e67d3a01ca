"""Copies of a process that never changes: what they do begins from the same state, whatever was done before."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from multiprocessing.connection import Connection

_PROGRAM = "leed_traffic.simulation.sumo.template"
_END_WAIT_S = 2.0  # s for it to notice that it is no longer needed


def _places() -> list[str]:
    """Places where this process finds its modules, for one that is to find the same: an empty name is the folder that it runs in."""
    return [place or os.getcwd() for place in sys.path]


class Template:
    """The process that is copied, and the socket through which it is asked to."""

    def __init__(self, modules: Sequence[str] = ()) -> None:
        """Start it; it gets ready while we go on.

        Args:
            modules: imported once, for all copies.

        Raises:
            ModuleNotFoundError: libsumo is not installed.
        """
        if find_spec("libsumo") is None:
            raise ModuleNotFoundError("No module named 'libsumo'", name="libsumo")
        self._owner = os.getpid()
        self._door, inner = _pair()
        # One seed of hashes and no threads of libraries: the same heap every time, and nothing that a fork could
        # break.
        settled = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(_places())}
        with inner:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROGRAM, str(inner.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # results go there
                pass_fds=(inner.fileno(),),
                env={**os.environ, **settled},
            )
        atexit.register(self.close)

    @property
    def is_ours(self) -> bool:
        """True if this process started it: a fork of this process must not share it."""
        return self._owner == os.getpid()

    def copy(self) -> Connection:
        """A new copy, which waits for what it is to do; it ends when the connection is closed.

        Raises:
            OSError: the template is gone.
        """
        ours, theirs = _pair()
        with ours, theirs:
            socket.send_fds(self._door, [b"+"], [theirs.fileno()])
            return Connection(ours.detach())

    def close(self) -> None:
        """End it and all its copies."""
        atexit.unregister(self.close)
        self._door.close()
        if self.is_ours:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_WAIT_S)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that wait for each other, whatever time-out somebody has set for all sockets of this process."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(True)
    return ends
