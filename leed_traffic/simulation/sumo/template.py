"""A process that has imported what is needed and never simulates: copies of it do, so that each begins as the first one did.

Started as `python -m leed_traffic.simulation.sumo.template FD MODULE...` by `copies.Template`, which sends a
socket for each copy. A copy either simulates for somebody else, call by call, or carries out a whole task.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from leed_traffic.errors import LeedError
from leed_traffic.simulation.sumo import in_place
from leed_traffic.simulation.sumo.running import Begin, Call, Failure, Simulation

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(descriptor: int, modules: list[str]) -> None:
    """Copy this process for every socket that arrives, until the one who sends them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who asked for a copy ends it
    in_place.import_libsumo()
    for module in modules:
        with contextlib.suppress(ImportError):  # the task itself will say so
            importlib.import_module(module)
    scratch = os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(prefix="leed-copies-")
    gc.freeze()
    door = socket.socket(fileno=descriptor)
    copies = set[int]()
    while True:
        knock, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        _bury(copies)
        if not knock:
            break
        copy = os.fork()
        if copy == 0:
            door.close()
            _live(Connection(descriptors[0]))
        copies.add(copy)
        os.close(descriptors[0])
    _end(copies)
    shutil.rmtree(scratch, ignore_errors=True)


def _bury(copies: set[int]) -> None:
    """Take note of copies that have ended, so that their time counts as this process's."""
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitpid(-1, os.WNOHANG)[0]:
            copies.discard(ended)


def _end(copies: set[int]) -> None:
    """End those that are at work for somebody who is gone: what they wrote into their scratch is nobody's."""
    for copy in copies:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)


def _live(connection: Connection) -> NoReturn:
    """Do what comes over a connection, and end; so does an error that nobody expects, after word of it was sent."""
    with contextlib.suppress(
        OSError, AttributeError
    ):  # only Linux has it; elsewhere a copy ends with its next answer
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    sys.excepthook = partial(_end_of, connection)
    purpose = connection.recv()
    if isinstance(purpose, Begin):
        _converse(purpose, connection)
    else:
        in_place.allow()
        function, task = purpose
        connection.send(_attempt(partial(function, task)))
    sys.stderr.flush()
    os._exit(0)


def _end_of(
    connection: Connection, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> NoReturn:
    """End a copy by an error of ours, and tell whoever asked where it happened; nobody where the error is that he left."""
    with contextlib.suppress(OSError):
        where = "".join(traceback.format_exception(error))
        connection.send(Failure(RuntimeError(f"{error!r} in a process of its own\n{where}"), is_last=True))
    sys.stderr.flush()
    os._exit(1)


def _converse(begin: Begin, connection: Connection) -> None:
    """Begin, then answer each list of calls; None ends the simulation."""
    simulation = _attempt(partial(in_place.start, begin))
    if isinstance(simulation, Failure):
        connection.send(simulation)
        return
    connection.send(simulation.time_s)
    while calls := connection.recv():
        connection.send(_attempt(partial(_answer, simulation, calls)))
    connection.send(_attempt(simulation.close))


def _attempt(work: Callable[[], T]) -> T | Failure:
    """Do the work: what it returns, or what SUMO or this package refuses."""
    try:
        return work()
    except LeedError as err:
        return Failure(err)
    except in_place.faults() as err:
        return Failure(in_place.as_sumo_error(err))


def _answer(simulation: Simulation, calls: list[Call]) -> tuple[Any, float]:
    """Answer calls: what the last of them returns, and the time after it."""
    answer = None
    for call, arguments in calls:
        answer = call(simulation, *arguments)
    return answer, simulation.time_s


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
