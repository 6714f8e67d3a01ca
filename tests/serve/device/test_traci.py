"""The device at a real SUMO: its end, its loss and its deadline."""

import os
import signal
import time

import pytest

from leed_traffic.errors import DeviceError
from tests.serve.device.test_contract import open_device


@pytest.mark.sumo
def test_a_stage_that_is_taken_over_again_counts_from_then(start_sumo):
    """SUMO counts a phase from when it last began, even while another program ran: 12 s here, minutes outside."""
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
        seen = [device.read().displays[0] for _ in range(3)]
        assert [(display.spent_s, display.is_sound) for display in seen] == [
            (1.0, True),
            (2.0, True),
            (3.0, True),
        ]
        assert device.request(0, 1, 1.0)
        assert [device.read().displays[0].spent_s for _ in range(2)] == [1.0, 2.0]
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


def test_nobody_listening_is_said_in_one_line(free_port):
    with pytest.raises(DeviceError, match=rf"localhost:{free_port}: nobody answers within 0.3 s .*--remote-port"):
        open_device(free_port, connect_s=0.3)
