"""Times as SUMO's files tell them: seconds, or [days:]hours:minutes:seconds, wherever a time stands."""

import math
import re

_CLOCK = re.compile(r"(?:(?P<days>-?\d+):)?(?P<hours>-?\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d*)?)")
BEGIN = "begin"  # the word for the simulation's begin, as a departure and as a program's offset


def clock_seconds(text: str) -> float | None:
    """Seconds since the clock's zero, or a duration; None for a word."""
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        seconds = int(found["days"] or 0) * 86400.0 + int(found["hours"]) * 3600.0 + int(found["minutes"]) * 60.0
        return seconds + float(found["seconds"])  # as SUMO: a sign is the first number's, and zero has none
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def departure_seconds(text: str, begin_s: float) -> float | None:
    """Time at which somebody sets out; None for whoever waits for something else to happen (`triggered`, `split`, ...).

    Args:
        text: a `depart`, or the `begin` of a flow.
        begin_s: of the simulation, which the word `begin` means.
    """
    return begin_s if text.strip() == BEGIN else clock_seconds(text)


def duration_seconds(text: str) -> float:
    """A time that has to be one.

    Raises:
        ValueError: it is none.
    """
    seconds = clock_seconds(text)
    if seconds is None:
        raise ValueError(f"the time {text!r}, expected seconds or H:M:S")
    return seconds
