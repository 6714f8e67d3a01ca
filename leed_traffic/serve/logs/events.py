"""Event log in the Indiana high-resolution enumeration, and the decision log.

    events.csv      TimeStamp (0.1 s), DeviceId, EventId, Parameter: the columns that signal engineers' tools read
    events.parquet  the same, written at the end
    events-1.csv, events-1.parquet, decisions-1.csv, ...  earlier parts of 64 MiB, each written when it was full
    detectors.csv   DeviceId, Phase, Parameter, Function: which channel means what (serve/logs/actuations.py)
    decisions.csv   time_s, intersection, mode, requested, ruled, reason, shown
    changes.csv     time_s, step, intersection, digest, pattern, why: bundles that came and went, modes
    recording.jsonl.gz  all that went in and came out (serve/logs/recording.py), for `leedctl replay`

Parameter is the phase (serve/logs/phases.py) for events 1 to 23 and the channel for 81 and 82; for 83 and 84 the
lane's number at its intersection, from 1; for 113 and 114 the stage that stood, from 1; for 131 it is 254 for the
own program and else the number of the bundle: 1 for the first, one more after each reload; for 155 it is NTCIP
1202's unit control status; for 174 its unit alarm status 1, 8 (cycle fail) while nobody leads the signal
(serve/safety/standstill.py) and 0 when that is over. The device's clock counts seconds from 1970-01-01T00:00:00:
equal runs give equal bytes. Logs of an earlier run in the same folder move to earlier-1, earlier-2 and so on.
"""

import contextlib
import csv
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TextIO

import pyarrow as pa
import pyarrow.csv as csv_of_arrow
import pyarrow.parquet as pq

from leed_traffic.domain.priority import PriorityStrategy
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.errors import UsageError
from leed_traffic.serve.safety.supervisor import SignalMode


class ChangeKind(StrEnum):
    """Step of a bundle, or of the controller's mode."""

    BEGUN = "begun"
    MOVED = "moved"
    COMPLETE = "complete"
    PROVEN = "proven"
    ROLLED_BACK = "rolled_back"
    MODE = "mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleChange:
    """One line of the log of changes."""

    time_s: float
    step: ChangeKind
    n: int | None  # the signal; None: all
    digest: str  # of the bundle that this is about; a mode's name for MODE
    pattern: int
    why: str


log = logging.getLogger(__name__)

EVENTS_NAME = "events.csv"
PARQUET_NAME = "events.parquet"
DECISIONS_NAME = "decisions.csv"
OWN = 254  # parameter of a pattern change to the signal's own program: NTCIP's free operation
CYCLE_FAIL = 8  # parameter of a unit alarm status: NTCIP 1202, unitAlarmStatus1, bit 3
CONTROL_STATUS = {
    SignalMode.ENGAGED: 2,
    SignalMode.STANDBY: 3,
    SignalMode.DEGRADED: 4,
    SignalMode.FALLBACK: 6,
}
PART_BYTES = (
    64 * 2**20
)  # of a log, before it goes on in another file: a day of a hundred junctions, half a second of Parquet
_BLOCK_BYTES = 2**20  # of a log that is put into Parquet
_SCHEMA = pa.schema(
    [
        ("TimeStamp", pa.timestamp("ms")),
        ("DeviceId", pa.string()),
        ("EventId", pa.int16()),
        ("Parameter", pa.int32()),
    ]
)
_HEADS = {
    EVENTS_NAME: tuple(_SCHEMA.names),
    DECISIONS_NAME: ("time_s", "intersection", "mode", "requested", "ruled", "reason", "shown"),
}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001, RUF100 - local time of the device, which has no zone


class Event(IntEnum):
    """Codes of the Indiana enumeration that we write."""

    BEGIN_GREEN = 1
    MAX_OUT = 5
    FORCE_OFF = 6
    GREEN_TERMINATION = 7
    BEGIN_YELLOW = 8
    END_YELLOW = 9
    BEGIN_RED_CLEARANCE = 10
    END_RED_CLEARANCE = 11
    BEGIN_WALK = 21
    BEGIN_WALK_CLEARANCE = 22
    BEGIN_DONT_WALK = 23
    DETECTOR_OFF = 81
    DETECTOR_ON = 82
    DETECTOR_RESTORED = 83
    DETECTOR_FAULT = 84
    PRIORITY_EARLY_GREEN = 113
    PRIORITY_EXTENDED_GREEN = 114
    PATTERN_CHANGE = 131
    UNIT_CONTROL_STATUS = 155
    UNIT_ALARM_STATUS = 174


