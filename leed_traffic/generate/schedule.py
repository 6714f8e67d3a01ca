"""Schedule of an author: which simulated hours go into which part of its work. `runs` adds the parts up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice

AUTHOR_SEEDS = (11, 12)  # every candidate is tried on these
FIRST_CONFIRMATION_SEED = 13  # and the last ones standing on those to be demonstrated and on hours from here on
LEAST_CONFIRMED = 3  # hours of each of the last ones standing
LAST_STANDING = 4  # sets that are confirmed: max-wave, the best known start, and the latest two
DECIDED_TIMES = 2  # the last two run on so many times as many hours more: a rare gridlock takes many to show
CUT = 4  # successive halving: one of so many goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The course of one author's work."""

    n_starts: int
    seeds: tuple[int, ...] = AUTHOR_SEEDS  # on which candidates are tried
    n_drawn: int = 0  # rules that enter the successive halving
    sizes: tuple[int, ...] = ()  # candidates of each round
    n_confirmed: int = 0  # hours of each of the last standing; 0: a start is handed out, nothing is improved
    patience: int | None = None  # rounds in a row without gain after which no more are asked for; None: all

    @property
    def runs(self) -> int:
        """Simulated hours, demonstrations not counted."""
        starts = (1 + self.n_starts) * len(self.seeds)  # with the fallback cycle
        if not self.n_confirmed:
            return starts
        composed_starts = len(self.seeds)
        halving = self.n_drawn + self.n_drawn // CUT * (len(self.seeds) - 1)
        rounds = (sum(self.sizes) + len(self.sizes)) * len(self.seeds)  # each with its composed set
        confirmation = (LAST_STANDING + 2 * DECIDED_TIMES) * self.n_confirmed
        return starts + composed_starts + halving + rounds + confirmation

    @property
    def n_told(self) -> int:
        """Runs that progress tells of: what goes on in the successive halving tells its first hour again."""
        return self.runs + self.n_drawn // CUT

    def confirmation_seeds(self, shown: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Hours that chose nothing: of the last ones standing, and of the last two besides.

        Args:
            shown: seeds to be demonstrated, which come first.
        """
        n = self.n_confirmed
        n_all = (1 + DECIDED_TIMES) * n
        known = [seed for seed in shown if seed not in AUTHOR_SEEDS]
        fresh = (seed for seed in count(FIRST_CONFIRMATION_SEED) if seed not in known)
        seeds = (*known, *islice(fresh, max(0, n_all - len(known))))
        return seeds[:n], seeds[n:n_all]
