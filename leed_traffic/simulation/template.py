"""A process that has imported libsumo and never simulates: copies of it do, one simulation each.

SUMO 1.28 loads a junction's right of way by the addresses of its links, so what a net means to libsumo depends on the state of
the heap: on what the process simulated, allocated and freed before (docs/decisions.md). A copy of a process that never changes
begins with the same heap whatever anybody did before; the thread that simulates in it has a part of the heap of its own, which
is empty. Started as `python -m leed_traffic.simulation.template FD` by `own_process`, which sends a socket for each simulation.
"""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

import libsumo

from leed_traffic.simulation.running import Begin, Call, Failure, Simulation, SumoError, first_line

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FAULTS = (libsumo.TraCIException, libsumo.FatalTraCIError)


def main(descriptor: int) -> None:
    """Copy this process for every socket that arrives, until the one who sends them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who asked for a simulation ends it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # copies that end leave nothing behind
    gc.freeze()
    door = socket.socket(fileno=descriptor)
    while True:
        knock, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        if not knock:
            return
        if os.fork() == 0:
            door.close()
            _simulate(descriptors[0])
        os.close(descriptors[0])


def _simulate(descriptor: int) -> NoReturn:
    with contextlib.suppress(OSError, AttributeError):  # only Linux has it; elsewhere the copy ends at its next answer
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _converse(Connection(descriptor)); os._exit(0)
    thread = threading.Thread(target=_converse, args=(Connection(descriptor),))
    thread.start()
    thread.join()
    os._exit(0)


def _converse(connection: Connection) -> None:
    """Begin, then answer each list of calls; None ends the simulation."""
    with contextlib.suppress(EOFError, OSError):  # whoever asked has gone
        begin: Begin = connection.recv()
        simulation = _attempt(partial(_begin, begin))
        if isinstance(simulation, Failure):
            connection.send(simulation)
            return
        connection.send(simulation.time_s)
        while calls := connection.recv():
            connection.send(_attempt(partial(_carry_out, simulation, calls)))
        connection.send(_attempt(simulation.close))


def _attempt(work: Callable[[], T]) -> T | Failure:
    try:
        return work()
    except _FAULTS as err:
        return Failure(SumoError(first_line(str(err))))
    except Exception as err:  # a fault of ours: shown to whoever asked, with where it happened
        return Failure(RuntimeError(f"{err!r} in the process that simulates\n{traceback.format_exc()}"))


def _begin(begin: Begin) -> Simulation:
    os.chdir(begin.folder)  # options may name files relative to it
    libsumo.start(["sumo", *begin.options])
    return Simulation(libsumo, begin_s=begin.begin_s, over="libsumo")


def _carry_out(simulation: Simulation, calls: list[Call]) -> tuple[Any, float]:
    """What the last of the calls returns, and the time after it."""
    answer = None
    for name, arguments in calls:
        answer = getattr(simulation, name)(*arguments)
    return answer, simulation.time_s


if __name__ == "__main__":
    main(int(sys.argv[1]))
