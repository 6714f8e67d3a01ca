"""Waits that a process has counted, left in the state folder for the one that follows it.

    STATE/waits-<digest of the signals' ids>.json

Written whenever somebody was served, and every ten seconds. However old a note is, nobody has waited longer than
it says and the time since: a process that was killed leaves a sound bound. Where a note cannot be read, the waits
begin at their worst.
"""

import logging
import os
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from leed_traffic.artifacts.sealed_folder import sha256
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.document import Document
from leed_traffic.serve.safety.latch import Now

KEEP_EVERY_S = 10.0  # s of the device's clock
LARGEST_NOTE_BYTES = 16 << 20  # a thousand signals of a hundred links are under 2 MB

Seconds = Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]

log = logging.getLogger(__name__)


class KeptWaits(Document):
    """Waits of one signal, as it was left."""

    signal: str
    wait_s: tuple[Seconds, ...]  # of every link
    time_s: Seconds  # the device's clock
    is_ours: bool  # it ran our program
    away_s: Seconds = 0.0  # by the wall clock, from then to the start of the process that reads this


class _Note(Document):
    """The file."""

    noted_at: datetime
    signals: tuple[KeptWaits, ...]


class WaitStore:
    """The notes of one state folder."""

    def __init__(self, folder: Path, ids: Sequence[str], now: Now) -> None:
        """Name the note of these signals.

        Args:
            folder: of the state; it is there.
            ids: (N,) of the signals.
            now: the wall clock.
        """
        self._folder = folder
        self._ids = tuple(ids)
        self._now = now
        self._path = folder / f"waits-{sha256(chr(0).join(ids).encode())[:12]}.json"
        self._has_failed = False

    def read(self) -> tuple[KeptWaits, ...]:
        """The latest of each signal that any process has left."""
        latest: dict[str, tuple[datetime, KeptWaits]] = {}
        for path in sorted(self._folder.glob("waits-*.json")):
            try:
                note = _Note.model_validate_json(_content(path))
                away_s = max(0.0, (self._now() - note.noted_at).total_seconds())
            except (OSError, ValueError, TypeError, OverflowError) as err:  # TypeError: a time without a zone
                log.warning("%s: cannot be read (%s): its waits begin at their worst", path, type(err).__name__)
                continue
            for kept in note.signals:
                if kept.signal not in latest or latest[kept.signal][0] < note.noted_at:
                    latest[kept.signal] = note.noted_at, kept.model_copy(update={"away_s": away_s})
        return tuple(latest[id_][1] for id_ in self._ids if id_ in latest)

    def save(self, signals: Sequence[KeptWaits]) -> None:
        """Leave this; a folder that no longer takes it costs the note, and one line each time that begins."""
        try:
            note = _Note(noted_at=self._now(), signals=tuple(signals))
            write_whole(
                self._path, note.model_dump_json(), is_shared=True
            )  # one that only watches may share the folder
        except OSError as err:
            if not self._has_failed:
                log.error("%s: the waits cannot be written down: %s", self._path, err.strerror or err)
            self._has_failed = True
        else:
            self._has_failed = False


def _content(path: Path) -> bytes:
    """Content of a note; what is none by its kind or its size is not waited for and not read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no note.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to must not hold up a start
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("no plain file")
        content = file.read(LARGEST_NOTE_BYTES + 1)
    if len(content) > LARGEST_NOTE_BYTES:
        raise ValueError(f"larger than {LARGEST_NOTE_BYTES} bytes")
    return content
