"""Figures for Prometheus, at /metrics of the controller's port (serve/operations/status_page.py); needs the extra `serve`.

Base units and few labels. The names are a contract with deploy/alerts.yml: rename one and an alert falls silent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.serve.detectors.health import SensingFault
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.safety.supervisor import Cause, SignalMode

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from leed_traffic.serve.control.controller import SignalController

_LATENESS_BUCKETS_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_TICK_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_DECISION_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


# name: (help, how it is read after a tick)
_COUNTERS: dict[str, tuple[str, "Callable[[SignalController, Snapshot], float]"]] = {
    "leed_monitor_violations": ("Faults of the display.", lambda c, _: c.tally.n_violations),
    "leed_reconnections": ("Connections regained.", lambda c, _: c.tally.reconnections),
    "leed_clearance_extensions": (
        "Clearances extended: a vehicle stood in the junction.",
        lambda c, _: c.tally.clearance_extensions,
    ),
    "leed_ticks_missed": ("Dropped because the one before took too long.", lambda c, _: c.tally.missed_ticks),
}
_GAUGES: dict[str, tuple[str, "Callable[[SignalController, Snapshot], float]"]] = {
    "leed_lease_seconds": ("How long a stage stands without a renewal.", lambda c, _: c.lease_s),
    "leed_device_time_seconds": ("The device's clock at the last tick.", lambda _, snapshot: snapshot.time_s),
    "leed_bundle_on_probation": (
        "1 while a trip leads back to the bundle before.",
        lambda c, _: c.policies.is_on_probation,
    ),
    "leed_latched_signals": ("Signals that wait for a person.", lambda c, _: c.n_latched),
    "leed_alarmed_signals": ("Signals that nobody leads: frozen, off or stuck.", lambda c, _: c.n_alarmed),
}
# name: (help, label, its values); each reads 0 from the start: Prometheus sees no increase where a counter begins at 1
_LABELLED = {
    "leed_envelope_overrides": ("Rulings that were no grant.", "rule", sorted({*Reason} - {Reason.GRANTED})),
    "leed_fallback_transitions": ("Signals that fell back.", "reason", list(Cause)),
    "leed_detector_faults": (
        "Readings no longer believed.",
        "kind",
        [fault.name.lower() for fault in SensingFault if fault is not SensingFault.NONE],
    ),
    "leed_bundle_steps": ("What happened to bundles and modes.", "step", list(ChangeKind)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """A controller's figures after a tick."""

    values: dict[str, float] = field(default_factory=dict)  # by name
    labelled: dict[str, Mapping[Any, int]] = field(default_factory=dict)  # by name, by value of the label
    modes: dict[str, SignalMode] = field(default_factory=dict)  # by signal
    bundle: Bundle | None = None


class Metrics:
    """A watcher that keeps the figures of the latest tick, and a collector that Prometheus' client reads them from."""

    def __init__(self) -> None:
        """Lay out the figures in a registry of their own."""
        import prometheus_client as prom

        self.registry = prom.CollectorRegistry()
        self._tick = prom.Histogram(
            "leed_tick_duration_seconds",
            "From the answer of the device to the last request.",
            buckets=_TICK_BUCKETS_S,
            registry=self.registry,
        )
        self._decision = prom.Histogram(
            "leed_decision_duration_seconds",
            "Observation and policies.",
            buckets=_DECISION_BUCKETS_S,
            registry=self.registry,
        )
        self._lateness = prom.Histogram(
            "leed_tick_lateness_seconds",
            "How late a tick began, with --realtime.",
            buckets=_LATENESS_BUCKETS_S,
            registry=self.registry,
        )
        self._n_decisions = 0
        self._latest = _Figures()
        self.registry.register(self)

    def begin(self, bundle: Bundle) -> None:
        """Name the bundle that was verified."""
        self._latest = _Figures(bundle=bundle)

    def tick(self, controller: "SignalController", snapshot: Snapshot, tick_s: float) -> None:
        """Take in one tick."""
        tally = controller.tally
        self._tick.observe(tick_s)
        if tally.decisions > self._n_decisions:
            self._n_decisions = tally.decisions
            self._decision.observe(tally.decision_s[-1])
        if tally.lateness_s:
            self._lateness.observe(tally.lateness_s[-1])
        single = {**_COUNTERS, **_GAUGES}
        self._latest = _Figures(
            values={name: read(controller, snapshot) for name, (_, read) in single.items()},
            labelled={
                "leed_envelope_overrides": dict(tally.rulings),
                "leed_fallback_transitions": {
                    cause: n for (mode, cause), n in tally.transitions.items() if mode is SignalMode.FALLBACK
                },
                "leed_detector_faults": dict(tally.sensing),
                "leed_bundle_steps": dict(tally.steps),
            },
            modes={signal.id: signal.mode.state.mode for signal in controller.signals},
            bundle=controller.policies.target.bundle,
        )

    def collect(self) -> "Iterator[Metric]":
        """Yield the figures of the latest tick; Prometheus' client calls this in a reader's thread."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        latest = self._latest
        for name, (text, _) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, value=latest.values.get(name, 0.0))
        for name, (text, _) in _GAUGES.items():
            yield GaugeMetricFamily(name, text, value=float(latest.values.get(name, 0.0)))
        for name, (text, label, values) in _LABELLED.items():
            counter = CounterMetricFamily(name, text, labels=[label])
            for value in values:
                counter.add_metric([value], latest.labelled.get(name, {}).get(value, 0))
            yield counter
        modes = GaugeMetricFamily("leed_mode", "1 for the mode that a signal is in.", labels=["signal", "mode"])
        for id_, mode in latest.modes.items():
            for one in SignalMode:
                modes.add_metric([id_, one], float(mode is one))
        yield modes
        bundle = InfoMetricFamily("leed_bundle", "The bundle that runs.", labels=[])
        if latest.bundle is not None:
            named = {"digest": latest.bundle.digest, "scenario": latest.bundle.manifest.scenario}
            bundle.add_metric([], named)
        yield bundle
