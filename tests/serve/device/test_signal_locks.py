"""A signal has one owner on a machine: who is second is refused, and told who is first."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from leed_traffic.errors import ExitCode, OwnerError, UsageError
from leed_traffic.serve.device import signal_locks
from leed_traffic.serve.device.signal_locks import SignalLocks

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's abstract sockets")


@pytest.fixture
def locks():
    made = []

    def make(host="127.0.0.1", port=7, signals=("C",), folder=None):
        made.append(SignalLocks(host, port, signals, folder))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_second_owner_is_refused_and_told_who_is_first(locks, port):
    locks(port=port).take()
    message = rf"127.0.0.1:{port}: signal C is controlled already, by process {os.getpid()}; .*--intersections"
    for _ in range(3):
        with pytest.raises(OwnerError, match=message) as refused:
            locks(port=port).take()
    assert refused.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.2", "0.0.0.0", "LOCALHOST", "::ffff:127.0.0.1"])
def test_every_name_of_this_machine_is_the_same_street(locks, port, host):
    locks(port=port).take()
    with pytest.raises(OwnerError):
        locks(host=host, port=port).take()


def test_an_address_of_this_machine_on_its_network_is_this_machine(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("needs a network")
        address = probe.getsockname()[0]
    assert signal_locks._places(address, 5) == signal_locks._places("localhost", 5)


def test_other_signals_and_other_streets_are_free(locks, port):
    locks(port=port, signals=("A", "B")).take()
    locks(port=port, signals=("C",)).take()
    locks(port=port + 1 if port < 65535 else port - 1, signals=("A", "B", "C")).take()
    with pytest.raises(OwnerError, match="signal B"):
        locks(port=port, signals=("D", "B")).take()
    locks(port=port, signals=("D",)).take()  # what was refused has kept nothing


def test_a_lock_is_taken_once_and_given_back_at_the_end(locks, port):
    with locks(port=port) as first:
        first.take()
        first.take()
        with pytest.raises(OwnerError, match="signal C"):
            locks(port=port).take()
    locks(port=port).take()
    with pytest.raises(OwnerError, match="signal C"):
        locks(port=port).take()


def test_a_killed_owner_leaves_no_lock(locks, port):
    code = (
        "import time; from leed_traffic.serve.device.signal_locks import SignalLocks as L; "
        f"x = L('::1', {port}, ['C'], None); "
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code + "x.take(); print('held', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": "/nowhere", "TMPDIR": "/nowhere"},
    )  # fmt: skip
    try:
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(OwnerError, match=f"by process {owner.pid};"):
            locks(port=port).take()
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
    locks(port=port).take()


def test_an_owner_who_is_asked_too_often_is_not_named_but_still_the_owner(locks, port, monkeypatch):
    monkeypatch.setattr(signal_locks, "_ASKED", 1)
    locks(port=port).take()
    said = []
    for _ in range(4):
        with pytest.raises(OwnerError) as refused:
            locks(port=port).take()
        said.append(str(refused.value))
    assert f"process {os.getpid()}" in said[0]
    assert "process unknown" in said[-1]


def test_a_far_street_is_locked_by_its_addresses_and_by_the_state_folder(locks, tmp_path, monkeypatch):
    far = {"gateway": ["192.0.2.7"], "alias": ["192.0.2.7", "192.0.2.8"], "hidden": ["192.0.2.9"]}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", (a, port)) for a in far.get(host, [host])]
    )
    locks("gateway", 9, folder=tmp_path).take()
    for host, folder in (("gateway", None), ("alias", None), ("192.0.2.7", None), ("hidden", tmp_path)):
        with pytest.raises(OwnerError):
            locks(host, 9, folder=folder).take()
    other = tmp_path / "other"
    other.mkdir()
    locks("hidden", 9, folder=other).take()


def test_a_state_folder_belongs_to_one_street(locks, port, tmp_path):
    """One signal by way of two ports would be one owner's by its mark."""
    other = port + 1 if port < 65535 else port - 1
    locks(port=port, folder=tmp_path).take()
    with pytest.raises(
        OwnerError, match=rf"--state .*{tmp_path.name}: signal C is controlled already, by process {os.getpid()};"
    ):
        locks(port=other, folder=tmp_path / ".").take()
    locks(port=other, folder=tmp_path, signals=("D",)).take()
    locks(port=other, folder=tmp_path / "none yet").take()


def test_of_many_who_start_at_once_one_gets_the_signal(locks, port):
    got = []

    def start():
        one = locks(port=port)
        try:
            one.take()
            got.append(one)
        except OwnerError:
            pass

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_a_process_without_descriptors_left_says_so(monkeypatch):
    def none_left(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(signal_locks.socket, "socket", none_left)
    with pytest.raises(UsageError, match="signal C: no lock: Too many open files; allow more open files"):
        signal_locks._lock("here", "signal C")
