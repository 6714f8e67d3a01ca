"""Logs of a run in a folder: events and decisions, changes of bundle and mode, the recording."""

import contextlib
import csv
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.actuations import DETECTORS_NAME
from leed_traffic.serve.logs.events import (
    DECISIONS_NAME,
    EVENTS_NAME,
    PARQUET_NAME,
    BundleChange,
    Decision,
    EventLog,
    Record,
)
from leed_traffic.serve.logs.recording import OLD_NAME, RECORDING_NAME, Writer
from leed_traffic.serve.logs.records import Asked, CommandRecord, Header, Ruled, RunRecord, Stopped, crc_of

log = logging.getLogger(__name__)

CHANGES_NAME = "changes.csv"
_NAMES = (EVENTS_NAME, PARQUET_NAME, DECISIONS_NAME, DETECTORS_NAME, CHANGES_NAME, RECORDING_NAME, OLD_NAME)


class Journal(Protocol):
    """Takes down what a controller does."""

    def note(self, records: Iterable[Record]) -> None:
        """Note events of the Indiana enumeration."""

    def note_decision(self, decision: Decision) -> None:
        """Note a ruling on a request."""

    def note_asked(self, requests: Sequence[float | None], observations: NDArray[np.float32]) -> None:
        """Note the requests of the policies for these (N, D) observations."""

    def note_change(self, change: BundleChange, intersection: str) -> None:
        """Note another bundle or another mode."""

    def note_order(self, order: CommandRecord) -> None:
        """Note a person's command for the next tick."""

    def note_stop(self, number: int) -> None:
        """Note a signal of the operating system that asks for the end."""

    def flush(self) -> None:
        """Write out what the tick that is over has brought."""


class FolderJournal:
    """Logs of a folder; without one nothing is written. A disk that fills up costs the logs, never the signals."""

    def __init__(self, folder: Path | None, header: Header) -> None:
        """Open the logs; those of an earlier run move aside.

        Raises:
            UsageError: the folder cannot be written.
        """
        self._folder = folder
        self.ids = header.intersections
        if folder is not None:
            _move_aside(folder)
        self._events = EventLog(folder)
        self._changes: TextIO | None = None
        self._writer: Writer | None = None
        if folder is not None:
            try:
                self._changes = (folder / CHANGES_NAME).open("w", newline="", encoding="utf-8")
                self._writer = Writer(folder / RECORDING_NAME, header)
            except OSError as err:
                raise UsageError(
                    f"--events {folder}: cannot be written: {err.strerror}; give another folder"
                ) from err
            csv.writer(self._changes, lineterminator="\n").writerow(
                ("time_s", "step", "intersection", "digest", "pattern", "why")
            )

    def note(self, records: Iterable[Record]) -> None:
        """Append events."""
        self._events.note(records)

    def note_decision(self, decision: Decision) -> None:
        """Append a line of the decision log."""
        self._events.note_decision(decision)
        self.record(lambda: Ruled.of(decision))

    def note_asked(self, requests: Sequence[float | None], observations: NDArray[np.float32]) -> None:
        """Append the policies' requests."""
        if self._writer is None:
            return
        for id_, request, observation in zip(self.ids, requests, observations, strict=True):
            self._append(Asked(intersection=id_, request=request, observation_crc=crc_of(observation)))

    def note_change(self, change: BundleChange, intersection: str) -> None:
        """Append a line of the changes."""
        if self._changes is None:
            return
        line = (f"{change.time_s:.1f}", change.step, intersection, change.digest, change.pattern, change.why)
        try:
            csv.writer(self._changes, lineterminator="\n").writerow(line)
        except OSError as err:
            log.error("%s: the changes end here: %s", self._folder, err.strerror)
            self._changes = None

    def note_order(self, order: CommandRecord) -> None:
        """Append a person's command."""
        self.record(lambda: order)

    def note_stop(self, number: int) -> None:
        """Append a stop."""
        self.record(lambda: Stopped(number=Signals(number)))

    def record(self, make: Callable[[], RunRecord]) -> None:
        """Append to the recording, if it still goes on; nothing is made for one that does not."""
        if self._writer is not None:
            self._append(make())

    def _append(self, record: RunRecord) -> None:
        with self._giving_up():
            if self._writer is not None:
                self._writer.write(record)

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        """End the recording where the disk takes no more."""
        try:
            yield
        except OSError as err:
            log.error("%s: the recording ends here: %s", self._folder, err.strerror or err)
            if self._writer is not None:
                with contextlib.suppress(OSError):
                    self._writer.abandon()
            self._writer = None

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._events.flush()
        if self._changes is not None:
            with contextlib.suppress(OSError):
                self._changes.flush()
        with self._giving_up():
            if self._writer is not None:
                self._writer.flush()

    def close(self) -> None:
        """End all logs."""
        self._events.close()
        if self._changes is not None:
            with contextlib.suppress(OSError):
                self._changes.close()
        with self._giving_up():
            if self._writer is not None:
                self._writer.close()
        self._changes = self._writer = None

    def __enter__(self) -> "FolderJournal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _move_aside(folder: Path) -> None:
    """Move the logs of an earlier run to earlier-1, earlier-2 and so on: a restart makes them interesting."""
    old = [folder / name for name in _NAMES if (folder / name).exists()]
    old += [path for stem in ("events", "decisions") for path in sorted(folder.glob(f"{stem}-[0-9]*.*"))]
    if not old:
        return
    number = 1 + max(
        (int(path.name.partition("-")[2]) for path in folder.glob("earlier-*") if _is_number(path)), default=0
    )
    place = folder / f"earlier-{number}"
    try:
        place.mkdir()
        for path in old:
            path.rename(place / path.name)
    except OSError as err:
        raise UsageError(f"--events {folder}: cannot be written: {err.strerror}; give another folder") from err


def _is_number(path: Path) -> bool:
    return path.name.partition("-")[2].isdecimal()
