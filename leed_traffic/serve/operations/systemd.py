"""Messages to systemd (sd_notify): a datagram, no library.

READY=1 once the bundle is verified, the device is connected and the first tick is done. WATCHDOG=1 from a tick
that was completed without a fault, and from every look while a lost device is tried again (`--retry` bounds that):
a loop that spins without leading anybody, or a try that never comes back, is not alive.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.serve.device.contract import Snapshot

STILL_STARTING_S = 30  # s that a start may take on from each look: as long as the unit's watchdog waits

if TYPE_CHECKING:
    from leed_traffic.serve.control.controller import SignalController


class ServiceManager:
    """Speaks to $NOTIFY_SOCKET; says nothing where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._is_ready = self._is_waiting = False

    def begin(self, bundle: Bundle) -> None:
        """Say that the bundle was verified."""
        self._say(f"STATUS=bundle {bundle.digest[:16]} verified, connecting")

    def tick(self, controller: "SignalController", snapshot: Snapshot, tick_s: float) -> None:
        """Say that a tick was completed."""
        if not self._is_ready:
            self._is_ready = True
            self._say(f"READY=1\nSTATUS=serving {controller.n} signals")
        self._say(f"WATCHDOG=1\nSTATUS=serving {controller.n} signals" if self._is_waiting else "WATCHDOG=1")
        self._is_waiting = False

    def wait(self, why: str) -> None:
        """Say that a lost device is tried: between two tries, or in a pause between them."""
        self._is_waiting = self._is_ready
        life = "WATCHDOG=1" if self._is_ready else f"EXTEND_TIMEOUT_USEC={STILL_STARTING_S * 1_000_000}"
        said = "".join(letter if letter.isprintable() else "?" for letter in " ".join(why.split()))
        self._say(f"{life}\nSTATUS={said}")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mail:
            mail.setblocking(False)  # a service manager that does not listen must not stop the signals
            mail.connect(address)
            mail.send(message.encode())
