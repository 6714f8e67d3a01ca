import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.rig.walking_device import WalkingDevice
from leed_traffic.errors import DeviceError, MismatchError
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


@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_the_walking_device_keeps_the_contract(place):
    program = build_program(*place())
    check_signal_device(WalkingDevice([place()[0]], LANES, lambda n, step_s: program, end_s=600.0), program)


@pytest.mark.sumo
@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_sumo_keeps_the_contract(start_sumo, place):
    device = open_device(start_sumo().port, place=place)
    try:
        check_signal_device(device, build_program(*place()))
    finally:
        device.close()


@pytest.mark.sumo
def test_a_stage_that_is_taken_over_again_counts_from_then(start_sumo):
    """SUMO counts a phase from when it last began, even while another program ran: 12 s here, minutes on a street."""
    device = open_device(start_sumo().port)
    try:
        device.read()
        assert device.engage(0, 0)
        for _ in range(8):
            device.read()
        assert device.release(0)
        for _ in range(3):
            device.read()
        assert device.engage(0, 0)
        seen = [device.read().sightings[0] for _ in range(3)]
        assert [(sighting.spent_s, sighting.is_sound) for sighting in seen] == [
            (1.0, True),
            (2.0, True),
            (3.0, True),
        ]
        assert device.request(0, 1, 1.0)
        assert [device.read().sightings[0].spent_s for _ in range(2)] == [1.0, 2.0]
    finally:
        device.close()


@pytest.mark.sumo
def test_the_server_ends_when_its_client_leaves(start_sumo):
    sumo = start_sumo()
    device = open_device(sumo.port)
    device.read()
    device.close()
    device.close()
    assert sumo.process.wait(10.0) == 0


@pytest.mark.sumo
def test_the_end_of_the_simulation_is_no_fault(start_sumo):
    device = open_device(start_sumo("--end", "8").port)
    times = []
    while (snapshot := device.read()) is not None:
        times.append(snapshot.time_s)
    device.close()
    assert device.end_s == 8.0
    assert times == [float(t) for t in range(8)]


@pytest.mark.sumo
def test_a_frozen_sumo_is_given_up_at_the_deadline(start_sumo):
    sumo = start_sumo()
    device = open_device(sumo.port, deadline_s=0.5)
    device.read()
    os.kill(sumo.process.pid, signal.SIGSTOP)
    begin_s = time.monotonic()
    try:
        with pytest.raises(DeviceError, match=r"no answer within 0\.5 s"):
            device.read()
        with pytest.raises(DeviceError, match="the connection is closed"):
            device.read()
        device.close()
        assert time.monotonic() - begin_s < 2.0
    finally:
        os.kill(sumo.process.pid, signal.SIGCONT)


@pytest.mark.sumo
def test_a_killed_sumo_is_noticed_at_once(start_sumo):
    sumo = start_sumo()
    device = open_device(sumo.port)
    device.read()
    sumo.process.kill()
    sumo.process.wait()
    with pytest.raises(DeviceError, match="lost"):
        device.read()
    device.close()


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


def test_nobody_listening_is_said_in_one_line(free_port):
    with pytest.raises(DeviceError, match=rf"localhost:{free_port}: nobody answers within 0.3 s .*--remote-port"):
        open_device(free_port, connect_s=0.3)


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


@pytest.mark.sumo
def test_vehicles_are_those_on_the_lanes_read(start_sumo):
    device = open_device(start_sumo().port)
    snapshots = [device.read() for _ in range(60)]
    device.close()
    counts = [len(snapshot.vehicles.lane) for snapshot in snapshots]
    assert counts[0] == 0
    assert max(counts) > 3
    last = snapshots[-1].vehicles
    assert np.isfinite(last.position_m).all()
    assert (last.speed_mps >= 0.0).all()
    assert set(last.lane) <= set(range(len(LANES)))
