import subprocess
import sys

import pytest

from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.safety.program import build_program
from leed_traffic.serve.device.connection import Endpoint
from leed_traffic.serve.device.traci import TraciDevice
from tests.intersections import with_limits
from tests.serve.bundles import REACH_M, crossing
from tests.serve.fake_device import FakeDevice, check_signal_device

LANES = lanes_to_read([crossing()[0]], REACH_M)


def without_all_red():
    """The crossing's limits as a net has them that was never reviewed."""
    intersection, timing = crossing()
    return intersection, with_limits(timing, all_red_s=((0.0,) * timing.n_stages,) * timing.n_stages)


def open_device(port, *, place=crossing, **changes):
    intersection, timing = place()
    values = {"host": "localhost", "port": port, "deadline_s": 5.0, "connect_s": 20.0} | changes
    return TraciDevice(
        Endpoint(**values),
        [intersection],
        LANES,
        lambda n, step_s: build_program(intersection, timing, step_s=step_s),
    )


@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_the_fake_keeps_the_contract(place):
    check_signal_device(FakeDevice(*place(), LANES), build_program(*place()))


@pytest.mark.sumo
@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_sumo_keeps_the_contract(start_sumo, place):
    device = open_device(start_sumo().port, place=place)
    try:
        check_signal_device(device, build_program(*place()))
    finally:
        device.close()


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("leed_traffic.serve.run", ["torch", "libsumo", "sumolib", "sumo", "traci", "leed_traffic.simulation"]),
        # traci itself imports sumolib (pure Python tools); no simulator comes with it
        ("leed_traffic.serve.device.traci; import traci", ["torch", "libsumo", "sumo", "leed_traffic.simulation"]),
        (
            "leed_traffic.cli.serve",
            ["torch", "libsumo", "sumolib", "sumo", "traci", "onnxruntime", "leed_traffic.simulation"],
        ),
    ],
)
def test_serving_imports_no_simulator_and_no_torch(module, forbidden):
    code = f"import sys, {module}; print(sorted(set({forbidden}) & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
