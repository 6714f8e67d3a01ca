"""Another network at the server is refused."""

from dataclasses import replace

import pytest

from leed_traffic.domain.safety.program import build_program
from leed_traffic.errors import MismatchError
from leed_traffic.serve.device.connection import Endpoint
from leed_traffic.serve.device.traci import TraciDevice
from tests.serve.bundles import crossing
from tests.serve.device.test_contract import LANES


@pytest.mark.sumo
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "elsewhere"}, "has no signal elsewhere"),
        ({"lanes": ("nowhere_0",)}, "has no lane nowhere_0"),
        ({"state": "rrrrrrrrrrrrrrrrrG"}, "never shows stage 1"),
        (
            {"way": {"to_lane": "C_E_0"}},
            r"signal C: link 0 serves .*, in the bundle .* to C_E_0; connect to the network of the",
        ),
        (
            {"way": {"speed_mps": 8.0}},
            r"has a speed limit of 13.89 m/s, in the bundle 8.00: 3.5 s of yellow instead of 3",
        ),
        ({"length_m": 99.0}, r"m long, in the bundle 99.0 m"),
        ({"links": True}, "never shows stage 0"),
    ],
)
def test_another_network_is_refused(start_sumo, change, message):
    intersection, timing = crossing()
    if "id" in change:
        intersection = replace(intersection, id="elsewhere")
    if "state" in change:
        stages = (
            intersection.stages[0],
            replace(intersection.stages[1], state=change["state"]),
            *intersection.stages[2:],
        )
        intersection = replace(intersection, stages=stages)
    if "links" in change:
        stages = tuple(replace(stage, state=stage.state + "r") for stage in intersection.stages)
        intersection = replace(intersection, stages=stages)
    if "way" in change:
        ways = (replace(intersection.movements[0], **change["way"]), *intersection.movements[1:])
        intersection = replace(intersection, movements=ways)
    if "length_m" in change:
        lanes = (replace(intersection.lanes[0], length_m=99.0), *intersection.lanes[1:])
        intersection = replace(intersection, lanes=lanes)
    sumo = start_sumo()
    with pytest.raises(MismatchError, match=message):
        TraciDevice(
            Endpoint(host="localhost", port=sumo.port, connect_s=20.0),
            [intersection],
            change.get("lanes", LANES),
            lambda n, step_s: build_program(intersection, timing, step_s=step_s),
        )
    assert sumo.process.wait(10.0) == 0
