"""Commands that a person may give to a running controller, and the queue through which they reach the loop.

The loop looks into the queue once a tick and never waits; whoever commands waits for the answer, in a thread of
its own, and may take the command back while nobody has begun with it.
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

    mode: OperatingMode


Command = Reload | Rollback | SetOperatingMode


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedCommand:
    """A command on its way, with who gave it and where the answer goes."""

    command: Command
    who: str
    answer: "Future[str]"

    def as_record(self) -> CommandRecord:
        """For the recording."""
        if isinstance(self.command, Reload):
            bundle = self.command.generation.bundle
            return CommandRecord(
                command="reload", who=self.who, value=bundle.digest, path=str(bundle.path.resolve())
            )
        if isinstance(self.command, SetOperatingMode):
            return CommandRecord(command="mode", who=self.who, value=self.command.mode)
        return CommandRecord(command="rollback", who=self.who, value=self.command.why)


class CommandQueue:
    """Queue between the threads that command and the loop that obeys."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[QueuedCommand] = queue.SimpleQueue()
        self._is_closed = False

    def post(self, command: Command, who: str, *, within_s: float = TAKEN_WITHIN_S) -> str:
        """Hand over a command and wait for the answer.

        Raises:
            DeviceError: no tick has taken it in time; it is withdrawn.
            LeedError: it was refused.
        """
        queued = self.put(command, who)
        try:
            return queued.answer.result(within_s)
        except FutureTimeoutError as err:
            if not queued.answer.cancel():  # taken in this very moment
                return queued.answer.result(within_s)
            raise DeviceError(
                f"the controller has not ticked for {within_s:g} s: nothing was changed; see its log"
            ) from err

    def put(self, command: Command, who: str) -> QueuedCommand:
        """Hand over a command without waiting."""
        queued = QueuedCommand(command=command, who=who, answer=Future())
        self._waiting.put(queued)
        if self._is_closed:
            self.close()
        return queued

    def close(self) -> None:
        """End: the loop takes no command any more, and nobody need wait for an answer."""
        self._is_closed = True
        for queued in self.take():
            queued.answer.set_exception(DeviceError("the controller has ended: nothing was changed"))

    def take(self) -> Iterator[QueuedCommand]:
        """Yield the commands that have come since the last tick, without waiting."""
        while True:
            try:
                queued = self._waiting.get_nowait()
            except queue.Empty:
                return
            if queued.answer.set_running_or_notify_cancel():
                yield queued
