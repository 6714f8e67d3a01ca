import pytest

from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.rig.walking_device import WalkingDevice
from tests.intersections import with_limits
from tests.serve.bundles import REACH_M, crossing
from tests.serve.fake_device import check_signal_device

LANES = lanes_to_read([crossing()[0]], REACH_M)


def without_all_red():
    """The crossing's limits as a net has them that was never reviewed."""
    intersection, timing = crossing()
    return intersection, with_limits(timing, all_red_s=((0.0,) * timing.n_stages,) * timing.n_stages)


@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_the_walking_device_keeps_the_contract(place):
    program = build_program(*place())
    check_signal_device(WalkingDevice([place()[0]], LANES, lambda n, step_s: program, end_s=600.0), program)
