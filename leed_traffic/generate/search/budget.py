"""What a generation spends: how many hours on what, and which."""

from itertools import count, islice

from leed_traffic.generate.author import Author
from leed_traffic.generate.config import GenerateConfig
from leed_traffic.generate.search.race import CUT, race_cost, race_size
from leed_traffic.generate.search.starts import SHORT_STARTS, START_RULES

AUTHOR_SEEDS = (11, 12)  # every candidate is tried on these
FIRST_CONFIRMATION_SEED = 13  # and the last ones standing on those to be demonstrated and on hours from here on
LEAST_CONFIRMED = 3
MOST_CONFIRMED = 100  # hours of each of the last standing,
CONFIRMED_SHARE = 0.05  # this share of the budget, within those bounds
LAST_STANDING = 4  # sets that are confirmed: max-wave, the best known start, and the latest two
DECIDED_TIMES = 2  # the last two run on so many times as many hours more: a rare gridlock takes many to show
LOCAL_CANDIDATES = 5  # per round of changes at each intersection
SHORT_RUNS = (1 + len(SHORT_STARTS)) * len(AUTHOR_SEEDS)  # with the fallback cycle


def round_sizes(trials: int) -> tuple[int, ...]:
    """Candidates per round for so many trials; a round needs one more for its composed set."""
    sizes: list[int] = []
    while (left := trials - sum(sizes) - len(sizes)) >= 3:
        sizes.append(min(LOCAL_CANDIDATES, left - 1))
    return tuple(sizes)


def is_short(config: GenerateConfig) -> bool:
    """Whether the budget lets the search choose between two rules, and no more."""
    return config.author is Author.SEARCH and config.runs < least_runs()


def least_runs() -> int:
    """Runs that the search needs before it can change anything."""
    return _runs_confirmed_on(LEAST_CONFIRMED)


def _runs_confirmed_on(n_hours: int) -> int:
    """Runs that every search makes: fallback, starts, their composition, and so many hours of confirmation."""
    n_starts = 4 + len(START_RULES)
    return (n_starts + 2) * len(AUTHOR_SEEDS) + (LAST_STANDING + 2 * DECIDED_TIMES) * n_hours


def confirmation_seeds(config: GenerateConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Hours that chose nothing: on which the last ones standing are compared, and on which the last two are besides.

    First those to be demonstrated; the more, the larger the budget.
    """
    n = _hours_confirmed(config)
    n_all = (1 + DECIDED_TIMES) * n
    shown = [seed for seed in config.seeds if seed not in AUTHOR_SEEDS]
    fresh = (seed for seed in count(FIRST_CONFIRMATION_SEED) if seed not in shown)
    seeds = (*shown, *islice(fresh, max(0, n_all - len(shown))))
    return seeds[:n], seeds[n:n_all]


def _hours_confirmed(config: GenerateConfig) -> int:
    asked = int(CONFIRMED_SHARE * config.runs) if config.author is Author.SEARCH else 0
    return min(max(LEAST_CONFIRMED, asked), MOST_CONFIRMED)


def _fixed_runs(config: GenerateConfig) -> int:
    return _runs_confirmed_on(_hours_confirmed(config))


def planned_runs(config: GenerateConfig) -> int:
    """Runs that a configuration asks for, demonstrations included."""
    if config.author is Author.GIVEN:
        return 2 + len(config.seeds)
    if config.author is Author.WEBSTER:
        return 3 * len(AUTHOR_SEEDS) + len(config.seeds)
    if is_short(config):
        return SHORT_RUNS + len(config.seeds)
    sizes = sizes_of(config)
    n = n_racers(config)
    remembered = n // CUT  # of each that goes on in the race, the first hour is told once more
    return (
        _fixed_runs(config)
        + race_cost(n, len(AUTHOR_SEEDS))
        + remembered
        + (sum(sizes) + len(sizes)) * len(AUTHOR_SEEDS)
        + len(config.seeds)
    )


def n_racers(config: GenerateConfig) -> int:
    """Drawn rules that the search can pay, before it changes plans."""
    return race_size(config.runs - _fixed_runs(config)) if config.author is Author.SEARCH else 0


def sizes_of(config: GenerateConfig) -> tuple[int, ...]:
    """Candidates of each round: as many as the search can pay, or as a language model is asked for."""
    if config.language is not None and config.author is Author.VLLM:
        return (config.language.candidates,) * config.language.rounds
    left = config.runs - _fixed_runs(config) - race_cost(n_racers(config), len(AUTHOR_SEEDS))
    return round_sizes(left // len(AUTHOR_SEEDS))
