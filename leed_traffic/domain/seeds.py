"""Seeds of demand by their use: hours that judge a policy were never searched, demonstrated or trained on."""

from leed_traffic.errors import UsageError

FIRST_VALIDATION_SEED = 501  # from here on: hours on which policies are compared while they learn
FIRST_EVALUATION_SEED = 1001  # from here on: hours that judge what has been learned
SEEDS_PER_RUN = 10_000  # a run with seed k learns on the hours from k times this on


def seeds_of(text: str, first: int = FIRST_EVALUATION_SEED) -> tuple[int, ...]:
    """Seeds that a text names: `3` is three from `first` on; `1001-1005` and `7,9,12` name them.

    Raises:
        UsageError: the text is none of these.
    """
    try:
        if "-" in text:
            low, high = (int(part) for part in text.split("-"))
            seeds = tuple(range(low, high + 1))
        elif "," in text:
            seeds = tuple(int(part) for part in text.split(","))
        else:
            seeds = tuple(range(first, first + int(text)))
    except ValueError as err:
        raise UsageError(f"--seeds {text}: expected a count (5), a range (1001-1005) or a list (7,9,12)") from err
    if not seeds:
        raise UsageError(f"--seeds {text}: names no seed; expected a count of at least 1 or a range upwards")
    return seeds


def demonstration_seeds_of(text: str) -> tuple[int, ...]:
    """Seeds that a text names, counted from 1 on."""
    return seeds_of(text, first=1)


def seeds_as_text(seeds: tuple[int, ...]) -> str:
    """Shortest text that names these seeds."""
    first = seeds[0]
    last = seeds[-1]
    if len(seeds) > 1 and seeds == tuple(range(first, last + 1)):
        return f"{first}-{last}"
    return f"{first}-{first}" if len(seeds) == 1 else ",".join(map(str, seeds))
