"""A simulation in a process of its own, asked call by call; a copy of a `Template` costs milliseconds."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any, TypeVar, TypeVarTuple

from leed_traffic.errors import WorkerError
from leed_traffic.simulation.sumo.copies import Template
from leed_traffic.simulation.sumo.running import Begin, Call, Failure, Simulation

T = TypeVar("T")
Args = TypeVarTuple("Args")
_DIED = "the process of a simulation died (killed, or out of memory); use fewer --workers and run again"


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
        self._connection: Connection | None = _copy()
        self.time_s: float = self._send(Begin(list(options), os.getcwd(), begin_s))

    def tell(self, order: Callable[[Simulation, *Args], None], *args: *Args) -> None:
        """Give an order; it travels with the next question, and so does what goes wrong with it."""
        self._orders.append((order, args))

    def ask(self, question: Callable[[Simulation, *Args], T], *args: *Args) -> T:
        """Ask after all orders are carried out.

        Raises:
            SumoError: SUMO refuses, or has ended.
            WorkerError: the process died.
        """
        calls: list[Call] = [*self._orders, (question, args)]
        self._orders = []
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

    def _send(self, message: Begin | list[Call] | None) -> Any:  # noqa: ANN401  # whatever the call returns
        if self._connection is None:
            raise WorkerError(_DIED)
        with (
            ExitStack() as unanswered
        ):  # also when interrupted: nobody could tell later whose answer a late one is
            unanswered.callback(self._leave)
            try:
                self._connection.send(message)
                answer = self._connection.recv()
            except (EOFError, OSError) as err:
                raise WorkerError(_DIED) from err
            if not (isinstance(answer, Failure) and answer.is_last):
                unanswered.pop_all()
        if isinstance(answer, Failure):
            raise answer.error
        return answer

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()  # it ends when it notices
            self._connection = None


_lock = threading.Lock()
_template: Template | None = None  # one for all simulations that this process asks for


def _copy() -> Connection:
    global _template
    with _lock:
        if _template is None or not _template.is_ours:
            _template = Template()
        try:
            return _template.copy()
        except OSError:  # it was killed
            _template.close()
            _template = Template()
            return _template.copy()
