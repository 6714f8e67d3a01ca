"""One line of the drill's table: a promise, how it was tried, and whether it held."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leed_traffic.domain.document import Document
from leed_traffic.drill.rig.place import Place

SHIPPED = ("crossing", "arterial5", "grid4x4")


class Row(Document):
    """The table's line, and the --json document's."""

    name: str
    promise: str
    tried: str
    count: int
    holds: bool
    detail: str  # figures; where it does not hold, the first fault
    seconds: float


class DrillReport(Document):
    """The --json document of `leedctl drill`."""

    full: bool
    seed: int
    holds: bool
    seconds: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of an exercise."""

    count: int
    faults: Sequence[str]
    detail: str


class Exercise(Protocol):
    """Tries one promise."""

    def __call__(self, setting: "DrillSetting") -> Finding:
        """Try it; what is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillSetting:
    """Equipment that every exercise is given."""

    crossing: Place
    full: bool
    seed: int
    scenarios: tuple[str, ...] = SHIPPED  # of the exercises that go through several; names or paths

    def many(self, short: int, full: int) -> int:
        """Number of repetitions: a few, or in full."""
        return full if self.full else short

    def folder_of(self, scenario: str, exercise: str) -> Path:
        """A folder for one exercise in one scenario."""
        return self.crossing.folder / exercise / Path(scenario).name
