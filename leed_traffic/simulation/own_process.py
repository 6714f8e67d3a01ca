"""A simulation in a process of its own: the same inputs give the same result, whatever was simulated before.

A `template` process is started once; each simulation is a copy of it, which costs milliseconds.
"""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any, TypeVar, TypeVarTuple

from leed_traffic.errors import WorkerError
from leed_traffic.simulation.running import Begin, Call, Failure, Simulation

T = TypeVar("T")
Args = TypeVarTuple("Args")
_TEMPLATE = "leed_traffic.simulation.template"
_END_WAIT_S = 2.0  # s for the template to notice that it is no longer needed


class OwnProcess:
    """A simulation over there."""

    def __init__(self, options: Sequence[str], *, begin_s: float) -> None:
        """Begin it.

        Args:
            options: SUMO's command line without the program's name.
            begin_s: of the scenario.

        Raises:
            SumoError: SUMO refuses to start.
            WorkerError: the process died.
        """
        self._orders: list[Call] = []
        self._connection: Connection | None = _copy_of_template()
        self.time_s: float = self._send(Begin(list(options), os.getcwd(), begin_s))

    def tell(self, order: Callable[[Simulation, *Args], None], *args: *Args) -> None:
        """Give an order; it travels with the next question, and so does what goes wrong with it."""
        self._orders.append((order.__name__, args))

    def ask(self, question: Callable[[Simulation, *Args], T], *args: *Args) -> T:
        """Ask after all orders are carried out.

        Raises:
            SumoError: SUMO refuses, or has ended.
            WorkerError: the process died.
        """
        calls, self._orders = [*self._orders, (question.__name__, args)], []
        answer: T
        answer, self.time_s = self._send(calls)
        return answer

    def first_error(self) -> str:
        """Nothing beyond what its answers say."""
        return ""

    def close(self) -> None:
        """End the simulation; its outputs are complete after this."""
        if self._connection is not None:
            try:
                self._send(None)
            finally:
                self._leave()

    def _send(self, message: Begin | list[Call] | None) -> Any:
        if self._connection is None:
            raise WorkerError(_DIED)
        try:
            self._connection.send(message)
            answer = self._connection.recv()
        except (EOFError, OSError) as err:
            self._leave()
            raise WorkerError(_DIED) from err
        except BaseException:  # interrupted between a question and its answer: nobody could tell later which is which
            self._leave()
            raise
        if isinstance(answer, Failure):
            raise answer.error
        return answer

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()  # it ends when it notices
            self._connection = None


_DIED = "the process of a simulation died (killed, or out of memory); use fewer --workers and run again"


class _Template:
    """The process that is copied, and the socket through which it is asked to."""

    def __init__(self) -> None:
        if find_spec("libsumo") is None:
            raise ModuleNotFoundError("No module named 'libsumo'", name="libsumo")
        self.owner = os.getpid()  # a fork of this process must not share it
        self._door, inner = socket.socketpair()
        # The hash seed and the libraries' threads are settled, so that its heap is the same every time.
        settled = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with inner:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _TEMPLATE, str(inner.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # results go there
                pass_fds=(inner.fileno(),),
                env={**os.environ, **settled},
            )
        atexit.register(self.close)

    def copy(self) -> Connection:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(self._door, [b"+"], [theirs.fileno()])
            return Connection(ours.detach())

    def close(self) -> None:
        self._door.close()
        if self.owner == os.getpid():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_WAIT_S)


_lock = threading.Lock()
_template: _Template | None = None


def _copy_of_template() -> Connection:
    global _template
    with _lock:
        if _template is None or _template.owner != os.getpid():
            _template = _Template()
        try:
            return _template.copy()
        except OSError:  # it was killed
            _template.close()
            _template = _Template()
            return _template.copy()
