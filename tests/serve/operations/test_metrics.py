import itertools
import re
from pathlib import Path

import pytest

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.detectors.health import SensingFault
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.supervisor import Cause
from tests.serve.bundles import crossing
from tests.serve.test_run import asks_for, fake

ALERTS = Path(__file__).parents[3] / "deploy" / "alerts.yml"


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
