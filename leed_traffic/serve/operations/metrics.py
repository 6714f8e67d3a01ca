"""Figures for Prometheus, at /metrics of the controller's port (serve/operations/status_page.py); needs the extra `serve`.

Base units and few labels. The names are a contract with deploy/alerts.yml: rename one and an alert falls silent.
"""

from typing import TYPE_CHECKING, Any

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.serve.detectors.health import SensingFault
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.safety.supervisor import Cause, SignalMode

if TYPE_CHECKING:
    from leed_traffic.serve.control.controller import SignalController

_LATENESS_BUCKETS_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_TICK_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_DECISION_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class Metrics:
    """Reads a controller's figures after each tick."""

    def __init__(self) -> None:
        """Lay out the figures in a registry of their own."""
        import prometheus_client as prom

        self.registry = prom.CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self._mode = prom.Gauge("leed_mode", "1 for the mode that a signal is in.", ["signal", "mode"], **made)
        self._tick = prom.Histogram(
            "leed_tick_duration_seconds",
            "From the answer of the device to the last request.",
            buckets=_TICK_BUCKETS_S,
            **made,
        )
        self._decision = prom.Histogram(
            "leed_decision_duration_seconds", "Observation and policies.", buckets=_DECISION_BUCKETS_S, **made
        )
        self._overrides = prom.Counter("leed_envelope_overrides", "Rulings that were no grant.", ["rule"], **made)
        self._violations = prom.Counter("leed_monitor_violations", "Faults of the display.", **made)
        self._fallbacks = prom.Counter("leed_fallback_transitions", "Signals that fell back.", ["reason"], **made)
        self._lease = prom.Gauge("leed_lease_seconds", "How long a stage stands without a renewal.", **made)
        self._sensing = prom.Counter("leed_detector_faults", "Readings no longer believed.", ["kind"], **made)
        self._reconnections = prom.Counter("leed_reconnections", "Connections regained.", **made)
        self._extensions = prom.Counter(
            "leed_clearance_extensions", "Clearances extended: a vehicle stood in the junction.", **made
        )
        self._device_time = prom.Gauge("leed_device_time_seconds", "The device's clock at the last tick.", **made)
        self._lateness = prom.Histogram(
            "leed_tick_lateness_seconds",
            "How late a tick began, with --realtime.",
            buckets=_LATENESS_BUCKETS_S,
            **made,
        )
        self._missed = prom.Counter("leed_ticks_missed", "Dropped because the one before took too long.", **made)
        self._steps = prom.Counter("leed_bundle_steps", "What happened to bundles and modes.", ["step"], **made)
        self._probation = prom.Gauge(
            "leed_bundle_on_probation", "1 while a trip leads back to the bundle before.", **made
        )
        self._latched = prom.Gauge("leed_latched_signals", "Signals that wait for a person.", **made)
        self._alarmed = prom.Gauge(
            "leed_alarmed_signals", "Signals that nobody leads: frozen, off or stuck.", **made
        )
        self._bundle = prom.Info("leed_bundle", "The bundle that runs.", **made)
        self._begin_at_zero()
        self._counted: dict[tuple[str, str], float] = {}
        self._scenario = self._digest = ""
        self._n_decisions = 0

    def _begin_at_zero(self) -> None:
        """Every label there can be reads 0 from the start: Prometheus sees no increase where a counter begins at 1."""
        for reason in Reason:
            if reason is not Reason.GRANTED:
                self._overrides.labels(reason)
        for cause in Cause:
            self._fallbacks.labels(cause)
        for fault in SensingFault:
            if fault is not SensingFault.NONE:
                self._sensing.labels(fault.name.lower())
        for step in ChangeKind:
            self._steps.labels(step)

    def begin(self, bundle: Bundle) -> None:
        """Name the bundle that was verified."""
        self._digest = bundle.digest
        self._scenario = bundle.manifest.scenario
        self._bundle.info({"digest": self._digest, "scenario": self._scenario})

    def tick(self, controller: "SignalController", snapshot: Snapshot, tick_s: float) -> None:
        """Take in one tick."""
        tally = controller.tally
        self._tick.observe(tick_s)
        if tally.decisions > self._n_decisions:
            self._n_decisions = tally.decisions
            self._decision.observe(tally.decision_s[-1])
        for signal in controller.signals:
            for mode in SignalMode:
                self._mode.labels(signal.id, mode).set(signal.mode.state.mode is mode)
        for reason, count in tally.rulings.items():
            if reason is not Reason.GRANTED:
                self._overrides.labels(reason).inc(self._new("override", reason, count))
        for (mode, cause), count in tally.transitions.items():
            if mode is SignalMode.FALLBACK:
                self._fallbacks.labels(cause).inc(self._new("fallback", cause, count))
        for kind, count in tally.sensing.items():
            self._sensing.labels(kind).inc(self._new("sensing", kind, count))
        self._violations.inc(self._new("violations", "", tally.n_violations))
        self._reconnections.inc(self._new("reconnections", "", tally.reconnections))
        self._extensions.inc(self._new("extensions", "", tally.clearance_extensions))
        self._lease.set(controller.lease_s)
        self._device_time.set(snapshot.time_s)
        self._latched.set(controller.n_latched)
        self._alarmed.set(controller.n_alarmed)
        if tally.lateness_s:
            self._lateness.observe(tally.lateness_s[-1])
        self._missed.inc(self._new("missed", "", tally.missed_ticks))
        for step, count in tally.steps.items():
            self._steps.labels(step).inc(self._new("step", step, count))
        self._probation.set(controller.policies.is_on_probation)
        if controller.policies.target.bundle.digest != self._digest:
            self.begin(controller.policies.target.bundle)

    def _new(self, what: str, label: str, count: float) -> float:
        """How many have come since the last tick."""
        before = self._counted.get((what, label), 0.0)
        self._counted[what, label] = count
        return count - before