PRIORITY_EVENTS = {
    PriorityStrategy.EARLY_GREEN: Event.PRIORITY_EARLY_GREEN,
    PriorityStrategy.HOLD: Event.PRIORITY_EXTENDED_GREEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the event log."""

    time_s: float
    device: str
    event: Event
    parameter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One line of the decision log."""

    time_s: float
    intersection: str
    mode: SignalMode
    requested: float | None
    ruled: int
    reason: Reason
    shown: int  # the stage that stands, or that a clearance leads to


class EventLog:
    """Writes both logs into a folder, line by line; without a folder it only forgets.

    A disk that is full or gone later on costs the log, and a line on stderr, never the signals. However long a
    run, no more than a block of lines is in memory: parts that are full are put into Parquet beside the loop, by a
    thread.

    Raises:
        UsageError: the folder cannot be written.
    """

    def __init__(self, folder: Path | None, *, part_bytes: int = PART_BYTES) -> None:
        """Begin both logs.

        Args:
            folder: of the logs; None: there are none.
            part_bytes: when a part is full.
        """
        self._folder = folder
        self._part_bytes = part_bytes
        self._files: dict[str, TextIO] = {}
        self._parts: dict[str, int] = dict.fromkeys(_HEADS, 0)
        self._converter: Thread | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in _HEADS:
                self._begin(name)
        except OSError as err:
            raise UsageError(f"--events {folder}: cannot be written: {err.strerror}; give another folder") from err

    def note(self, records: Iterable[Record]) -> None:
        """Append events."""
        if self._files:
            with self._giving_up():
                self._events.writerows((_stamp(r.time_s), r.device, int(r.event), r.parameter) for r in records)

    def note_decision(self, decision: Decision) -> None:
        """Append a decision."""
        if self._files:
            requested = "" if decision.requested is None else f"{decision.requested:g}"
            said = (decision.mode, requested, decision.ruled, decision.reason, decision.shown)
            line = (f"{decision.time_s:.1f}", decision.intersection, *said)
            with self._giving_up():
                self._decisions.writerow(line)

    def flush(self) -> None:
        """Hand what was written to the operating system; a part that is full is put away."""
        with self._giving_up():
            for name, file in tuple(self._files.items()):
                file.flush()
                if os.fstat(file.fileno()).st_size >= self._part_bytes:
                    self._put_away(name)

    def close(self) -> None:
        """End both logs and write the events as Parquet, too."""
        if self._converter is not None:
            self._converter.join()
        if not self._files or self._folder is None:
            return
        with self._giving_up():
            for file in self._files.values():
                file.close()
            _convert(self._folder / EVENTS_NAME)
        self._files = {}

    def _begin(self, name: str) -> None:
        file = ((self._folder or Path()) / name).open("w", newline="", encoding="utf-8")
        self._files[name] = file
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADS[name])
        if name == EVENTS_NAME:
            self._events = writer
        else:
            self._decisions = writer

    def _put_away(self, name: str) -> None:
        """Go on in a new file."""
        folder = self._folder or Path()
        self._files[name].close()
        self._parts[name] += 1
        full = folder / f"{Path(name).stem}-{self._parts[name]}.csv"
        os.replace(folder / name, full)
        self._begin(name)
        if name == EVENTS_NAME:
            if self._converter is not None:
                self._converter.join()  # of a part that was full 64 MiB ago
            self._converter = Thread(target=_convert, args=(full,), name="events", daemon=True)
            self._converter.start()

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            log.error("%s: the logs end here: %s", self._folder, err.strerror or err)
            for file in self._files.values():
                with contextlib.suppress(OSError):
                    file.close()
            self._files = {}

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stamp(time_s: float) -> str:
    return (_EPOCH + timedelta(milliseconds=100 * round(time_s * 10))).isoformat(sep=" ", timespec="milliseconds")


def _convert(source: Path) -> None:
    """Write Parquet beside a log; where that fails, the log itself is still there."""
    target = source.with_suffix(".parquet")
    try:
        _write_parquet(source, target)
    except (OSError, pa.ArrowException) as err:
        log.error(
            "%s: cannot be written: %s; %s has the same lines", target, " ".join(str(err).split()), source.name
        )
        with contextlib.suppress(OSError):
            target.with_suffix(".tmp").unlink()


def _write_parquet(source: Path, target: Path) -> None:
    """Write block by block: a log of any length takes the memory of a block."""
    fresh = target.with_suffix(".tmp")
    lines = csv_of_arrow.open_csv(
        source,
        read_options=csv_of_arrow.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        parse_options=csv_of_arrow.ParseOptions(newlines_in_values=True),
        convert_options=csv_of_arrow.ConvertOptions(column_types=_SCHEMA),
    )
    with lines, pq.ParquetWriter(fresh, _SCHEMA) as writer:
        for block in lines:
            writer.write_batch(block)
    os.replace(fresh, target)
