import csv
import itertools
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.detectors.health import SensingFault
from leed_traffic.serve.logs import events
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.operations.systemd import ServiceManager
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import Cause
from tests.serve.bundles import crossing
from tests.serve.test_run import asks_for, drive, fake

ALERTS = Path(__file__).parents[2] / "deploy" / "alerts.yml"


def drive_watched(bundle, watcher, *, device=None, policy=None, until_s=120.0, on_tick=None):
    device = device or fake(queues={crossing()[0].lanes[0].id: 3})
    return serve(
        ServeConfig(bundle=bundle, port=1, until_s=until_s), clock=lambda: 0.0, stop=StopRequest(),
        connect=lambda *_: device, decider=lambda bundle, ids: policy or asks_for(0), watchers=[watcher],
        on_tick=on_tick or (lambda time_s, end_s, note: None),
    )  # fmt: skip


@pytest.fixture
def metrics():
    pytest.importorskip("prometheus_client", reason="metrics are in the extra 'serve'")
    from leed_traffic.serve.operations.metrics import Metrics

    return Metrics()


def read(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_the_figures_follow_the_run(crossing_bundle, metrics):
    summary = drive_watched(crossing_bundle, metrics, policy=asks_for(99))
    assert read(metrics, "leed_mode", signal="C", mode="engaged") == 0.0  # handed back at the end
    assert read(metrics, "leed_tick_duration_seconds_count") == summary.ticks
    assert read(metrics, "leed_decision_duration_seconds_count") == summary.decisions
    unknown = read(metrics, "leed_envelope_overrides_total", rule="unknown_request")
    assert unknown == summary.rulings["unknown_request"] > 0
    assert read(metrics, "leed_monitor_violations_total") == 0.0
    assert read(metrics, "leed_bundle_info", digest=summary.bundle_digest, scenario="crossing") == 1.0
    assert read(metrics, "leed_lease_seconds") == 4.0


def test_every_label_of_a_counter_reads_0_before_anything_has_happened(crossing_bundle, metrics):
    metrics.begin(read_bundle(crossing_bundle))
    for name, label, values in (
        ("leed_envelope_overrides_total", "rule", set(Reason) - {Reason.GRANTED}),
        ("leed_fallback_transitions_total", "reason", Cause),
        ("leed_detector_faults_total", "kind", [fault.name.lower() for fault in SensingFault if fault]),
        ("leed_bundle_steps_total", "step", ChangeKind),
    ):
        assert {read(metrics, name, **{label: str(value)}) for value in values} == {0.0}, name


def test_a_first_decision_that_fails_does_not_end_the_figures(crossing_bundle, metrics):
    calls = itertools.count()

    def stumbling(bundle, ids):
        sound = asks_for(0)

        class Stumbling:
            def decide(self, observation, legal):
                if next(calls) == 0:
                    raise ValueError("not yet")
                return sound.decide(observation, legal)

        return Stumbling()

    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1, until_s=30.0), clock=lambda: 0.0, stop=StopRequest(),
        connect=lambda *_: fake(), decider=stumbling, watchers=[metrics],
    )  # fmt: skip
    assert read(metrics, "leed_device_time_seconds") == summary.end_s
    assert read(metrics, "leed_decision_duration_seconds_count") == summary.decisions == 6


def test_an_extended_clearance_is_counted_once(crossing_bundle, metrics):
    device = fake()
    device.inside_mps = lambda time_s: 0.0
    summary = drive_watched(crossing_bundle, metrics, device=device, policy=asks_for(1), until_s=35.0)
    assert len(device.extensions) == 15
    assert read(metrics, "leed_clearance_extensions_total") == summary.clearance_extensions == 1


def test_a_trip_is_counted_with_its_reason(crossing_bundle, metrics):
    device = fake()

    def break_it(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    summary = drive_watched(crossing_bundle, metrics, device=device, on_tick=break_it)
    assert summary.exit_code is ExitCode.MONITOR_VIOLATION
    assert read(metrics, "leed_monitor_violations_total") == len(summary.violations)
    assert read(metrics, "leed_fallback_transitions_total", reason="monitor_trip") == 1.0
    assert read(metrics, "leed_latched_signals") == 1.0


def test_every_alert_asks_for_a_figure_that_exists(crossing_bundle, metrics):
    drive_watched(crossing_bundle, metrics, policy=asks_for(99))
    known = {family.name for family in metrics.registry.collect()}
    asked = set(re.findall(r"\bleed_[a-z_]+", "\n".join(re.findall(r"expr: (.*)", ALERTS.read_text()))))
    assert len(asked) >= 5
    for name in asked:
        assert re.sub(r"_(total|bucket|count|sum|info)$", "", name) in known, name


@pytest.fixture
def notify_socket(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.bind(str(tmp_path / "notify"))
        box.settimeout(0.2)
        yield box, {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def letters(box):
    found = []
    while True:
        try:
            found.append(box.recv(4096).decode())
        except TimeoutError:
            return found


def test_systemd_hears_ready_after_the_first_tick_and_a_sign_of_life_from_each(crossing_bundle, notify_socket):
    box, environment = notify_socket
    drive_watched(crossing_bundle, ServiceManager(environment), until_s=5.0)
    heard = letters(box)
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
    assert letters(box) == [
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
        self.letters = []

    def _say(self, message):
        self.letters.append(message)


def test_a_tick_that_fails_is_no_sign_of_life(crossing_bundle, caplog):
    device, manager = fake(), Heard()
    device.request = None
    summary = drive_watched(crossing_bundle, manager, device=device)
    n_faults = caplog.text.count("a fault at")
    assert n_faults > 0
    assert sum("WATCHDOG=1" in letter for letter in manager.letters) == summary.ticks - n_faults


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "@nobody"}])
def test_a_service_manager_that_is_not_there_stops_nothing(crossing_bundle, environment):
    assert drive_watched(crossing_bundle, ServiceManager(environment), until_s=5.0).exit_code is ExitCode.OK


def test_a_disk_that_is_full_costs_the_log_and_not_the_signals(crossing_bundle, tmp_path, monkeypatch, caplog):
    class Full:
        def __init__(self, *_, **__):
            self.rows = 0

        def writerow(self, row):
            self.rows += 1
            if self.rows > 5:
                raise OSError(28, "No space left on device")

        def writerows(self, rows):
            for row in rows:
                self.writerow(row)

    monkeypatch.setattr(events, "csv", SimpleNamespace(writer=Full, reader=csv.reader))
    summary, device = drive(crossing_bundle, policy=asks_for(0), events=tmp_path, until_s=60.0)
    assert summary.exit_code is ExitCode.OK
    assert "the logs end here: No space left on device" in caplog.text
    assert max(time_s for time_s, _, _ in device.requests) >= 59.0
