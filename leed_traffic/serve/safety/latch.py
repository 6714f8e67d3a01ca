"""The monitor's latch on disk: a signal that tripped stays on its own program until a person resets it.

    STATE/<signal>.fault.json      one file per latched signal
    STATE/trips-XXXXXXXX.journal   the trips of a running controller, in a file that is open since its start
    STATE/resets.jsonl             who cleared what, and when

A trip goes into the journal first, which needs no descriptor and no room on the disk
(serve/safety/trip_journal.py), then into a file of its own, which is written beside its place, flushed to the disk
and renamed: a power cut leaves the old state or the new one. What only a journal knows the end of its controller,
or the next start, puts into files. One that cannot be read refuses the start: nobody knows what it said.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from leed_traffic.artifacts.sealed_folder import sha256
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.artifacts.whole_file import safe_name
from leed_traffic.domain.document import Document
from leed_traffic.errors import UsageError
from leed_traffic.serve.safety import trip_journal
from leed_traffic.serve.safety.trip_journal import TripJournal

log = logging.getLogger(__name__)

FAULT_SUFFIX = ".fault.json"
RESETS_NAME = "resets.jsonl"

Now = Callable[[], datetime]  # the wall clock, with its zone


class Latched(Document):
    """Latch of one signal that must not be touched, with its reason."""

    signal: str
    fault: str
    detail: str
    time_s: float  # of the device
    noted_at: datetime  # of the wall


class Reset(Document):
    """One line of the resets' log."""

    signal: str
    fault: str
    who: str
    when: datetime


class LatchStore:
    """The latches of one place; without a folder they last as long as the process."""

    def __init__(self, folder: Path | None, now: Now) -> None:
        """Read what stands, open what a trip needs.

        Args:
            folder: of the latches; made if it is missing, for this user only.
            now: the wall clock.

        Raises:
            UsageError: the folder cannot be written, or a file in it cannot be read.
        """
        self._folder = folder
        self._now = now
        self._journal: TripJournal | None = None
        self.latched: dict[str, Latched] = {}
        if folder is None:
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left_behind in trip_journal.abandoned(folder):
                _take_in(folder, left_behind)
            self._journal = TripJournal(folder)
        except OSError as err:
            raise UsageError(
                f"--state {folder}: cannot be written: {err.strerror or err}; give another folder"
            ) from err
        try:
            self.latched = read_latches(folder)
        except UsageError:
            self.close()
            raise

    @property
    def folder(self) -> Path | None:
        """Folder of the latches."""
        return self._folder

    def trip(self, signal: str, fault: str, detail: str, time_s: float) -> None:
        """Latch a signal; the first fault stands.

        Raises:
            OSError: the folder no longer takes it; the latch holds for this process all the same.
        """
        if signal in self.latched:
            return
        entry = Latched(signal=signal, fault=fault, detail=detail, time_s=time_s, noted_at=self._now())
        self.latched[signal] = entry
        if self._folder is None or self._journal is None:
            return
        try:
            self._journal.append(entry.model_dump_json().encode())
        except OSError as err:
            log.warning(
                "%s: cannot be written (%s): the latch's own file is tried",
                self._journal.path,
                err.strerror or err,
            )
            _write_latch(self._folder, entry)
            return
        try:
            _write_latch(self._folder, entry)
        except OSError as err:
            log.warning(
                "%s: latched in %s; no file of its own yet (%s)", signal, self._journal.path, err.strerror or err
            )

    def close(self) -> None:
        """The controller ends: the journal goes, once every trip in it has a file of its own."""
        if self._folder is None or self._journal is None:
            return
        with contextlib.suppress(OSError):  # it holds what has no file: the next start takes it in
            _take_in(self._folder, self._journal.path)
        self._journal.close()
        self._journal = None


