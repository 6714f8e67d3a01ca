"""Owner of a program at a device: a mark in its name, kept in the state folder.

    STATE/owner        eight hexadecimal digits, made at the first start
    leed-<mark>        the stage program's name at the device

A restart with the same state folder recognises its own program. A program with another mark is another
controller's, perhaps at another machine: it is never commanded. One whose owner is gone for good walks on for
ever; `leedctl serve --adopt NAME` lets a person name it, and it is then taken over as the signal's own program
would be.
"""

import os
import re
import secrets
from functools import cache
from pathlib import Path

from leed_traffic.domain.safety.program import PROGRAM_ID
from leed_traffic.errors import UsageError

OWNER_NAME = "owner"
UNMARKED = f"{PROGRAM_ID}-00000000"  # what a program without any mark is called inside: nobody owns it
_MARK = re.compile(r"[0-9a-f]{8}")


def program_name(folder: Path | None) -> str:
    """The stage program's name at a device, for the controllers of a state folder.

    Args:
        folder: of the state; None: the name lasts as long as the process.

    Raises:
        UsageError: the folder cannot be used, or its mark cannot be read.
    """
    return f"{PROGRAM_ID}-{_process_mark() if folder is None else read_mark(folder)}"


def is_marked(program: str) -> bool:
    """Return whether a program's name is a controller's, this one or another."""
    return program == PROGRAM_ID or is_foreign(program)


def is_foreign(program: str) -> bool:
    """Return whether a name carries a mark; inside, where ours goes by `PROGRAM_ID`, another owner's."""
    return (
        program.startswith(f"{PROGRAM_ID}-")
        and _MARK.fullmatch(program.removeprefix(f"{PROGRAM_ID}-")) is not None
    )


def read_mark(folder: Path) -> str:
    """The mark of a state folder, made if there is none; of two starts at once both get the same.

    Raises:
        UsageError: see `program_name`.
    """
    path = folder / OWNER_NAME
    try:
        if not path.exists():
            _make(path)
        mark = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as err:
        raise UsageError(f"{path}: cannot be used: {err.strerror}; give another folder with --state") from err
    if _MARK.fullmatch(mark) is None:
        raise UsageError(
            f"{path}: expected eight hexadecimal digits, got {mark[:20]!r}; write back the mark that stood there, "
            f"or remove the file and take over what is left behind with --adopt {PROGRAM_ID}-MARK"
        )
    return mark


def _make(path: Path) -> None:
    """Whole or not at all, on the disk when this returns, and never over one that is there."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with fresh.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(4) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@cache
def _process_mark() -> str:
    return secrets.token_hex(4)
