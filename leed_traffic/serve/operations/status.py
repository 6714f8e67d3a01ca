"""Status of a controller, where other threads may read it: a picture per tick, replaced as a whole."""

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.serve.control.agreement import Agreement
from leed_traffic.serve.control.pace import Clock
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.safety.supervisor import ALARMS, OperatingMode, SignalMode

if TYPE_CHECKING:
    from leed_traffic.serve.control.controller import SignalController

STALLED_S = 30.0  # s without a sound tick: as long as the unit's watchdog waits
_LATEST = 600  # ticks whose lateness and duration are summed up


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStatus:
    """One signal at the last tick."""

    id: str
    mode: SignalMode
    cause: str
    stage: int  # from 0; that stands, or that a clearance leads to
    n_stages: int
    is_clearing: bool
    green_s: float  # since the stage turned green
    state: str  # the letters shown
    reason: str  # of the latest ruling; empty before the first
    bundle: str  # digest
    latched: str  # the fault that a person must reset; empty without
    sees_inside: bool  # whether a vehicle left in the junction would be seen: only then is a clearance extended
    agreement: float | None  # in shadow mode: share of the decisions in which the signal did as asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All signals, and the controller itself."""

    scenario: str
    control: OperatingMode
    time_s: float  # of the device
    ticks: int
    bundle: str  # digest of what runs, or of what the signals are moving to
    previous: str  # digest of what a rollback would bring; empty without
    is_on_probation: bool
    n_waiting: int  # signals that have not moved to the bundle yet
    violations: int
    reconnections: int
    missed_ticks: int
    tick_p99_ms: float
    lateness_p50_ms: float | None  # None without --realtime
    lateness_p99_ms: float | None
    lateness_max_ms: float | None
    signals: tuple[SignalStatus, ...]


status_document = TypeAdapter(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Health for an orchestrator: a controller whose signals run by themselves is alive, and to be left alone."""

    status: str  # starting, ok, degraded, stalled
    reasons: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Return whether it works; degraded counts: to start it again would help nobody."""
        return self.status in ("ok", "degraded")


class StatusBoard:
    """Watcher whose `latest` is replaced by the loop and read by anybody."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._scenario = ""
        self._drawn_at_s = 0.0
        self._tick_ms: deque[float] = deque(maxlen=_LATEST)
        self._late_ms: deque[float] = deque(maxlen=_LATEST)
        self.latest: Status | None = None

    def begin(self, bundle: Bundle) -> None:
        """Note the bundle that was verified."""
        self._scenario = bundle.manifest.scenario

    def tick(self, controller: "SignalController", snapshot: Snapshot, tick_s: float) -> None:
        """Draw a new picture."""
        tally = controller.tally
        policies = controller.policies
        self._tick_ms.append(1000.0 * tick_s)
        if tally.lateness_s:
            self._late_ms.append(1000.0 * tally.lateness_s[-1])
        late_ms = list(self._late_ms)
        p50, p99, longest = (
            np.percentile(late_ms, [50.0, 99.0, 100.0]).round(2).tolist() if late_ms else (None,) * 3
        )
        self.latest = Status(
            scenario=self._scenario,
            control=controller.operating_mode,
            time_s=snapshot.time_s,
            ticks=tally.ticks,
            bundle=policies.target.bundle.digest,
            previous=policies.previous.bundle.digest if policies.previous else "",
            is_on_probation=policies.is_on_probation,
            n_waiting=policies.n_waiting,
            violations=tally.n_violations,
            reconnections=tally.reconnections,
            missed_ticks=tally.missed_ticks,
            tick_p99_ms=round(float(np.percentile(list(self._tick_ms), 99.0)), 2),
            lateness_p50_ms=p50,
            lateness_p99_ms=p99,
            lateness_max_ms=longest,
            signals=tuple(_signal(controller, snapshot, n, id_) for n, id_ in enumerate(controller.ids)),
        )
        self._drawn_at_s = self._clock()

    def health(self) -> Health:
        """Return the health that the latest picture shows."""
        latest = self.latest
        if latest is None:
            return Health(status="starting", reasons=("no tick yet",))
        age_s = self._clock() - self._drawn_at_s
        if age_s > STALLED_S:
            return Health(status="stalled", reasons=(f"no sound tick for {age_s:.0f} s",))
        reasons = [f"{s.id}: latched ({s.latched})" for s in latest.signals if s.latched]
        reasons += [
            f"{s.id}: {s.mode} ({s.cause})"
            for s in latest.signals
            if not s.latched
            and (
                s.cause in ALARMS
                or (
                    latest.control is OperatingMode.ACTIVE and s.mode in (SignalMode.FALLBACK, SignalMode.DEGRADED)
                )
            )
        ]
        return Health(status="degraded" if reasons else "ok", reasons=tuple(reasons))


def _signal(controller: "SignalController", snapshot: Snapshot, n: int, id_: str) -> SignalStatus:
    signal = controller.signals[n]
    shown = signal.stage
    latched = controller.latched.get(id_)
    agreement = controller.tally.agreement.get(id_, Agreement())
    return SignalStatus(
        id=id_,
        mode=signal.mode.state.mode,
        cause=signal.mode.state.cause,
        stage=shown.stage,
        n_stages=signal.timing.n_stages,
        is_clearing=shown.is_clearing,
        green_s=shown.green_s,
        state=snapshot.displays[n].state,
        reason=signal.reason or "",
        bundle=controller.policies.at(n).bundle.digest,
        latched=latched.fault if latched else "",
        sees_inside=snapshot.displays[n].slowest_inside_mps is not None,
        agreement=round(agreement.share, 3) if agreement.compared else None,
    )
