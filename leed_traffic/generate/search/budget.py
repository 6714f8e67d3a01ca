"""Schedule of a search of so many simulated hours."""

from leed_traffic.generate.schedule import AUTHOR_SEEDS, CUT, LEAST_CONFIRMED, Schedule
from leed_traffic.generate.search.starts import N_STARTS, SHORT_STARTS

MOST_CONFIRMED = 100  # hours of each of the last ones standing,
CONFIRMED_SHARE = 0.05  # this share of the budget, within LEAST_CONFIRMED and those
LOCAL_CANDIDATES = 5  # per round of changes at each intersection
MOST_DRAWN = 16

SHORT = Schedule(n_starts=len(SHORT_STARTS))  # chooses between two rules, and no more
SHORT_RUNS = SHORT.runs


def search_schedule(runs: int) -> Schedule:
    """A search of so many hours: confirmation first, then as many drawn rules as may be, rounds of changes with the rest."""
    if runs < least_runs():
        return SHORT
    n_confirmed = min(max(LEAST_CONFIRMED, int(CONFIRMED_SHARE * runs)), MOST_CONFIRMED)
    n_drawn = halving_size(runs - Schedule(n_starts=N_STARTS, n_confirmed=n_confirmed).runs)
    fixed = Schedule(n_starts=N_STARTS, n_drawn=n_drawn, n_confirmed=n_confirmed)
    sizes = round_sizes((runs - fixed.runs) // len(AUTHOR_SEEDS))
    return Schedule(n_starts=N_STARTS, n_drawn=n_drawn, sizes=sizes, n_confirmed=n_confirmed)


def least_runs() -> int:
    """Runs that the search needs before it can change anything."""
    return Schedule(n_starts=N_STARTS, n_confirmed=LEAST_CONFIRMED).runs


def round_sizes(trials: int) -> tuple[int, ...]:
    """Candidates per round for so many trials; a round needs one more for its composed set."""
    sizes: list[int] = []
    while (left := trials - sum(sizes) - len(sizes)) >= 3:
        sizes.append(min(LOCAL_CANDIDATES, left - 1))
    return tuple(sizes)


def halving_size(runs: int) -> int:
    """Rules that so many runs can pay, those on the second hour included."""
    return min(MOST_DRAWN, CUT * (runs // (CUT + 1)))
