import socket
from types import SimpleNamespace

import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.operations.systemd import ServiceManager
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.test_run import fake


@pytest.fixture
def notify_socket(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.bind(str(tmp_path / "notify"))
        box.settimeout(0.2)
        yield box, {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def messages(box):
    found = []
    while True:
        try:
            found.append(box.recv(4096).decode())
        except TimeoutError:
            return found


def test_systemd_hears_ready_after_the_first_tick_and_a_sign_of_life_from_each(crossing_bundle, notify_socket):
    box, environment = notify_socket
    drive_watched(crossing_bundle, ServiceManager(environment), until_s=5.0)
    heard = messages(box)
    assert heard[0].startswith("STATUS=bundle")
    assert heard[1] == "READY=1\nSTATUS=serving 1 signals"
    assert set(heard[2:]) == {"WATCHDOG=1"}
    assert len(heard) >= 2 + 6


def test_systemd_hears_from_every_look_that_a_lost_device_is_tried_again(notify_socket):
    box, environment = notify_socket
    manager = ServiceManager(environment)
    manager.wait("connecting")
    manager.tick(SimpleNamespace(n=1), None, 0.0)
    manager.wait("trying again: gateway:8813: no\nanswer")
    manager.tick(SimpleNamespace(n=1), None, 0.0)
    manager.tick(SimpleNamespace(n=1), None, 0.0)
    assert messages(box) == [
        "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=connecting",
        "READY=1\nSTATUS=serving 1 signals",
        "WATCHDOG=1",
        "WATCHDOG=1\nSTATUS=trying again: gateway:8813: no answer",
        "WATCHDOG=1\nSTATUS=serving 1 signals",
        "WATCHDOG=1",
    ]


class Heard(ServiceManager):
    """What systemd would be told, however long its queue."""

    def __init__(self):
        super().__init__({})
        self.messages = []

    def _say(self, message):
        self.messages.append(message)


def test_a_tick_that_fails_is_no_sign_of_life(crossing_bundle, caplog):
    device, manager = fake(), Heard()
    device.request = None
    summary = drive_watched(crossing_bundle, manager, device=device)
    n_faults = caplog.text.count("a fault at")
    assert n_faults > 0
    assert sum("WATCHDOG=1" in message for message in manager.messages) == summary.ticks - n_faults


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "@nobody"}])
def test_a_service_manager_that_is_not_there_stops_nothing(crossing_bundle, environment):
    assert drive_watched(crossing_bundle, ServiceManager(environment), until_s=5.0).exit_code is ExitCode.OK
