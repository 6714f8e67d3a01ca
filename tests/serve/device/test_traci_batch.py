"""Several commands as one TraCI message: what is sent, and how the answers are read."""

import struct
import threading

import pytest

from leed_traffic.drill.rig.frames import commands
from leed_traffic.serve.device.traci_batch import CommandAnswer, TraciBatch

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
    batch = TraciBatch(connection)
    batch.set(LIGHTS, tc.TL_PROGRAM, "C", "s", "0")
    batch.set(LIGHTS, tc.TL_PHASE_INDEX, "C", "i", 4)
    batch.ask(LIGHTS, tc.TL_CURRENT_PROGRAM, "C")
    return connection, batch


GRANTED = [status(tc.CMD_SET_TL_VARIABLE), status(tc.CMD_SET_TL_VARIABLE)]
ASKED = status(tc.CMD_GET_TL_VARIABLE) + told(tc.TL_CURRENT_PROGRAM, "C", "day")


def test_commands_are_sent_as_one_message_and_answered_in_their_order():
    connection, batch = filled(b"".join(GRANTED) + ASKED)
    assert len(batch) == 3
    assert batch.send() == [CommandAnswer(), CommandAnswer(), CommandAnswer(value="day")]
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
    batch = TraciBatch(connection)
    batch.set(LIGHTS, tc.TL_PROGRAM, "C", "s", "x" * length)
    batch.send()
    ((code, body),) = commands(connection.sent[0])
    assert code == tc.CMD_SET_TL_VARIABLE
    assert body.endswith(b"x" * length)


def test_nothing_is_sent_where_nothing_was_collected():
    connection = FakeConnection(None)
    assert TraciBatch(connection).send() == []
    assert connection.sent == []


def test_a_refusal_in_the_middle_is_told_and_the_rest_is_read():
    refused = status(tc.CMD_SET_TL_VARIABLE, 0xFF, "The phase index 4\n is not allowed.")
    _, batch = filled(GRANTED[0] + refused + ASKED)
    assert batch.send() == [
        CommandAnswer(),
        CommandAnswer(refusal="The phase index 4 is not allowed."),
        CommandAnswer(value="day"),
    ]
    refused = status(tc.CMD_GET_TL_VARIABLE, 0xFF, "not known")
    _, batch = filled(b"".join(GRANTED) + refused)
    assert batch.send()[2] == CommandAnswer(refusal="not known")
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


class Traci(FakeConnection):
    """Keeps what traci itself would send."""

    _sendCmd = Connection._sendCmd  # noqa: N815  # traci's name
    _subscribe = Connection._subscribe

    def __init__(self):
        super().__init__(None)
        self._queue, self._string = [], b""

    def _sendExact(self):  # noqa: N802  # traci's name
        self.sent.append(struct.pack("!i", len(self._string) + 4) + self._string)
        self._string = b""


@pytest.mark.parametrize("length", [*range(235, 260), 0, 1, 40, 70_000])
def test_each_command_is_written_as_traci_writes_it(length):
    theirs, text = Traci(), "x" * length
    theirs._sendCmd(tc.CMD_SET_TL_VARIABLE, tc.TL_PROGRAM, "Ü", "s", text)
    theirs._sendCmd(tc.CMD_GET_TL_VARIABLE, 0xF0, "C" + text)
    theirs._subscribe(
        tc.CMD_SUBSCRIBE_TL_VARIABLE, tc.INVALID_DOUBLE_VALUE, tc.INVALID_DOUBLE_VALUE, text, [], None
    )
    for add, expected in zip(
        (
            lambda batch: batch.set(LIGHTS, tc.TL_PROGRAM, "Ü", "s", text),
            lambda batch: batch.ask(LIGHTS, 0xF0, "C" + text),
            lambda batch: batch.subscribe(LIGHTS, text, []),
        ),
        theirs.sent,
        strict=True,
    ):
        ours = FakeConnection(None)
        batch = TraciBatch(ours)
        assert (add(batch), add(batch)) == (0, 1)
        batch = TraciBatch(ours)
        add(batch)
        with pytest.raises(FatalTraCIError):
            batch.send()
        assert ours.sent == [expected]


def test_a_subscription_names_every_variable_and_its_answer_is_left_to_traci():
    connection = FakeConnection(status(tc.CMD_SUBSCRIBE_TL_VARIABLE))
    heard = []

    def read(said):
        heard.append(said.ready())
        return "C", tc.RESPONSE_SUBSCRIBE_TL_VARIABLE

    connection._readSubscription = read
    batch = TraciBatch(connection)
    many = [tc.TL_PHASE_INDEX, *range(200)]
    batch.subscribe(LIGHTS, "C", many)
    assert batch.granted() == [None]
    assert heard == [False]
    assert connection.sent[0].endswith(bytes([201, *many]))


@pytest.mark.parametrize(
    "answer", [("D", tc.RESPONSE_SUBSCRIBE_TL_VARIABLE), ("C", tc.RESPONSE_SUBSCRIBE_LANE_VARIABLE)]
)
def test_an_answer_to_another_subscription_is_worth_nothing(answer):
    connection = FakeConnection(status(tc.CMD_SUBSCRIBE_TL_VARIABLE))
    connection._readSubscription = lambda said: answer
    batch = TraciBatch(connection)
    batch.subscribe(LIGHTS, "C", [tc.TL_PHASE_INDEX])
    with pytest.raises(ValueError, match="an answer to the subscription of"):
        batch.send()


def test_a_value_is_read_as_its_variable_is_written():
    content = struct.pack("!BBi", tc.RESPONSE_GET_TL_VARIABLE, tc.TL_COMPLETE_DEFINITION_RYG, 1) + b"C"
    content += struct.pack("!Bi", tc.TYPE_COMPOUND, 0)  # no programs
    connection = FakeConnection(status(tc.CMD_GET_TL_VARIABLE) + struct.pack("!B", len(content) + 1) + content)
    batch = TraciBatch(connection)
    batch.ask(LIGHTS, tc.TL_COMPLETE_DEFINITION_RYG, "C")
    assert batch.granted() == [()]
