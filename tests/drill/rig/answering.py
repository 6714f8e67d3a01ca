"""A server that answers every frame with itself and remembers what it was asked."""

import contextlib
import socket
import threading

from leed_traffic.drill.rig.frames import read_frame


@contextlib.contextmanager
def answering_server():
    """Its port, and the frames that it was sent, in their order."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                while True:
                    asked.append(read_frame(client))
                    client.sendall(asked[-1])

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        thread.join(5.0)
        listener.close()
