"""The parts of a report's sections: what is said or drawn; `report.html.j2` says how it looks."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to the right, names to the left."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    ours: frozenset[int] = frozenset()  # rows to be marked
    alarming: frozenset[int] = frozenset()  # columns in which anything but 0 is an alarm
    texts: frozenset[int] = frozenset()  # columns of names, to the left as the first one is
    summary: str = ""  # of a table that is folded away until a reader opens it
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, an image of its own, so that the ids inside two of them cannot meet."""

    svg: str
    alt: str
    caption: str
    kind: ClassVar[str] = "picture"

    @property
    def image(self) -> str:
        """Base64 of the SVG."""
        return base64.b64encode(self.svg.encode()).decode()


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph of explanation."""

    text: str
    kind: ClassVar[str] = "note"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and what they stand for, one a line."""

    lines: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Glossary:
    """The terms of the table of results; their text stands in the template."""

    kind: ClassVar[str] = "glossary"


Part = Table | Picture | Note | Heading | Facts | Glossary


def anchor(title: str) -> str:
    """A heading as a fragment of an address."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())