def read_latches(folder: Path) -> dict[str, Latched]:
    """The latches of a folder by signal.

    Raises:
        UsageError: a file there makes no sense.
    """
    latched: dict[str, Latched] = {}
    for path in sorted(
        folder.glob(trip_journal.PATTERN)
    ):  # first: what leaves a journal meanwhile is in a file by then
        latched |= {entry.signal: entry for _, entry in _journalled(path)}
    return latched | {entry.signal: entry for _, entry in _filed(folder)}


def reset_latches(folder: Path, signals: Sequence[str], *, who: str, now: Now) -> list[Latched]:
    """Clear the latches of these signals, all without any; each leaves a line in the log first.

    Raises:
        UsageError: a signal has no latch here, or the folder cannot be written.
    """
    latched = read_latches(folder)
    if unknown := [signal for signal in signals if signal not in latched]:
        raise UsageError(f"{folder}: {unknown[0]} is not latched here; latched: {', '.join(latched) or 'nothing'}")
    cleared = [latched[signal] for signal in (signals or sorted(latched))]
    try:
        for entry in cleared:
            line = Reset(signal=entry.signal, fault=entry.fault, who=who, when=now())
            with (folder / RESETS_NAME).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line.model_dump(mode="json")) + "\n")
                file.flush()
                os.fsync(file.fileno())
            _clear(folder, entry.signal)
    except OSError as err:
        raise UsageError(f"{folder}: cannot be written: {err.strerror}") from err
    return cleared


def _clear(folder: Path, signal: str) -> None:
    """The journals first: whoever takes one in finds nothing to write any more."""
    for path in folder.glob(trip_journal.PATTERN):
        for trip, entry in _journalled(path):
            if entry.signal == signal:
                trip_journal.mark_reset(path, trip)
    for path, entry in _filed(folder):
        if entry.signal == signal:
            path.unlink(missing_ok=True)  # another reset may have come first
    trip_journal.sync_folder(folder)


def _take_in(folder: Path, journal: Path) -> None:
    """Give every trip of a journal a file of its own, then remove the journal; one that makes no sense stays."""
    with contextlib.suppress(UsageError):
        entries = [entry for _, entry in _journalled(journal)]
        filed = {entry.signal for _, entry in _filed(folder)} if entries else set()
        for entry in entries:
            if entry.signal not in filed:
                _write_latch(folder, entry)
        journal.unlink(missing_ok=True)


def _journalled(path: Path) -> list[tuple[trip_journal.JournaledTrip, Latched]]:
    try:
        trips = trip_journal.standing(path)
    except OSError as err:
        raise _unreadable(path, err.strerror or str(err)) from err
    return [(trip, _parse(path, trip.content)) for trip in trips]


def _filed(folder: Path) -> list[tuple[Path, Latched]]:
    """The latches that have a file of their own."""
    found = []
    for path in sorted(folder.glob(f"*{FAULT_SUFFIX}")):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # reset in this moment
            continue
        except OSError as err:
            raise _unreadable(path, err.strerror or str(err)) from err
        found.append((path, _parse(path, content)))
    return found


def _parse(path: Path, content: bytes) -> Latched:
    try:
        return Latched.model_validate_json(content)
    except ValidationError as err:
        raise _unreadable(path, first_fault(err)) from err


def _unreadable(path: Path, fault: str) -> UsageError:
    return UsageError(
        f"{path}: not a latch that can be read ({fault}); see what happened to the signal, then remove the file"
    )


def _write_latch(folder: Path, entry: Latched) -> None:
    """Write a latch to a file of its own; where two ids want one name the second gets a longer one."""
    path = folder / f"{safe_name(entry.signal)}{FAULT_SUFFIX}"
    if _is_of_another(path, entry.signal):
        path = folder / f"{sha256(entry.signal.encode())}{FAULT_SUFFIX}"
    _write(path, (entry.model_dump_json(indent=1) + "\n").encode())


def _is_of_another(path: Path, signal: str) -> bool:
    try:
        return Latched.model_validate_json(path.read_bytes()).signal != signal
    except FileNotFoundError:
        return False
    except ValidationError:
        return True  # nobody knows whose


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    trip_journal.sync_folder(path.parent)
