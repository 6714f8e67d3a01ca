"""TOML files that people write, or get from others."""

import re
import tomllib
from pathlib import Path
from typing import Any

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


def _is_too_deep(line: str) -> bool:
    joined = _SPACED_DOT.sub(".", line)
    longest = max(part.count(".") for part in _BETWEEN_KEYS.split(joined))
    return max(longest, len(_QUOTED_DOT.findall(joined))) > MOST_DEPTH
