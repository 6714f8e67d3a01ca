"""Figures of a run, across connections. Bounded: a controller that runs for months does not grow."""

from collections import Counter, deque
from dataclasses import dataclass, field

from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.serve.control.agreement import Agreement
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.safety.monitor import Violation
from leed_traffic.serve.safety.supervisor import Cause, SignalMode

KEPT_DURATIONS = 100_000  # the latest; a bit more than a day of ticks
KEPT_VIOLATIONS = 1_000  # lines; the number counts them all


@dataclass(slots=True)
class ServeTally:
    """Figures of one `serve`, whatever number of connections it took."""

    ticks: int = 0
    decisions: int = 0  # that came to an end, each with its `decision_s`
    n_violations: int = 0
    reconnections: int = 0
    clearance_extensions: int = 0  # clearances that were extended, not steps of them
    violations: list[Violation] = field(default_factory=list)
    rulings: Counter[Reason] = field(default_factory=Counter)
    transitions: Counter[tuple[SignalMode, Cause]] = field(default_factory=Counter)
    alarms: Counter[Cause] = field(default_factory=Counter)  # signals that nobody led any more, by cause
    sensing: Counter[str] = field(default_factory=Counter)  # faults of detectors, by kind
    tick_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_DURATIONS))
    decision_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_DURATIONS))
    resume_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_DURATIONS))
    lateness_s: deque[float] = field(
        default_factory=lambda: deque(maxlen=KEPT_DURATIONS)
    )  # of ticks by the wall clock
    missed_ticks: int = 0
    steps: Counter[ChangeKind] = field(default_factory=Counter)  # of bundles and modes
    agreement: dict[str, Agreement] = field(default_factory=dict)  # by signal, in shadow mode

    def note_violations(self, violations: list[Violation]) -> None:
        """Count them; keep the first ones."""
        self.n_violations += len(violations)
        self.violations += violations[: KEPT_VIOLATIONS - len(self.violations)]
