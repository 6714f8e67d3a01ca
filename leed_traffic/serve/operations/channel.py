"""The way from `leedctl reload`, `mode` and `status` to a running controller: a Unix socket in its state folder.

    STATE/serve-<pid>.sock     mode 0600: the same user, or root

One line of JSON there, one line back. Everything happens in threads of its own, and every caller is bounded in
time and size (serve/operations/callers.py): whatever a caller sends, or does not send, the control loop never
waits for it. A controller that was killed leaves its socket file; the kernel says that nobody listens there, and
the next start removes it. One that is too busy to take a caller listens all the same, and its socket is left
alone.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from leed_traffic.domain.document import Document
from leed_traffic.errors import BundleError, DeviceError, ExitCode, LeedError, MismatchError, UsageError
from leed_traffic.serve.device.connection import DeadlineSocket
from leed_traffic.serve.operations.callers import LARGEST, Callers

log = logging.getLogger(__name__)

ANSWER_S = (
    120.0  # s that a caller waits: a bundle of hundreds of policies is checked, then a tick must take the order
)
_BUSY_S = 10.0
_AGAIN_S = 0.05  # s that a controller may have no room for another caller, and between two tries
_LEAVE_S = 5.0  # s for the thread that attends to callers
_LONGEST_PATH = 100  # bytes: sockaddr_un holds 108 on Linux, 104 elsewhere
_ERRORS: dict[ExitCode, type[LeedError]] = {
    ExitCode.BUNDLE_REFUSED: BundleError,
    ExitCode.MISMATCH: MismatchError,
    ExitCode.BACKEND_LOST: DeviceError,
}


class CommandReply(Document):
    """One line back."""

    exit_code: ExitCode
    said: str
    bundle: str = ""  # the digest that a reload is about
    status: dict[str, Any] | None = None


Answer = Callable[[bytes, str], CommandReply]  # a line and who sent it -> what to say


@contextmanager
def listening(folder: Path, answer: Answer) -> Iterator[None]:
    """Take orders while the context lasts; where that cannot be, say so and go on without."""
    for old in _sockets(folder):
        _remove_if_dead(old)
    path = folder / f"serve-{os.getpid()}.sock"
    server = _bind(path)
    if server is None:
        yield
        return
    is_over = threading.Event()
    callers = Callers(server, lambda line, who: answer(line, who).model_dump_json().encode() + b"\n")
    thread = threading.Thread(target=callers.attend, args=(is_over,), name="leed-orders", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for callers
        with suppress(OSError):
            path.unlink()
        thread.join(_LEAVE_S)
        server.close()


def running(folder: Path) -> list[int]:
    """Process ids of the controllers that take orders in a state folder."""
    return [int(path.stem.removeprefix("serve-")) for path in _sockets(folder) if _is_answered(path)]


def ask(folder: Path, request: dict[str, str], *, pid: int | None = None) -> CommandReply:
    """Send one order to the controller of a state folder.

    Args:
        folder: its state folder.
        request: see `desk.CommandLine`.
        pid: which one, where several share the folder.

    Raises:
        UsageError: no such controller, or more than one.
        LeedError: the order was refused.
    """
    pids = running(folder)
    if pid is not None and pid not in pids:
        raise UsageError(
            f"{folder}: no controller with process id {pid} takes orders here; there are {_listed(pids)}"
        )
    if pid is None and len(pids) != 1:
        advice = "name one with --pid" if pids else "is it running, with this --state, as this user?"
        raise UsageError(
            f"{folder}: expected one controller that takes orders here, found {_listed(pids)}; {advice}"
        )
    path = folder / f"serve-{pid or pids[0]}.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            _reach(caller, path)
            talk = DeadlineSocket(caller, ANSWER_S)
            talk.send(json.dumps(request).encode() + b"\n")
            reply = CommandReply.model_validate_json(_line(talk, 64 * LARGEST))
    except (OSError, ValueError) as err:
        raise DeviceError(f"{path}: no answer from the controller ({err}); see its log") from err
    if reply.exit_code is not ExitCode.OK:
        raise _ERRORS.get(reply.exit_code, UsageError)(reply.said)
    return reply


def _reach(caller: socket.socket, path: Path) -> None:
    """Connect; a queue of callers that is full for the moment is waited for."""
    give_up_s = time.monotonic() + _BUSY_S
    caller.settimeout(ANSWER_S)
    while True:
        try:
            with _address(path) as address:
                caller.connect(address)
        except BlockingIOError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _bind(path: Path) -> socket.socket | None:
    """A socket that only its owner may use; it gets its name once it listens, and never the name of another."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh = path.with_name(f".{path.name}.new")
    before = os.umask(0o177)
    try:
        fresh.unlink(missing_ok=True)
        with _address(fresh) as address:
            server.bind(address)
        server.listen(64)  # callers that wait in the kernel take no descriptor
        _name(fresh, path)
    except OSError as err:
        log.warning("%s: no socket can be made (%s): this run takes no orders", path, err.strerror or err)
        server.close()
        return None
    finally:
        os.umask(before)
        with suppress(OSError):
            fresh.unlink()
    return server


def _name(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)  # fails where the name is taken
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise
        fresh.rename(path)


def _remove_if_dead(path: Path) -> None:
    """Nobody can listen at a name under which it is no longer found: so it is taken aside first, and looked at again there."""
    if _is_answered(path):
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.rename(aside)
        if _is_answered(aside):  # somebody else had removed the dead one, and a new controller has this name
            os.link(aside, path)
        aside.unlink()


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
    named = (path for path in folder.glob("serve-*.sock") if path.stem.removeprefix("serve-").isdecimal())
    return sorted(path for path in named if path.is_socket())


def _is_answered(path: Path) -> bool:
    """Whether a process listens there; one whose queue of callers is full does, and so may one that we cannot ask."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            with _address(path) as address:
                probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True


def _line(talk: DeadlineSocket, largest: int) -> bytes:
    """Up to the end of the line, or of what the other side says."""
    heard = bytearray()
    while b"\n" not in heard and len(heard) < largest:
        piece = talk.recv(LARGEST)
        if not piece:
            break
        heard += piece
    return bytes(heard).partition(b"\n")[0]


def _listed(pids: list[int]) -> str:
    return ", ".join(map(str, pids)) or "none"
