"""TraCI commands as one message: SUMO reads it whole before it obeys any of it, so no cut falls between two.

A message is a length of four bytes and its commands one after the other. The answer holds, command by command, a
status (length, command, result, words) and, for a question or a subscription that was granted, what it asked for.
**A refused command stops nothing**: SUMO goes on with the rest of the message (measured, 1.28). Whoever puts
commands together has to see to it that what follows a refused one does no harm; `installed.py` does.
"""

import struct
from dataclasses import dataclass
from typing import Any

_GRANTED = 0x00
_NO_TIME = -1073741824.0  # traci.constants.INVALID_DOUBLE_VALUE: a subscription that holds from now on, for good


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """Answer to one command of a message."""

    refusal: str | None = None  # in the server's words; None: granted
    value: Any = None  # of a question


class TraciBatch:
    """Collects commands, sends them as one message, reads the answers in their order. Used once."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401  # traci ships no types
        self._connection = connection
        self._content = b""
        self._asked: list[tuple[Any, int, int | None, str]] = []  # domain, command, variable, object

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, domain: Any, variable: int, object_id: str) -> int:  # noqa: ANN401
        """A question; its place among the answers."""
        return self._add(domain, domain._cmdGetID, variable, object_id, b"")

    def set(self, domain: Any, variable: int, object_id: str, layout: str, *values: object) -> int:  # noqa: ANN401
        """Add a command that changes something, `layout` as traci packs it; return its place among the answers."""
        return self._add(domain, domain._cmdSetID, variable, object_id, self._connection._pack(layout, *values))

    def subscribe(self, domain: Any, object_id: str, variables: list[int]) -> int:  # noqa: ANN401
        """A subscription, whose values come with the answer; its place among the answers."""
        named = struct.pack("!B", len(variables)) + bytes(variables)
        return self._add(domain, domain._subscribeID, None, object_id, named)

    def send(self) -> list[CommandAnswer]:
        """Send one message and read its answer; nothing is sent where nothing was collected.

        Raises:
            FatalTraCIError: the connection is lost.
            ValueError: the answers are not those to the commands. Other errors that traci lets through: see
                `fatal_errors`.
        """
        from traci.exceptions import FatalTraCIError

        if not self._asked:
            return []
        connection = self._connection
        with connection._lock:
            if connection._socket is None:
                raise FatalTraCIError("Connection already closed.")
            connection._socket.send(struct.pack("!i", len(self._content) + 4) + self._content)
            said = connection._recvExact()
            if said is None:
                raise FatalTraCIError("Connection closed by SUMO.")
            answers = [self._read(said, *asked) for asked in self._asked]
        if said.ready():
            raise ValueError("an answer has more to say than was asked")
        return answers

    def granted(self) -> list[Any]:
        """Send it; the values that were asked for.

        Raises:
            ValueError: one was refused. For others see `send`.
        """
        answers = self.send()
        if refused := [answer.refusal for answer in answers if answer.refusal is not None]:
            raise ValueError(f"refused: {refused[0]}")
        return [answer.value for answer in answers]

    def _add(self, domain: Any, command: int, variable: int | None, object_id: str, packed: bytes) -> int:  # noqa: ANN401
        name = object_id.encode()
        head = struct.pack("!dd", _NO_TIME, _NO_TIME) if variable is None else struct.pack("!B", variable)
        content = struct.pack("!B", command) + head + struct.pack("!i", len(name)) + name + packed
        is_short = len(content) + 1 <= 255
        length = struct.pack("!B", len(content) + 1) if is_short else struct.pack("!Bi", 0, len(content) + 5)
        self._content += length + content
        self._asked.append((domain, command, variable, object_id))
        return len(self._asked) - 1

    def _read(self, said: Any, domain: Any, command: int, variable: int | None, object_id: str) -> CommandAnswer:  # noqa: ANN401
        from traci.domain import _parse

        said.readLength()
        answered, result = said.read("!BB")
        words = said.readString()
        if answered != command:
            raise ValueError(f"an answer to command {answered:#x}, expected to {command:#x}")
        if result != _GRANTED:
            return CommandAnswer(refusal=" ".join(words.split()) or f"result {result:#x}")
        if command == domain._cmdSetID:
            return CommandAnswer()
        if variable is None:
            name, response = self._connection._readSubscription(said)
            if response - command != 16 or name != object_id:
                raise ValueError(f"an answer to the subscription of {name!r}, expected of {object_id!r}")
            return CommandAnswer()
        said.readLength()
        response, about = said.read("!BB")
        name = said.readString()
        if (response - command, about, name) != (16, variable, object_id):
            raise ValueError(f"an answer about {name!r}, expected about {object_id!r}")
        return CommandAnswer(value=_parse(domain._retValFunc, variable, said))
