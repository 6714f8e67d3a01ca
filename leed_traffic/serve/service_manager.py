"""What systemd wants to hear (sd_notify): a datagram, no library.

READY=1 once the bundle is verified, the device is connected and the first tick is done. WATCHDOG=1 only from a tick that was
completed without a fault: a loop that spins without leading anybody is not alive.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.serve.device import Snapshot

if TYPE_CHECKING:
    from leed_traffic.serve.control import Controller


class ServiceManager:
    """Speaks to $NOTIFY_SOCKET; says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._is_ready = False

    def begin(self, bundle: Bundle) -> None:
        """The bundle was verified."""
        self._say(f"STATUS=bundle {bundle.digest[:16]} verified, connecting")

    def tick(self, controller: "Controller", snapshot: Snapshot, tick_s: float) -> None:
        """A tick was completed."""
        if not self._is_ready:
            self._is_ready = True
            self._say(f"READY=1\nSTATUS=serving {controller.n} signals")
        self._say("WATCHDOG=1")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mail:
            mail.setblocking(False)  # a service manager that does not listen must not stop the signals
            mail.connect(address)
            mail.send(message.encode())
