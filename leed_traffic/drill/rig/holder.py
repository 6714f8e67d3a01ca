"""Keeps a simulation's clock going when its controller falls silent, as a street does.

SUMO stops with a client that stops, and ends with a client that dies. A gateway in front of real signals does
neither, and nor does this relay: it passes frames on while the controller speaks, and on `take_over` steps the
simulation itself.
"""

import contextlib
import select
import socket
import threading

from leed_traffic.drill.rig.frames import GOODBYE, ONE_STEP, STEP, commands, reach_server, read_frame

_HOST = "127.0.0.1"


class Holder:
    """Relays one controller; a context."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server((_HOST, 0), backlog=1)
        self._listener.settimeout(0.1)
        self._ends = threading.Event()
        self._taken = threading.Event()
        self._steps_alone = 0
        self.steps = 0  # that the controller has asked for
        self.is_done = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """Port to which the controller connects."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Holder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(10.0)
        self._listener.close()

    def take_over(self, steps: int) -> None:
        """Listen to the controller no more: so many steps without it, then a clean end."""
        self._steps_alone = steps
        self._taken.set()

    def wait_until_done(self, seconds: float) -> bool:
        """Return whether the steps alone are over within this time."""
        self._thread.join(seconds)
        return self.is_done

    def _run(self) -> None:
        client = None
        while client is None and not self._ends.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
        if client is None:
            return
        with client, contextlib.suppress(OSError), reach_server(self._server_port, self._ends) as server:
            client.settimeout(5.0)
            if self._relay(client, server):
                for _ in range(self._steps_alone):
                    server.sendall(ONE_STEP)
                    read_frame(server)
                server.sendall(GOODBYE)
                self.is_done = True

    def _relay(self, client: socket.socket, server: socket.socket) -> bool:
        """Until the controller is to be left alone. False: it ended the connection itself, and cleanly."""
        while not self._ends.is_set():
            if self._taken.is_set():
                return True
            readable, _, _ = select.select([client], [], [], 0.02)
            if not readable:
                continue
            try:
                question = read_frame(client)
            except OSError:  # killed, perhaps in the middle of a question: SUMO has seen nothing of it
                self._taken.wait(5.0)
                continue
            code, _ = next(commands(question))
            self.steps += code == STEP
            server.sendall(question)
            answer = read_frame(server)
            with contextlib.suppress(OSError):
                client.sendall(answer)
        return False
