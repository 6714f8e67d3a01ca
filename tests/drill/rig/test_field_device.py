from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.rig.field_device import PassingOn, through
from leed_traffic.drill.rig.walking_device import WalkingDevice
from tests.serve.bundles import REACH_M, crossing
from tests.serve.fake_device import check_signal_device


def walking_device():
    program = build_program(*crossing())
    lanes = lanes_to_read([crossing()[0]], REACH_M)
    return WalkingDevice([crossing()[0]], lanes, lambda n, step_s: program, end_s=600.0)


class Reading(PassingOn):
    """Passes on the reading, too."""

    def __init__(self, device):
        super().__init__(device)
        self.read = device.read


def test_a_device_before_another_keeps_the_contract():
    device = walking_device()
    check_signal_device(Reading(device), build_program(*crossing()))


def test_whoever_connects_gets_the_device_in_front():
    device = walking_device()
    opened = through(Reading, lambda *asked: device)(None, None, None, None)
    assert isinstance(opened, Reading)
    assert opened.read == device.read
