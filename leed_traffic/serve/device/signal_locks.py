"""Locks that give each signal one owner on this machine: a second one is refused, whatever its state folder.

A lock is a name in Linux's abstract socket namespace: no file, so nothing depends on HOME, XDG_RUNTIME_DIR or a
/tmp that can be written, or that a service has for itself. It is gone with the process, however that ends, and the
kernel knows whose it is. The name is made of the signal and of the address at which it is controlled: `localhost`,
127.0.0.1, ::1 and this machine's other addresses are one, another port is another street. A street may have more
addresses than can be seen from here, and latches and the owner's mark lie in the state folder: it is locked for
the signal, too.
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
        """Begin with nothing locked.

        Args:
            host: of the device.
            port: of the device.
            signals: ids of those to control.
            folder: of the state; None: there is none.
        """
        self._where = f"{host}:{port}"
        self._signals = tuple(signals)
        self._host = host
        self._port = port
        self._folder = folder
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
                log.warning(
                    "%s: this system has no locks for signals: see to it that nobody else controls them",
                    self._where,
                )
                return
            places = [(place, self._where) for place in _places(self._host, self._port)]
            if self._folder is not None and self._folder.exists():
                status = os.stat(self._folder)
                places.append((f"folder {status.st_dev} {status.st_ino}", f"--state {self._folder}"))
            with ExitStack() as taken:
                for signal in self._signals:
                    for place, where in places:
                        taken.enter_context(_lock(f"{place}\0{signal}", f"{where}: signal {signal}"))
                self._held.push(taken.pop_all())
            self._is_taken = True


def _lock(place: str, what: str) -> socket.socket:
    """One lock.

    Args:
        place: and signal, that it is made of.
        what: it is about, for messages.

    Raises:
        OwnerError: another controller holds it.
        UsageError: it cannot be taken here.
    """
    name = b"\0leed-signal-" + hashlib.sha256(place.encode()).hexdigest()[:40].encode()
    try:
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as err:
        raise UsageError(f"{what}: no lock: {err.strerror}; allow more open files") from err
    try:
        lock.bind(name)
        lock.listen(_ASKED)
    except OSError as err:
        lock.close()
        raise OwnerError(
            f"{what} is controlled already, by process {_owner_of(name)}; a signal has one owner: "
            "stop that one, or name other signals with --intersections"
        ) from err
    return lock


def _places(host: str, port: int) -> list[str]:
    """Names that stand for the device: its addresses, of which all of this machine's are one."""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        found = {host.lower()}  # connecting will say what is wrong with it
    if any(_is_here(address) for address in found):
        return [f"here {port}"]
    return [f"{address} {port}" for address in sorted(found)]


def _is_here(address: str) -> bool:
    """Return whether an address is this machine's."""
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
            probe.connect((str(parsed), 9))  # sends nothing; to oneself one speaks from the same address
            return bool(probe.getsockname()[0] == str(parsed))
    except OSError:
        return False


def _owner_of(name: bytes) -> str:
    """The process that holds a lock, as the kernel knows it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(1.0)
            caller.connect(name)
            pid = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            return str(pid or "unknown")  # 0: of a container that is not seen from here
    except OSError:
        return "unknown"
