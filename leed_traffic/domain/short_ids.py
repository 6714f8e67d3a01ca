"""Ids of signals, short enough for a table: a joined junction of a real town has one of 139 characters."""

from collections.abc import Iterable

LONGEST = 28  # characters of an id in a table


def fold_ids(ids: Iterable[str], longest: int = LONGEST) -> dict[str, str]:
    """Each id as tables show it: whole, or its two ends with the middle left out; no two look alike.

    Args:
        ids: all that stand in the table.
        longest: characters that may stand whole.
    """
    whole = tuple(dict.fromkeys(ids))
    width = longest
    while len(set(folded := [fold(name, width) for name in whole])) < len(whole):
        width += 4
    return dict(zip(whole, folded, strict=True))


def fold(name: str, longest: int = LONGEST) -> str:
    """One text, its middle left out where it is longer; a third is kept of its end, where joined ids differ."""
    tail = max(1, longest // 3)
    return name if len(name) <= longest else f"{name[: longest - tail - 1]}…{name[-tail:]}"
