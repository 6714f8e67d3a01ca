"""TOML files that people write, or get from others."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit.items import Array

MOST_BYTES = 32 << 20  # a site file has about 1 kB for each intersection
MOST_DEPTH = 64  # tables in tables by dotted keys; the time that the parser takes grows with its square

_SPACED_DOT = re.compile(r"[ \t]*\.[ \t]*")
_BETWEEN_KEYS = re.compile(r"[\s=,\[\]{}#]+")
_QUOTED_DOT = re.compile(r"""["']\.|\.["']""")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError, tomllib.TOMLDecodeError: it is no TOML, or none that a person would write.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise tomllib.TOMLDecodeError(f"over {MOST_BYTES >> 20} MiB")
    text = content.decode("utf-8")
    if any(_is_too_deep(line) for line in text.splitlines() if line.count(".") > MOST_DEPTH):
        raise tomllib.TOMLDecodeError(f"a key of over {MOST_DEPTH} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as err:
        raise tomllib.TOMLDecodeError("nested too deep") from err
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as err:  # a whole number of thousands of digits
        raise tomllib.TOMLDecodeError(str(err)) from err


def render_toml(tables: Mapping[str, object], *, head: str = "") -> str:
    """Return the text of a file; the same tables give the same text.

    Args:
        tables: by name; a list of tables is written as [[name]] each.
        head: comment that a person reads first, each line with its #.
    """
    import tomlkit  # only commands that write such a file wait for it

    text = tomlkit.dumps(tables)
    return f"{head}\n{text}" if head else text


def rows(matrix: Sequence[Sequence[float]]) -> "Array":
    """Return a matrix that is written with each row on a line of its own."""
    import tomlkit

    lines = tomlkit.array()
    for row in matrix:
        lines.add_line(list(map(float, row)), indent="  ")
    lines.add_line(indent="")
    return lines


def _is_too_deep(line: str) -> bool:
    joined = _SPACED_DOT.sub(".", line)
    longest = max(part.count(".") for part in _BETWEEN_KEYS.split(joined))
    return max(longest, len(_QUOTED_DOT.findall(joined))) > MOST_DEPTH
