import os
import signal
import socket

import pytest

from leed_traffic.errors import WorkerError
from leed_traffic.simulation.sumo.engine import Engine
from tests.simulation.carriageways import Job, children, drive

pytestmark = pytest.mark.sumo


def test_a_time_out_that_a_program_has_set_for_its_sockets_ends_no_simulation(carriageways, tmp_path):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        limited = drive(carriageways, Job(7, tmp_path / "limited"))
    finally:
        socket.setdefaulttimeout(before)
    assert limited == drive(carriageways, Job(7, tmp_path / "free"))


def test_a_killed_simulation_is_one_clear_error_and_the_next_one_starts(carriageways, tmp_path):
    engine, before = Engine(), set(children(os.getpid()))
    engine.start(carriageways, seed=7, route_files=carriageways.route_files)
    engine.advance(10.0)
    killed = max(set(children(os.getpid())) - before)  # the latest of them
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(WorkerError, match="the process of a simulation died"):
        engine.advance(20.0)
    engine.close()
    engine.start(carriageways, seed=7, route_files=carriageways.route_files)
    engine.advance(10.0)
    assert engine.time_s == 10.0
    engine.close()
