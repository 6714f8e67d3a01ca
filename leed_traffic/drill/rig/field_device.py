"""Ways to a real SUMO: through a device that meddles, or a new simulator at every connection."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.drill.rig.place import Place, sumo
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.config import Connect, Look, ServeConfig
from leed_traffic.serve.device.contract import SignalDevice
from leed_traffic.serve.run import connect_traci

Servers = list["subprocess.Popen[bytes]"]


class PassingOn:
    """A device before another one: everything but the reading is passed on."""

    def __init__(self, device: SignalDevice) -> None:
        self._device = device
        self.step_s = device.step_s
        self.lane_index = device.lane_index
        self.end_s = device.end_s
        self.engage = device.engage
        self.request = device.request
        self.extend = device.extend
        self.release = device.release
        self.close = device.close
        self.watch_crossings = device.watch_crossings
        self.commit = device.commit


def through(wrap: Callable[[SignalDevice], SignalDevice], connect: Connect = connect_traci) -> Connect:
    """Opens a device and puts another one before it."""

    def opened(
        config: ServeConfig,
        assignment: Assignment,
        make_program: Callable[[int, float], StageProgram],
        look: Look,
    ) -> SignalDevice:
        return wrap(connect(config, assignment, make_program, look))

    return opened


@contextlib.contextmanager
def new_simulators(place: Place, record: Callable[[int], Path]) -> Iterator[tuple[Connect, Servers]]:
    """Opens a SUMO of its own for every connection, as `serve --scenario` does; all are gone when the context ends.

    Args:
        place: what they simulate.
        record: the folder for the outputs of the k-th.
    """
    servers: Servers = []
    with contextlib.ExitStack() as stack:

        def connect(
            config: ServeConfig,
            assignment: Assignment,
            make_program: Callable[[int, float], StageProgram],
            look: Look,
        ) -> SignalDevice:
            port, server = stack.enter_context(sumo(place, record(len(servers))))
            servers.append(server)
            return connect_traci(config.model_copy(update={"port": port}), assignment, make_program, look)

        yield connect, servers
