import socket
import struct

import pytest

from leed_traffic.drill.rig.frames import GOODBYE, ONE_STEP, SET_SIGNAL, STEP, commands, read_frame

CLOSE = 0x7F


def test_frames_say_what_they_ask_for():
    assert [(what, len(content)) for what, content in commands(ONE_STEP)] == [(STEP, 8)]
    assert list(commands(GOODBYE)) == [(CLOSE, b"")]


def test_commands_of_one_frame_are_told_apart_short_and_long():
    short = struct.pack("!BB", 5, SET_SIGNAL) + b"abc"
    long = struct.pack("!BiB", 0, 6 + 300, SET_SIGNAL) + b"x" * 300
    frame = struct.pack("!i", 4 + len(short) + len(long)) + short + long
    assert list(commands(frame)) == [(SET_SIGNAL, b"abc"), (SET_SIGNAL, b"x" * 300)]


def test_a_frame_is_read_whole_however_it_comes():
    one, other = socket.socketpair()
    with one, other:
        one.sendall(ONE_STEP[:5])
        one.sendall(ONE_STEP[5:] + GOODBYE)
        assert read_frame(other) == ONE_STEP
        assert read_frame(other) == GOODBYE


def test_a_peer_that_leaves_in_the_middle_of_a_frame_is_an_error():
    one, other = socket.socketpair()
    with other:
        with one:
            one.sendall(ONE_STEP[:7])
        with pytest.raises(ConnectionResetError, match="has left"):
            read_frame(other)
