"""libsumo in this process: the one file that knows it.

SUMO 1.28 orders the links of a junction by their addresses while it loads a net, and on some nets right of way
depends on that order (docs/decisions/). The addresses come from the heap, so a second simulation of a process
may differ from the first one, and so may a first one in a process that did other things before. Therefore a
simulation begins here at most once, in a process that was copied for it, and the net is loaded by a thread of its
own, for which the C library opens a heap of its own: empty.
"""

import contextlib
import io
import os
import threading
from collections.abc import Sequence
from typing import Any

from leed_traffic.simulation.sumo.running import Begin, Here, Simulation, SumoError, first_line

_is_allowed = False


def import_libsumo() -> Any:  # noqa: ANN401  # a module without types
    """The module; what it prints on the stream that is for results is dropped."""
    with contextlib.redirect_stdout(io.StringIO()):
        import libsumo
    return libsumo


def faults() -> tuple[type[Exception], ...]:
    """Errors that libsumo raises."""
    libsumo = import_libsumo()
    return libsumo.TraCIException, libsumo.FatalTraCIError


def as_sumo_error(fault: Exception) -> SumoError:
    """The same, said as this package does."""
    return SumoError(first_line(str(fault)))


def allow() -> None:
    """This process is a copy that nobody has used: one simulation may begin here."""
    global _is_allowed
    _is_allowed = True


def may_begin() -> bool:
    """Return whether a simulation may begin here; asking uses it up."""
    global _is_allowed
    was_allowed = _is_allowed
    _is_allowed = False
    return was_allowed


def start(begin: Begin) -> Simulation:
    """Load a net and its demand.

    Raises:
        TraCIException: SUMO refuses a file.
    """
    libsumo = import_libsumo()
    failed = []

    def load() -> None:
        try:
            libsumo.start(["sumo", *begin.options])
        except faults() as err:
            failed.append(err)

    os.chdir(begin.folder)  # options may name files relative to it
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return Simulation(libsumo, begin_s=begin.begin_s, over="libsumo")


class InPlace(Here):
    """The simulation of this process."""

    def __init__(self, options: Sequence[str], *, begin_s: float) -> None:
        """Begin it.

        Raises:
            SumoError: SUMO refuses to start.
        """
        try:
            simulation = start(Begin(list(options), os.getcwd(), begin_s))
        except faults() as err:
            raise as_sumo_error(err) from err
        super().__init__(simulation, faults())
