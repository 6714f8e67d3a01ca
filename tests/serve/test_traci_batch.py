"""Several commands as one TraCI message: what is sent, and how the answers are read."""

import struct
import threading

import pytest

from leed_traffic.drill.frames import commands
from leed_traffic.serve.traci_batch import Answer, Batch

pytest.importorskip("traci", reason="needs the package traci")

from traci import constants as tc
from traci._trafficlight import TrafficLightDomain
from traci.connection import Connection
from traci.exceptions import FatalTraCIError
from traci.storage import Storage

LIGHTS = TrafficLightDomain()


def status(command, result=0, words=""):
    content = struct.pack("!BBi", command, result, len(words)) + words.encode()
    return struct.pack("!B", len(content) + 1) + content


def told(variable, object_id, text):
    name = struct.pack("!i", len(object_id)) + object_id.encode()
    value = struct.pack("!Bi", tc.TYPE_STRING, len(text)) + text.encode()
    content = struct.pack("!BB", tc.RESPONSE_GET_TL_VARIABLE, variable) + name + value
    return struct.pack("!B", len(content) + 1) + content


class FakeConnection:
    """Answers the next message with what it was given; keeps what was sent."""

    _pack = Connection._pack

    def __init__(self, answer):
        self._lock, self._socket, self.sent, self._answer = threading.Lock(), self, [], answer

    def send(self, content):
        self.sent.append(content)

    def _recvExact(self):  # noqa: N802  # traci's name
        return None if self._answer is None else Storage(self._answer)


def filled(answer):
    connection = FakeConnection(answer)
    batch = Batch(connection)
    batch.tell(LIGHTS, tc.TL_PROGRAM, "C", "s", "0")
    batch.tell(LIGHTS, tc.TL_PHASE_INDEX, "C", "i", 4)
    batch.ask(LIGHTS, tc.TL_CURRENT_PROGRAM, "C")
    return connection, batch


GRANTED = [status(tc.CMD_SET_TL_VARIABLE), status(tc.CMD_SET_TL_VARIABLE)]
ASKED = status(tc.CMD_GET_TL_VARIABLE) + told(tc.TL_CURRENT_PROGRAM, "C", "day")


def test_commands_are_sent_as_one_message_and_answered_in_their_order():
    connection, batch = filled(b"".join(GRANTED) + ASKED)
    assert len(batch) == 3
    assert batch.send() == [Answer(), Answer(), Answer(value="day")]
    (message,) = connection.sent
    assert struct.unpack("!i", message[:4])[0] == len(message)
    assert [(code, body[0]) for code, body in commands(message)] == [
        (tc.CMD_SET_TL_VARIABLE, tc.TL_PROGRAM),
        (tc.CMD_SET_TL_VARIABLE, tc.TL_PHASE_INDEX),
        (tc.CMD_GET_TL_VARIABLE, tc.TL_CURRENT_PROGRAM),
    ]


@pytest.mark.parametrize("length", [200, 250, 255, 300, 70_000])
def test_a_long_command_has_a_long_length(length):
    connection = FakeConnection(status(tc.CMD_SET_TL_VARIABLE))
    batch = Batch(connection)
    batch.tell(LIGHTS, tc.TL_PROGRAM, "C", "s", "x" * length)
    batch.send()
    ((code, body),) = commands(connection.sent[0])
    assert code == tc.CMD_SET_TL_VARIABLE
    assert body.endswith(b"x" * length)


def test_nothing_is_sent_where_nothing_was_collected():
    connection = FakeConnection(None)
    assert Batch(connection).send() == []
    assert connection.sent == []


def test_a_refusal_in_the_middle_is_told_and_the_rest_is_read():
    refused = status(tc.CMD_SET_TL_VARIABLE, 0xFF, "The phase index 4\n is not allowed.")
    _, batch = filled(GRANTED[0] + refused + ASKED)
    assert batch.send() == [Answer(), Answer(refusal="The phase index 4 is not allowed."), Answer(value="day")]
    refused = status(tc.CMD_GET_TL_VARIABLE, 0xFF, "not known")
    _, batch = filled(b"".join(GRANTED) + refused)
    assert batch.send()[2] == Answer(refusal="not known")
    _, batch = filled(b"".join(GRANTED) + status(tc.CMD_GET_TL_VARIABLE, 0x01))
    with pytest.raises(ValueError, match="refused: result 0x1"):
        batch.granted()


@pytest.mark.parametrize(
    "answer",
    [
        b"".join(GRANTED) + ASKED + b"\x00",
        status(tc.CMD_GET_TL_VARIABLE) + GRANTED[0] + ASKED,
        b"".join(GRANTED) + status(tc.CMD_GET_TL_VARIABLE) + told(tc.TL_CURRENT_PROGRAM, "D", "day"),
        b"".join(GRANTED) + status(tc.CMD_GET_TL_VARIABLE) + told(tc.TL_CURRENT_PHASE, "C", "day"),
    ],
)
def test_answers_to_something_else_are_worth_nothing(answer):
    with pytest.raises(ValueError, match="an answer"):
        filled(answer)[1].send()


@pytest.mark.parametrize("answer", [b"", b"".join(GRANTED), (b"".join(GRANTED) + ASKED)[:-2]])
def test_an_answer_that_ends_too_soon_is_no_answer(answer):
    with pytest.raises((struct.error, LookupError)):
        filled(answer)[1].send()


def test_a_lost_connection_is_said():
    connection, batch = filled(None)
    with pytest.raises(FatalTraCIError, match="closed by SUMO"):
        batch.send()
    connection._socket = None
    with pytest.raises(FatalTraCIError, match="already closed"):
        batch.send()
