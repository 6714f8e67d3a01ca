"""Hears those who call at a controller's socket, side by side: each has a few seconds and 64 kB for its one line.

A caller that drips, or says nothing, keeps nobody waiting: lines are collected by one thread as they come, and
each whole one is answered in a thread of its own. Beyond MOST_CALLERS at once the one that has been talking the
longest is sent away.
"""

import logging
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

LINE_S = 5.0
LARGEST = 65536  # s and bytes for one line of a caller, and s to take the answer
MOST_CALLERS = 16  # that are heard, and as many that are answered
_LOOK_S = 0.2  # between two looks at whose time is over
_PAUSE_S = 0.5  # s after a caller that could not be heard

Reply = Callable[[bytes, str], bytes]  # a line and who sent it -> what to send back


@dataclass(slots=True, eq=False)
class _Caller:
    """One that has not finished its line."""

    talk: socket.socket
    until_s: float
    heard: bytearray = field(default_factory=bytearray)


class Callers:
    """Those at one listening socket."""

    def __init__(self, server: socket.socket, reply: Reply) -> None:
        self._server = server
        self._reply = reply
        self._talking: list[_Caller] = []  # the longest first
        self._free = threading.Semaphore(MOST_CALLERS)
        self._selector = selectors.DefaultSelector()

    def attend(self, is_over: threading.Event) -> None:
        """Hear and answer until it is over."""
        self._server.setblocking(False)
        with self._selector:
            self._selector.register(self._server, selectors.EVENT_READ)
            while not is_over.is_set():
                for key, _ in self._selector.select(_LOOK_S):
                    if isinstance(key.data, _Caller):
                        self._hear(key.data)
                    elif not is_over.is_set():
                        self._take_in(is_over)
                for caller in [c for c in self._talking if c.until_s <= time.monotonic()]:
                    self._send_away(caller)
            for caller in tuple(self._talking):
                self._send_away(caller)

    def _take_in(self, is_over: threading.Event) -> None:
        try:
            talk, _ = self._server.accept()
        except BlockingIOError:
            return
        except OSError as err:  # no descriptor left, or a caller that went away: the next one may get through
            if not is_over.is_set():
                log.warning(
                    "%s: a caller could not be heard (%s)", threading.current_thread().name, err.strerror or err
                )
                is_over.wait(_PAUSE_S)
            return
        if len(self._talking) >= MOST_CALLERS:
            self._send_away(self._talking[0])
        talk.setblocking(False)
        caller = _Caller(talk=talk, until_s=time.monotonic() + LINE_S)
        self._talking.append(caller)
        self._selector.register(talk, selectors.EVENT_READ, caller)

    def _hear(self, caller: _Caller) -> None:
        """Another piece; answer once the line, or what the other side says, is at its end."""
        if caller not in self._talking:  # sent away in this very round
            return
        try:
            piece = caller.talk.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:  # it went away
            self._send_away(caller)
            return
        caller.heard += piece
        if piece and b"\n" not in piece and len(caller.heard) < LARGEST:
            return
        self._let_go(caller)
        if not self._free.acquire(blocking=False):
            caller.talk.close()
            return
        line = bytes(caller.heard).partition(b"\n")[0]
        answering = threading.Thread(target=self._answer, args=(caller.talk, line), name="leed-order", daemon=True)
        try:
            answering.start()
        except RuntimeError as err:  # the system gives no further thread: the next caller may find one
            log.warning("%s: a caller could not be answered (%s)", threading.current_thread().name, err)
            self._free.release()
            caller.talk.close()

    def _answer(self, talk: socket.socket, line: bytes) -> None:
        try:
            with talk:
                talk.settimeout(LINE_S)
                answer = self._reply(line, who(talk))
                with suppress(OSError):  # a caller that goes away takes only its answer with it
                    talk.sendall(answer)
        finally:
            self._free.release()

    def _send_away(self, caller: _Caller) -> None:
        self._let_go(caller)
        caller.talk.close()

    def _let_go(self, caller: _Caller) -> None:
        self._talking.remove(caller)
        self._selector.unregister(caller.talk)


def who(talk: socket.socket) -> str:
    """The user at the other end, as the kernel knows it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "unknown"
    pid, uid, _ = struct.unpack(
        "3i", talk.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return f"uid {uid}, pid {pid}"
