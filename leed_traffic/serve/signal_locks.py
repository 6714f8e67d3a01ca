"""One owner per signal on this machine: a second controller of the same signal is refused, whatever its state folder.

A lock is a name in Linux's abstract socket namespace: no file, so nothing depends on HOME, XDG_RUNTIME_DIR or a /tmp that can
be written, or that a service has for itself. It is gone with the process, however that ends, and the kernel knows whose it is.
The name is made of the signal and of the address at which it is controlled: `localhost`, 127.0.0.1, ::1 and this machine's
other addresses are one, another port is another street. A far address may have more names than can be seen from here: there
the state folder is locked for the signal, too.
"""

import hashlib
import ipaddress
import logging
import os
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from leed_traffic.errors import OwnerError, UsageError

log = logging.getLogger(__name__)

_ASKED = 128  # so many who are refused learn the owner's process id: nobody answers them, the kernel tells


class SignalLocks:
    """The locks of one controller; a context that gives them back."""

    def __init__(self, host: str, port: int, signals: Sequence[str], folder: Path | None) -> None:
        """Nothing is locked yet.

        Args:
            host: of the device.
            port: of the device.
            signals: ids of those to control.
            folder: of the state; None: there is none.
        """
        self._where, self._signals = f"{host}:{port}", tuple(signals)
        self._host, self._port, self._folder = host, port, folder
        self._held = ExitStack()
        self._is_taken = False
        self._taking = threading.Lock()

    def __enter__(self) -> "SignalLocks":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def take(self) -> None:
        """Take all of them or none; what is held already stays held.

        Raises:
            OwnerError: another controller on this machine holds one.
            UsageError: they cannot be taken here.
        """
        with self._taking:
            if self._is_taken:
                return
            if not sys.platform.startswith("linux"):
                log.warning("%s: this system has no locks for signals: see to it that nobody else controls them", self._where)
                return
            places = _places(self._host, self._port, self._folder)
            with ExitStack() as taken:
                for signal in self._signals:
                    for place in places:
                        taken.enter_context(self._lock(place, signal))
                self._held.push(taken.pop_all())
            self._is_taken = True

    def _lock(self, place: str, signal: str) -> socket.socket:
        name = b"\0leed-signal-" + hashlib.sha256(f"{place}\0{signal}".encode()).hexdigest()[:40].encode()
        try:
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as err:
            raise UsageError(f"{self._where}: no lock for signal {signal}: {err.strerror}; allow more open files") from err
        try:
            lock.bind(name)
            lock.listen(_ASKED)
        except OSError as err:
            lock.close()
            owner = _owner_of(name)
            raise OwnerError(
                f"{self._where}: signal {signal} is controlled already, by process {owner}; a signal has one owner: stop that "
                "one, or name other signals with --intersections"
            ) from err
        return lock


def _places(host: str, port: int, folder: Path | None) -> list[str]:
    """What stands for the device: its address; for a far one all of them, and the state folder."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        found = {host.lower()}  # connecting will say what is wrong with it
    if any(_is_here(address) for address in found):
        return [f"here {port}"]
    places = [f"{address} {port}" for address in sorted(found)]
    if folder is not None and folder.exists():
        status = os.stat(folder)
        places.append(f"folder {status.st_dev} {status.st_ino}")
    return places


def _is_here(address: str) -> bool:
    """Whether an address is this machine's."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(parsed), 0))
    except OSError:
        return False
    return True


def _owner_of(name: bytes) -> str:
    """The process that holds a lock, as the kernel knows it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(1.0)
            caller.connect(name)
            return str(struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
    except OSError:
        return "unknown"
