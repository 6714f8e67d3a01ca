"""What a person may ask of a running controller, and the slot through which it reaches the loop.

The loop looks into the slot once a tick and never waits; whoever ordered waits for the answer, in a thread of its
own, and may take the order back while nobody has begun with it.
"""

import queue
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.hot_swap import Generation
from leed_traffic.serve.logs.records import CommandRecord
from leed_traffic.serve.safety.supervisor import OperatingMode

TAKEN_WITHIN_S = 30.0  # a tick is at most 5 s, an answer of the device 10 s by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """Swap to a bundle that has passed every check."""

    generation: Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Back to the bundle before: at the stage boundaries, or at once where the new one must not decide again."""

    why: str = ""  # what the bundle did; empty: a person wishes it


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOperatingMode:
    """Watch, decide without sending, or drive."""

    control: OperatingMode


Command = Reload | Rollback | SetOperatingMode


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedCommand:
    """An order on its way, with who gave it and where the answer goes."""

    order: Command
    who: str
    answer: "Future[str]"

    def as_record(self) -> CommandRecord:
        """For the recording."""
        if isinstance(self.order, Reload):
            bundle = self.order.generation.bundle
            return CommandRecord(
                command="reload", who=self.who, value=bundle.digest, path=str(bundle.path.resolve())
            )
        if isinstance(self.order, SetOperatingMode):
            return CommandRecord(command="mode", who=self.who, value=self.order.control)
        return CommandRecord(command="rollback", who=self.who, value=self.order.why)


class CommandQueue:
    """Between the threads that order and the loop that obeys."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[QueuedCommand] = queue.SimpleQueue()
        self._is_closed = False

    def post(self, order: Command, who: str, *, within_s: float = TAKEN_WITHIN_S) -> str:
        """Hand over an order and wait for the answer.

        Raises:
            DeviceError: no tick has taken it in time; it is withdrawn.
            LeedError: it was refused.
        """
        letter = self.drop(order, who)
        try:
            return letter.answer.result(within_s)
        except FutureTimeoutError as err:
            if not letter.answer.cancel():  # taken in this very moment
                return letter.answer.result(within_s)
            raise DeviceError(
                f"the controller has not ticked for {within_s:g} s: nothing was changed; see its log"
            ) from err

    def drop(self, order: Command, who: str) -> QueuedCommand:
        """Hand over an order without waiting."""
        letter = QueuedCommand(order=order, who=who, answer=Future())
        self._letters.put(letter)
        if self._is_closed:
            self.close()
        return letter

    def close(self) -> None:
        """The loop has ended: nobody takes an order any more, and nobody need wait for an answer."""
        self._is_closed = True
        for letter in self.take():
            letter.answer.set_exception(DeviceError("the controller has ended: nothing was changed"))

    def take(self) -> Iterator[QueuedCommand]:
        """What has come since the last tick, without waiting."""
        while True:
            try:
                letter = self._letters.get_nowait()
            except queue.Empty:
                return
            if letter.answer.set_running_or_notify_cancel():
                yield letter
