"""A gateway as a street has one: the simulation goes on when a controller leaves, and takes the next controller."""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from leed_traffic.drill.frames import read_frame

HOST = "127.0.0.1"
COMMAND = 5  # place of the first command's number in a frame: four bytes of length, one of the command's own
STEP, CLOSE = 0x02, 0x7F  # traci.constants.CMD_SIMSTEP, CMD_CLOSE
_STEP_FRAME = struct.pack("!iBBd", 14, 10, STEP, 0.0)
_CLOSE_FRAME = struct.pack("!iBB", 6, 2, CLOSE)
_CLOSED = struct.pack("!iBBBi", 11, 7, CLOSE, 0, 0)

OnQuestion = Callable[[bytes], str | None]  # "drop_before": the line is cut, the question unheard; "drop_after": answered
OnAnswer = Callable[[bytes, bytes], bytes | None]  # the answer that is passed on; None: the line is cut


class Gateway:
    """Stands before a TraCI server; one controller at a time."""

    def __init__(
        self,
        server_port: int,
        *,
        on_question: OnQuestion | None = None,
        on_answer: OnAnswer | None = None,
        alone_steps_per_s: float = 50.0,
        max_alone: float = float("inf"),
    ) -> None:
        """Nobody is connected.

        Args:
            server_port: of the server, on this machine.
            on_question: what becomes of a controller's question.
            on_answer: what becomes of the server's answer to a question.
            alone_steps_per_s: how fast the simulation goes on while nobody is connected, after the first was.
            max_alone: steps after which it stands still.
        """
        self._server_port, self._on_question, self._on_answer = server_port, on_question, on_answer
        self._pause_s, self._max_alone = 1.0 / alone_steps_per_s, max_alone
        self._listener = socket.create_server((HOST, 0), backlog=8)
        self._listener.settimeout(0.02)
        self.port = int(self._listener.getsockname()[1])
        self.steps = self.alone = self.clients = 0
        self.error = ""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    def __enter__(self) -> "Gateway":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.set()
        self._thread.join(15.0)
        self._listener.close()

    def _run(self) -> None:
        try:
            with self._reach() as server:
                while not self._ends.is_set():
                    self._take_turns(server)
                with contextlib.suppress(OSError):
                    server.sendall(_CLOSE_FRAME)
                    read_frame(server)
        except OSError as err:  # the simulation has come to its end
            self.error = str(err)

    def _reach(self) -> socket.socket:
        give_up_s = time.monotonic() + 30.0
        while True:
            try:
                server = socket.create_connection((HOST, self._server_port), timeout=60.0)
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return server
            except OSError:
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.05)

    def _take_turns(self, server: socket.socket) -> None:
        """The next controller; until one comes, the simulation goes on by itself."""
        try:
            client, _ = self._listener.accept()
        except TimeoutError:
            if self.clients and self.alone < self._max_alone:
                server.sendall(_STEP_FRAME)
                read_frame(server)
                self.alone += 1
                time.sleep(self._pause_s)
            return
        self.clients += 1
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Pass questions and answers on until the controller leaves or the line is cut."""
        client.settimeout(30.0)
        while not self._ends.is_set():
            if not select.select([client], [], [], 0.05)[0]:
                continue
            try:
                question = read_frame(client)
                if question[COMMAND] == CLOSE:
                    client.sendall(_CLOSED)
                    return
            except OSError:
                return
            answer = self._ask(question, server)
            if answer is None:
                return
            with contextlib.suppress(OSError):
                client.sendall(answer)

    def _ask(self, question: bytes, server: socket.socket) -> bytes | None:
        fate = None if self._on_question is None else self._on_question(question)
        if fate == "drop_before":
            return None
        self.steps += question[COMMAND] == STEP
        server.sendall(question)
        answer = read_frame(server)
        if fate == "drop_after":
            return None
        return answer if self._on_answer is None else self._on_answer(question, answer)
