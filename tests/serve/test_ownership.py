"""Owners, as `serve` and its orders know them: refused before anything is touched, and what a foreign program means."""

import os
import shutil
import socket
import sys
from dataclasses import replace

import pytest

from leed_traffic.artifacts.policy import Policy
from leed_traffic.errors import ExitCode, MismatchError, OwnerError
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.commands import CommandQueue
from leed_traffic.serve.control.pace import divides
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.device.signal_locks import SignalLocks
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import Cause, OperatingMode, SignalMode
from tests.serve.bundles import write_crossing_bundle
from tests.serve.test_run import StopRequest, asks_for, drive, fake

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's abstract sockets")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def never(config, assignment, make_program, look):
    raise AssertionError("the device was reached")


@LINUX
@pytest.mark.parametrize("state", [None, "state"])
def test_a_second_controller_is_refused_before_it_reaches_the_device(crossing_bundle, tmp_path, port, state):
    config = ServeConfig(bundle=crossing_bundle, port=port, state=state and tmp_path / state)
    with SignalLocks("::1", port, ["C"], None) as owner:
        owner.take()
        with pytest.raises(
            OwnerError, match=f"localhost:{port}: signal C .* by process {os.getpid()};"
        ) as refused:
            serve(config, clock=lambda: 0.0, stop=StopRequest(), connect=never, is_shared=True)
    assert refused.value.exit_code is ExitCode.USAGE


@LINUX
def test_who_only_watches_owns_nothing_until_he_is_to_drive(crossing_bundle, port):
    with SignalLocks("127.0.0.1", port, ["C"], None) as owner:
        owner.take()
        summary, _ = drive(crossing_bundle, fake(end_s=5.0), port=port, control=OperatingMode.SHADOW)
    assert summary.exit_code is ExitCode.OK
    bundle, said = write_crossing_bundle(crossing_bundle.parent / "again"), []

    def refuse():
        said.append("asked")
        raise OwnerError("signal C is controlled already, by process 7")

    config = ServeConfig(bundle=bundle.path, port=port)
    server = CommandServer(assign(bundle, None), bundle, config, Policy, CommandQueue(), StatusBoard(), refuse)
    reply = server.answer(b'{"command": "mode", "mode": "active"}', "test")
    assert (reply.exit_code, reply.said) == (ExitCode.USAGE, "signal C is controlled already, by process 7")
    assert said == ["asked"]


def test_a_signal_with_another_owners_program_falls_back_and_says_so(crossing_bundle):
    device = fake(end_s=60.0)
    engaged = []
    display = device._sighting
    device._sighting = lambda: replace(display(), program="leed-0123abcd", is_foreign=True)
    device.engage = lambda n, stage: engaged.append(stage)
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0))
    assert engaged == []
    assert summary.modes == {"C": SignalMode.FALLBACK}
    assert summary.alarms == {Cause.FOREIGN_PROGRAM: 1}
    assert summary.exit_code is ExitCode.FALLBACK_AT_END


@pytest.mark.parametrize("step_s", [1.0, 0.5, 0.25, 0.2, 0.125, 0.1, 0.05, 0.001, 0.1 + 1e-12])
def test_a_tick_is_a_whole_number_of_these_steps(step_s):
    assert divides(step_s, 1.0)


@pytest.mark.parametrize("step_s", [0.3, 0.7, 0.15, 0.333, 0.4, 0.6, 0.9, 0.999, 0.011, 0.034, 1.5, 2.0])
def test_a_tick_is_no_whole_number_of_these_steps(step_s):
    assert not divides(step_s, 1.0)


@pytest.mark.parametrize("step_s", [0.3, 0.7, 0.15])
def test_steps_that_do_not_fill_a_tick_are_refused_at_connection(crossing_bundle, step_s):
    device = fake()
    device.step_s = step_s
    with pytest.raises(
        MismatchError, match=rf"steps of {step_s:g} s, of which no whole number is a tick of 1 s; start"
    ) as refused:
        drive(crossing_bundle, device)
    assert refused.value.exit_code is ExitCode.MISMATCH
    assert device.requests == []


@pytest.mark.parametrize(
    "harm",
    [shutil.rmtree, lambda folder: (folder / "owner").write_text("?"), lambda folder: (folder / "owner").unlink()],
)
def test_a_process_knows_its_own_program_again_whatever_becomes_of_its_folder(crossing_bundle, tmp_path, harm):
    names, device = [], fake(lost_at_s=10.0)

    def connect(config, assignment, make_program, look):
        names.append(config.program)
        if len(names) == 2:
            harm(tmp_path / "state")
        if len(names) == 3:
            device._lost_at_s = float("inf")
        device._is_first = True
        return device

    config = ServeConfig(bundle=crossing_bundle, port=1, until_s=30.0, state=tmp_path / "state", retry_s=60.0)
    serve(config, clock=lambda: 0.0, stop=StopRequest(), connect=connect, sleep=lambda seconds: None)
    assert len(names) == 3
    assert names == [names[0]] * 3
    assert is_marked(names[0])
