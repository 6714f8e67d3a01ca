"""Shadow mode: how often the policy would have done what the signal did.

A decision while a stage stands asks to keep or to leave it. What the signal did is read one decision interval
later, at the first moment at which a stage stands again.
"""

from dataclasses import dataclass

from leed_traffic.domain.document import Document


class Agreement(Document):
    """Decisions of one signal in shadow mode, by what came of them."""

    compared: int = 0
    agreed: int = 0
    would_have_left: int = 0  # the signal stayed
    would_have_stayed: int = 0  # the signal left
    another_stage: int = 0  # both left, for different stages

    @property
    def share(self) -> float:
        """Share of the decisions that could be compared."""
        return self.agreed / self.compared if self.compared else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    at_s: float
    stood: int
    asked: int


class StageComparison:
    """One signal's asked and shown stages, in turn."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._pending: list[_Pending] = []
        self.counts = Agreement()

    def ask(self, time_s: float, stood: int, asked: int) -> None:
        """Note that the policy would have had `asked` after `stood`, by the envelope's leave."""
        self._pending.append(_Pending(at_s=time_s, stood=stood, asked=asked))

    def look(self, time_s: float, stage: int, is_clearing: bool) -> None:
        """Take in what the signal shows now."""
        if is_clearing:
            return
        due = [p for p in self._pending if time_s - p.at_s >= self._interval_s - 1e-6]
        self._pending = [p for p in self._pending if p not in due]
        for pending in due:
            self.counts = _count(self.counts, pending, stage)

    def forget(self) -> None:
        """Drop what is pending: somebody else leads from now on."""
        self._pending = []


def _count(counts: Agreement, pending: _Pending, shown: int) -> Agreement:
    if pending.asked == shown:
        outcome = "agreed"
    elif shown == pending.stood:
        outcome = "would_have_left"
    elif pending.asked == pending.stood:
        outcome = "would_have_stayed"
    else:
        outcome = "another_stage"
    return counts.model_copy(update={"compared": counts.compared + 1, outcome: getattr(counts, outcome) + 1})
