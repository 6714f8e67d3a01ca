import socket
import subprocess
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import DeviceError
from leed_traffic.simulation.sumo.server import first_error, free_port, start_server, stop_server

pytestmark = pytest.mark.sumo

SCENARIO = load_scenario("crossing")


def test_a_busy_port_is_refused():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DeviceError, match=f"port {port}: cannot be used"):
            start_server(SCENARIO, port=port, seed=1, route_files=[])


def test_a_server_that_cannot_start_tells_why():
    server = start_server(replace(SCENARIO, options=("--nonsense", "1")), port=free_port(), seed=1, route_files=[])
    try:
        assert first_error(server) == "On processing option '--nonsense=1':"
        assert server.returncode == 1
    finally:
        stop_server(server)


def test_a_server_that_waits_for_clients_can_be_stopped():
    server = start_server(SCENARIO, port=free_port(), seed=1, route_files=[], num_clients=2)
    with pytest.raises(subprocess.TimeoutExpired):
        server.wait(0.3)
    stop_server(server)
    assert server.poll() is not None
