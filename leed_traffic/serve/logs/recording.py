"""The recording of a run, which `leedctl replay` decides again: JSON lines, compressed with gzip.

    line 1      what was run (`records.Header`)
    the rest    one record each (serve/logs/records.py); a `sealed` line after every flush, at the end of each tick

`zcat recording.jsonl.gz` shows it. Append-only: whatever ends the process, the file can be read up to the last
tick that reached the operating system. gzip tells of damage only at its end, so each flush is sealed with a CRC.
An hour of one junction takes about a megabyte (docs/serve.md).
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.safety import envelope
from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.records import (
    FORMAT_VERSION,
    Closed,
    Header,
    RunRecord,
    Sealed,
    line_of,
    run_record,
)

RECORDING_NAME = "recording.jsonl.gz"
OLD_NAME = "recording.leed"  # formats 1 and 2

_LEVEL = 6  # of zlib
_GZIP = 16 + zlib.MAX_WBITS  # zlib's code for gzip's head and end around its stream
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_LINE = 64 * 2**20  # bytes; a tick of 10,000 vehicles has half a megabyte
_LARGEST_FLUSH = 256 * 2**20  # bytes between two seals
_SEAL = b'{"kind":"sealed"'


class Writer:
    """Appends records; raises OSError when the disk no longer takes them."""

    def __init__(self, path: Path, header: Header) -> None:
        self._file: BinaryIO = path.open("wb")
        self._gzip = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._crc = 0
        self._append(line_of(header))
        self.flush()

    def write(self, record: RunRecord) -> None:
        """Append one record."""
        self._append(line_of(record))

    def flush(self) -> None:
        """Seal all so far, so that it can be read back whatever happens to this process."""
        self._seal()
        self._file.write(self._gzip.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def abandon(self) -> None:
        """Close the file of a disk that takes no more."""
        self._file.close()

    def close(self) -> None:
        """End the recording, and say so in it."""
        self.write(Closed())
        self._seal()
        self._file.write(self._gzip.flush())
        self._file.close()

    def _seal(self) -> None:
        self._append(line_of(Sealed(crc=self._crc)))

    def _append(self, line: bytes) -> None:
        self._crc = zlib.crc32(line, self._crc)
        self._file.write(self._gzip.compress(line))


class Reader:
    """A recording from its beginning; `is_torn` after the last record says whether the end is missing."""

    def __init__(self, path: Path) -> None:
        """Open it and read the header.

        Raises:
            UsageError: no recording, or one of another version.
        """
        if not path.exists() and path.with_name(OLD_NAME).exists():
            path = path.with_name(OLD_NAME)
        self.path = path
        self.is_torn = True
        self.bytes_read = 0
        try:
            with path.open("rb") as file:
                is_plain = file.peek(len(_GZIP_MAGIC))[: len(_GZIP_MAGIC)] != _GZIP_MAGIC
                lines = iter((file.readline(_LONGEST_LINE),)) if is_plain else self._lines(file)
                line = next(lines, b"")
                self._check_version(line)
                self.header = Header.model_validate_json(line)
                self._check_seal(next(lines, b""), zlib.crc32(line), 2)
        except OSError as err:
            raise UsageError(
                f"{path}: cannot be read: {err.strerror}; expected {RECORDING_NAME} of a run"
            ) from err
        except ValidationError as err:
            raise UsageError(f"{path}: not a recording of `leedctl serve --events`: {first_fault(err)}") from err

    def _check_version(self, line: bytes) -> None:
        """Refuse another format; formats 1 and 2 began with a plain line.

        Raises:
            UsageError: no recording, or one of another version.
        """
        try:
            written = json.loads(line)
            version = written["format_version"]
            writer = written.get("leed_version", "of unknown version")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as err:
            raise UsageError(
                f"{self.path}: not a recording of `leedctl serve --events`: its first line is no header"
            ) from err
        if version != FORMAT_VERSION:
            raise UsageError(
                f"{self.path}: recording of format {version}, this program reads {FORMAT_VERSION}; "
                f"replay it with the leed_traffic that wrote it ({writer})"
            )

    @contextmanager
    def believing(self, place: int) -> Iterator[None]:
        """Read a record here; one that makes no sense is damage, wherever that is found.

        Args:
            place: line of the record, from 1.

        Raises:
            UsageError: it makes none.
        """
        try:
            yield
        except (ValueError, IndexError) as err:
            raise UsageError(
                f"{self.path}: damaged in line {place:,}: {first_fault(err)}; take the recording that was made"
            ) from err

    def records(self) -> Iterator[tuple[int, RunRecord]]:
        """Yield every record with its line, from 1, up to the end or to where the file was cut off.

        Raises:
            UsageError: a line is damaged.
        """
        unsealed: list[bytes] = []
        size = 0
        crc = 0
        with self.path.open("rb") as file:
            for place, line in enumerate(self._lines(file), start=1):
                if line.startswith(_SEAL):
                    self._check_seal(line, crc, place)
                    yield from self._parsed(unsealed, place - len(unsealed))
                    unsealed = []
                    size = 0
                elif place > 1:
                    unsealed.append(line)
                    size += len(line)
                crc = zlib.crc32(line, crc)
                if size > _LARGEST_FLUSH:
                    raise self._damaged(place)
        self.is_torn = self.is_torn or bool(unsealed)

    def _parsed(self, lines: list[bytes], first: int) -> Iterator[tuple[int, RunRecord]]:
        for place, line in enumerate(lines, start=first):
            with self.believing(place):
                record = run_record.validate_json(line)
            self.is_torn = not isinstance(record, Closed)
            yield place, record

    def _check_seal(self, line: bytes, crc: int, place: int) -> None:
        try:
            is_right = Sealed.model_validate_json(line).crc == crc
        except ValidationError:
            is_right = False
        if not is_right:
            raise self._damaged(place)

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield whole lines; a file that was cut off ends with the last whole one.

        Raises:
            UsageError: the compressed bytes are not what was written.
        """
        place = 0
        with gzip.GzipFile(fileobj=file) as unzipped:
            while True:
                try:
                    line = unzipped.readline(_LONGEST_LINE)
                except EOFError:
                    return
                except (OSError, zlib.error) as err:
                    raise self._damaged(place + 1) from err
                self.bytes_read = file.tell()
                if not line.endswith(b"\n"):
                    if len(line) == _LONGEST_LINE:
                        raise self._damaged(place + 1)
                    return
                place += 1
                yield line

    def _damaged(self, place: int) -> UsageError:
        return UsageError(
            f"{self.path}: damaged at or before line {place:,}, which is not what was written; "
            "take the recording that was made"
        )


def envelope_digest() -> str:
    """Return the sha256 of the envelope's source: the program that replays must rule as the one that recorded."""
    return hashlib.sha256(Path(envelope.__file__).read_bytes()).hexdigest()
