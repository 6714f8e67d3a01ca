"""Progress of a generation."""

from collections.abc import Callable
from dataclasses import dataclass

OnProgress = Callable[[int, int, str], None]  # runs done, runs in all, what for


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Progress of a round of questions to a language model."""

    round_number: int
    intersections: int
    done: int  # intersections with all their plans
    plans: int  # conversations that ended
    asked: int  # conversations in all
    valid: int
    tokens: int  # of replies
    seconds: float


OnAsking = Callable[[Asking], None]


class RunCounter:
    """Passes on how many runs are done."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0

    def __call__(self, what: str) -> None:
        """Another run is done."""
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total, what)
