"""Signals in tables: ids short enough to be read, and the names of their streets where the net has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from leed_traffic.cli.terminal.output import STREETS
from leed_traffic.domain.short_ids import fold, fold_ids

LONGEST_STREETS = 36  # characters
WITH_STREETS = 140  # columns of a table that names signals: squeezed it cannot be read, a narrow terminal wraps it


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalNames:
    """Names of the signals in the tables of one command; `--json` has the whole ids."""

    short: Mapping[str, str]
    streets: Mapping[str, str] = field(default_factory=dict)  # without those whose streets have no names

    def columns(self, first: str = "signal") -> list[str]:
        """Heads of the columns that name a signal."""
        return [first, STREETS] if self.streets else [first]

    def cells(self, signal: str, more: str = "") -> list[str]:
        """Cells of a signal in these columns, with a few letters behind its id."""
        streets = [fold(self.streets.get(signal, ""), LONGEST_STREETS)] if self.streets else []
        return [self.short[signal] + more, *streets]


def name_signals(signals: Iterable[str], streets: Mapping[str, str] | None = None) -> SignalNames:
    """Name all signals that stand in a table.

    Args:
        signals: their ids.
        streets: see `simulation.places.read_places`; None where there is no net at hand.
    """
    return SignalNames(short=fold_ids(signals), streets=streets or {})
