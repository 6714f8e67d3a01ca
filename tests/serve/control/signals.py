"""A controller's signals on the fake device, and a journal in memory, for tests of one part of a tick."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace

from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.controller import SignalController
from leed_traffic.serve.control.hot_swap import Generation, HotSwap
from leed_traffic.serve.control.service_state import ServiceState
from leed_traffic.serve.control.waits import StreetWaits
from leed_traffic.serve.device.contract import TICK_S
from leed_traffic.serve.safety.latch import LatchStore
from leed_traffic.serve.safety.supervisor import OperatingMode
from tests.serve.bundles import crossing
from tests.serve.fake_device import FakeDevice


@dataclass
class ListJournal:
    """Keeps all that is written."""

    records: list = field(default_factory=list)
    decisions: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    changes: list = field(default_factory=list)

    def note(self, records):
        self.records += records

    def note_decision(self, decision):
        self.decisions.append(decision)

    def note_asked(self, requests, observations):
        self.asked.append((list(requests), observations.copy()))

    def note_change(self, change, intersection):
        self.changes.append((change.step, intersection, change.why))

    def events(self):
        return [(int(record.event), record.parameter) for record in self.records]


def make_service(answer=lambda: 0.0, *, mode=OperatingMode.ACTIVE, latched=(), **changes):
    """What outlives a connection of one controlled crossing."""
    intersection, timing = crossing()
    decider = SimpleNamespace(decide=lambda observation, legal: [answer()])
    latches = LatchStore(None, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    latches.latched.update(dict.fromkeys(latched))
    assignment = Assignment(
        intersections=(intersection,), timings=(timing,), decision_interval_s=5.0, reach_m=100.0, **changes
    )
    return ServiceState(
        assignment=assignment,
        policies=HotSwap(Generation(bundle=SimpleNamespace(digest="a" * 64), decider=decider), [timing]),
        latches=latches,
        journal=ListJournal(),
        waits=StreetWaits(
            [intersection], [timing], tick_s=TICK_S, lease_s=4.0,
            sees_all=assignment.sensing.kind is SensingKind.IDEAL,
        ),
        lease_s=4.0,
        operating_mode=mode,
    )  # fmt: skip


def make_device(**changes):
    """A fake crossing; somebody stands on every lane."""
    intersection, timing = crossing()
    queues = {lane.id: 3 for lane in intersection.lanes}
    return FakeDevice(intersection, timing, lanes_to_read([intersection], 100.0), queues=queues, **changes)


def tick(controller, device, *, until=lambda snapshot: False, seconds=math.inf):
    """Ticks as the loop makes them, until something is so or the time is up; the last snapshot."""
    while (snapshot := device.read()) is not None:
        readings = controller.look(snapshot)
        if controller.is_due(snapshot):
            controller.decide(snapshot, readings)
        controller.act(snapshot)
        seconds -= 1
        if until(snapshot) or seconds <= 0:
            return snapshot
    raise AssertionError("the device ended first")


def start(**changes):
    """A controller, its only signal, its service and its device."""
    service = make_service(**changes)
    device = make_device()
    controller = SignalController(service, device)
    return controller, controller.signals[0], service, device
