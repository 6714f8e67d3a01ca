"""The way from `leedctl reload`, `mode` and `status` to a running controller: a Unix socket in its state folder.

    STATE/serve-<pid>.sock     mode 0600: the same user, or root

One line of JSON there, one line back. Everything happens in a thread of its own, one caller at a time, each within a few
seconds: whatever a caller sends, or does not send, the control loop never waits for it. A controller that was killed leaves its
socket file; nobody answers there, and the next start removes it.
"""

import json
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from leed_traffic.errors import BundleError, DeviceError, ExitCode, LeedError, MismatchError, UsageError

log = logging.getLogger(__name__)

ANSWER_S = 120.0  # s that a caller waits: a bundle of hundreds of policies is checked, then a tick must take the order
_LINE_S, _LARGEST = 5.0, 65536  # s and bytes for one line of a caller
_PAUSE_S = 0.5  # s after a caller that could not be heard
_LONGEST_PATH = 100  # bytes: sockaddr_un holds 108 on Linux, 104 elsewhere
_ERRORS: dict[ExitCode, type[LeedError]] = {
    ExitCode.BUNDLE_REFUSED: BundleError,
    ExitCode.MISMATCH: MismatchError,
    ExitCode.BACKEND_LOST: DeviceError,
}


class Reply(BaseModel):
    """One line back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exit_code: ExitCode
    said: str
    bundle: str = ""  # the digest that a reload is about
    status: dict[str, Any] | None = None


Answer = Callable[[bytes, str], Reply]  # a line and who sent it -> what to say


@contextmanager
def listening(folder: Path, answer: Answer) -> Iterator[None]:
    """Take orders while the context lasts; where that cannot be, say so and go on without."""
    path = folder / f"serve-{os.getpid()}.sock"
    for old in _sockets(folder):
        if not _is_answered(old):
            with suppress(OSError):
                old.unlink()
    server = _bind(path)
    if server is None:
        yield
        return
    is_over = threading.Event()
    thread = threading.Thread(target=_attend, args=(server, answer, is_over), name="leed-orders", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for callers
        with suppress(OSError):
            path.unlink()
        thread.join(_LINE_S)
        server.close()


def running(folder: Path) -> list[int]:
    """Process ids of the controllers that take orders in a state folder."""
    return [int(path.stem.removeprefix("serve-")) for path in _sockets(folder) if _is_answered(path)]


def ask(folder: Path, request: dict[str, str], *, pid: int | None = None) -> Reply:
    """Send one order to the controller of a state folder.

    Args:
        folder: its state folder.
        request: see `desk.Request`.
        pid: which one, where several share the folder.

    Raises:
        UsageError: no such controller, or more than one.
        LeedError: the order was refused.
    """
    pids = running(folder)
    if pid is not None and pid not in pids:
        raise UsageError(f"{folder}: no controller with process id {pid} takes orders here; there are {_listed(pids)}")
    if pid is None and len(pids) != 1:
        advice = "name one with --pid" if pids else "is it running, with this --state, as this user?"
        raise UsageError(f"{folder}: expected one controller that takes orders here, found {_listed(pids)}; {advice}")
    path = folder / f"serve-{pid or pids[0]}.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(ANSWER_S)
            with _address(path) as address:
                caller.connect(address)
            caller.sendall(json.dumps(request).encode() + b"\n")
            reply = Reply.model_validate_json(_line(caller, 64 * _LARGEST))
    except (OSError, ValueError) as err:
        raise DeviceError(f"{path}: no answer from the controller ({err}); see its log") from err
    if reply.exit_code is not ExitCode.OK:
        raise _ERRORS.get(reply.exit_code, UsageError)(reply.said)
    return reply


def _attend(server: socket.socket, answer: Answer, is_over: threading.Event) -> None:
    """One caller after the other, until the socket is closed."""
    while not is_over.is_set():
        try:
            caller, _ = server.accept()
        except TimeoutError:
            continue
        except OSError as err:  # no descriptor left, or a caller that went away: the next one may get through
            if not is_over.is_set():
                log.warning("%s: a caller could not be heard (%s)", threading.current_thread().name, err.strerror or err)
                is_over.wait(_PAUSE_S)
            continue
        with caller, suppress(OSError):  # a caller that goes away takes only its answer with it
            caller.settimeout(_LINE_S)
            reply = answer(_line(caller, _LARGEST), _who(caller))
            caller.sendall(reply.model_dump_json().encode() + b"\n")


def _bind(path: Path) -> socket.socket | None:
    """A socket that only its owner may use."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _address(path) as address:
            server.bind(address)
        server.listen(8)
        server.settimeout(0.5)
    except OSError as err:
        log.warning("%s: no socket can be made (%s): this run takes no orders", path, err.strerror or err)
        server.close()
        return None
    finally:
        os.umask(before)
    return server


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A socket's path; a long one by way of its opened folder, which Linux knows under a short name."""
    if len(str(path).encode()) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _sockets(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("serve-*.sock") if path.stem.removeprefix("serve-").isdecimal())


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            with _address(path) as address:
                probe.connect(address)
        except OSError:
            return False
        return True


def _line(caller: socket.socket, largest: int) -> bytes:
    """Up to the end of the line, or of what the other side says."""
    heard = bytearray()
    while b"\n" not in heard and len(heard) < largest:
        piece = caller.recv(4096)
        if not piece:
            break
        heard += piece
    return bytes(heard).partition(b"\n")[0]


def _who(caller: socket.socket) -> str:
    """The user at the other end, as the kernel knows it."""
    if not hasattr(socket, "SO_PEERCRED"):
        return "unknown"
    pid, uid, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return f"uid {uid}, pid {pid}"


def _listed(pids: list[int]) -> str:
    return ", ".join(map(str, pids)) or "none"
