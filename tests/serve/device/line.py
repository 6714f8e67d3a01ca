"""A device at a real SUMO, and the line between them."""

import struct

from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.exercises.cuts import contents
from leed_traffic.serve.device.connection import Endpoint
from leed_traffic.serve.device.traci import TraciDevice
from tests.serve.bundles import crossing

OURS, THEIRS = "leed-0000aaaa", "leed-0000bbbb"
PROGRAM = build_program(*crossing())
ALONE = 3  # steps of the gateway between two controllers


def open_device(port, *, name=OURS, place=crossing, **changes):
    intersection, timing = place()
    endpoint = Endpoint(host="127.0.0.1", port=port, deadline_s=5.0, connect_s=20.0)
    make = lambda n, step_s: build_program(intersection, timing, step_s=step_s)  # noqa: E731
    return TraciDevice(endpoint, [intersection], [], make, program_name=name, **changes)


class Line:
    """What a device sends; a part of it may be altered on its way, as a server that refuses it would take it."""

    def __init__(self, device):
        self.sent, self._socket, self._altered = [], device._connection._socket, {}
        device._connection._socket = self

    def alter(self, before, after):
        self._altered[before] = after

    def send(self, content):
        for before, after in self._altered.items():
            content = content.replace(before, after)
        self.sent.append(content)
        return self._socket.send(content)

    def __getattr__(self, name):
        return getattr(self._socket, name)

    def take(self):
        """What moved a signal since."""
        said, self.sent = [what for message in self.sent if (what := contents(message))], []
        return said


def shown(device):
    """The display of the next tick."""
    return device.read().displays[0]


def standing(device):
    """The stage that is shown, once one is."""
    while (seen := shown(device)).state not in [phase.state for phase in PROGRAM.phases[: PROGRAM.n_stages]]:
        pass
    return next(k for k in range(PROGRAM.n_stages) if PROGRAM.phases[k].state == seen.state)


def program_at(device):
    return device._connection.trafficlight.getProgram("C")


def number(index):
    return struct.pack("!Bi", 0x09, index)


def name(text):
    return struct.pack("!Bi", 0x0C, len(text)) + text.encode()
