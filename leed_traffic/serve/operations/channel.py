"""Channel from `leedctl reload`, `mode` and `status` to a running controller: a Unix socket in its state folder.

    STATE/serve-<pid>.sock     mode 0600: the same user, or root

One line of JSON there, one line back. Everything happens in threads of its own, and every client is bounded in
time and size (serve/operations/connections.py): whatever a client sends, or does not send, the control loop never
waits for it. A controller that was killed leaves its socket file; the kernel says that nobody listens there, and
the next start removes it. One that is too busy to take a client listens all the same, and its socket is left
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
from leed_traffic.serve.operations.connections import LARGEST, ConnectionServer, read_line

log = logging.getLogger(__name__)

# s that a client waits: a bundle of hundreds of policies is checked, then a tick must take the command
ANSWER_S = 120.0
_BUSY_S = 10.0
_AGAIN_S = 0.05  # s that a controller may have no room for another client, and between two tries
_LEAVE_S = 5.0  # s for the thread that takes clients in
_LOOK_S = 0.2  # between two looks whether it is to end
_LONGEST_PATH = 100  # bytes: sockaddr_un holds 108 on Linux, 104 elsewhere
_ERRORS: dict[ExitCode, type[LeedError]] = {
    ExitCode.BUNDLE_REFUSED: BundleError,
    ExitCode.MISMATCH: MismatchError,
    ExitCode.BACKEND_LOST: DeviceError,
}


class CommandReply(Document):
    """Line that is sent back."""

    exit_code: ExitCode
    said: str
    bundle: str = ""  # the digest that a reload is about
    status: dict[str, Any] | None = None


Answer = Callable[[bytes, str], CommandReply]  # a line and who sent it -> what to say


@contextmanager
def listening(folder: Path, answer: Answer) -> Iterator[None]:
    """Take commands while the context lasts; where that cannot be, say so and go on without."""
    for old in _sockets(folder):
        _remove_if_dead(old)
    path = folder / f"serve-{os.getpid()}.sock"
    listener = _bind(path)
    if listener is None:
        yield
        return
    server = ConnectionServer(listener, lambda line, who: answer(line, who).model_dump_json().encode() + b"\n")
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_S,), name="leed-commands", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        server.shutdown()
        thread.join(_LEAVE_S)
        listener.close()


def running(folder: Path) -> list[int]:
    """Return the process ids of the controllers that take commands in a state folder."""
    return [int(path.stem.removeprefix("serve-")) for path in _sockets(folder) if _is_answered(path)]


def ask(folder: Path, request: dict[str, str], *, pid: int | None = None) -> CommandReply:
    """Send one command to the controller of a state folder.

    Args:
        folder: its state folder.
        request: see `command_server.CommandLine`.
        pid: which one, where several share the folder.

    Raises:
        UsageError: no such controller, or more than one.
        LeedError: the command was refused.
    """
    pids = running(folder)
    if pid is not None and pid not in pids:
        raise UsageError(
            f"{folder}: no controller with process id {pid} takes commands here; there are {_listed(pids)}"
        )
    if pid is None and len(pids) != 1:
        advice = "name one with --pid" if pids else "is it running, with this --state, as this user?"
        raise UsageError(
            f"{folder}: expected one controller that takes commands here, found {_listed(pids)}; {advice}"
        )
    path = folder / f"serve-{pid or pids[0]}.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            _reach(client, path)
            talk = DeadlineSocket(client, ANSWER_S)
            talk.send(json.dumps(request).encode() + b"\n")
            reply = CommandReply.model_validate_json(read_line(talk, 64 * LARGEST))
    except (OSError, ValueError) as err:
        raise DeviceError(f"{path}: no answer from the controller ({err}); see its log") from err
    if reply.exit_code is not ExitCode.OK:
        raise _ERRORS.get(reply.exit_code, UsageError)(reply.said)
    return reply


def _reach(client: socket.socket, path: Path) -> None:
    """Connect; a queue of clients that is full for the moment is waited for."""
    give_up_s = time.monotonic() + _BUSY_S
    client.settimeout(ANSWER_S)
    while True:
        try:
            with _address(path) as address:
                client.connect(address)
        except BlockingIOError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _bind(path: Path) -> socket.socket | None:
    """Return a socket for its owner alone; it gets its name once it listens, and never the name of another."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    fresh = path.with_name(f".{path.name}.new")
    before = os.umask(0o177)
    try:
        fresh.unlink(missing_ok=True)
        with _address(fresh) as address:
            server.bind(address)
        server.listen(64)  # clients that wait in the kernel take no descriptor
        _name(fresh, path)
    except OSError as err:
        log.warning("%s: no socket can be made (%s): this run takes no commands", path, err.strerror or err)
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
    """Remove a socket that nobody listens at: taken aside first, where nobody finds it, and looked at again."""
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
    """Yield a socket's path; a long one by way of its opened folder, which Linux knows under a short name."""
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
    """Return whether a process listens there; one with a full queue does, one that we cannot ask may."""
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


def _listed(pids: list[int]) -> str:
    return ", ".join(map(str, pids)) or "none"
