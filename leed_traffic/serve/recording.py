"""The recording of a run: all that went into its decisions and all that came out, to be decided again by `leedctl replay`.

    line 1      JSON, plain: what was run (`Header`)
    the rest    one zlib stream, flushed at the end of every tick; in it records of
                kind (1 byte), length (4), payload, CRC-32 of kind and payload (4); little endian

    in:   CONNECTED a device · TICK a snapshot · ORDER, STOP of a person · LOST the connection broke · ENDED the device's end
    out:  ASKED a policy's request, with the CRC of its observation · RULED a line of decisions.csv · CALL a command and
          the device's answer (a result for us, so it is an input, too)

Append-only: whatever ends the process, the file can be read up to the last tick that reached the operating system. An hour of
one junction takes about a megabyte (docs/serve.md).
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain import envelope
from leed_traffic.errors import UsageError
from leed_traffic.serve.commands import Verb
from leed_traffic.serve.device import Snapshot
from leed_traffic.serve.events import Decision
from leed_traffic.serve.records import (
    FORMAT_VERSION,
    Answer,
    Connected,
    Header,
    Ordered,
    pack_asked,
    pack_call,
    pack_decision,
    pack_snapshot,
)

RECORDING_NAME = "recording.leed"
_LEVEL = 6  # of zlib
_FRAME, _CRC = struct.Struct("<BI"), struct.Struct("<I")
_LONGEST_HEADER, _LARGEST = 16 * 2**20, 256 * 2**20  # bytes


class Kind(IntEnum):
    """Of a record."""

    CONNECTED = 1
    TICK = 2
    CALL = 3
    ASKED = 4
    RULED = 5
    ORDER = 6
    STOP = 7
    LOST = 8
    ENDED = 9
    CLOSED = 10


_KINDS = frozenset(int(kind) for kind in Kind)


class Writer:
    """Appends records; raises OSError when the disk no longer takes them."""

    def __init__(self, path: Path, header: Header) -> None:
        self._file: BinaryIO = path.open("wb")
        self._stream = zlib.compressobj(_LEVEL)
        self._ids = {id_: n for n, id_ in enumerate(header.intersections)}
        self._file.write(header.model_dump_json().encode() + b"\n")
        self.flush()

    def write(self, kind: Kind, payload: bytes = b"") -> None:
        """Append one record."""
        crc = zlib.crc32(payload, kind)
        self._file.write(self._stream.compress(_FRAME.pack(kind, len(payload)) + payload + _CRC.pack(crc)))

    def connected(self, step_s: float, end_s: float, lanes: Sequence[str]) -> None:
        """A device answers."""
        self.write(Kind.CONNECTED, _json(Connected(step_s=step_s, end_s=end_s, lanes=tuple(lanes))))

    def tick(self, snapshot: Snapshot) -> None:
        """What was read."""
        self.write(Kind.TICK, pack_snapshot(snapshot))

    def call(self, verb: Verb, n: int, stage: int, hold_s: float, answer: Answer) -> None:
        """What was commanded, and what the device said."""
        self.write(Kind.CALL, pack_call(verb, n, stage, hold_s, answer))

    def asked(self, n: int, request: float | None, observation_crc: int) -> None:
        """What a policy wanted."""
        self.write(Kind.ASKED, pack_asked(n, request, observation_crc))

    def ruled(self, decision: Decision) -> None:
        """A line of the decision log."""
        self.write(Kind.RULED, pack_decision(decision, self._ids[decision.intersection]))

    def ordered(self, order: Ordered) -> None:
        """A person's order, before the tick that obeys."""
        self.write(Kind.ORDER, _json(order))

    def flush(self) -> None:
        """All so far can be read back, whatever happens to this process."""
        self._file.write(self._stream.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def abandon(self) -> None:
        """The disk takes no more."""
        self._file.close()

    def close(self) -> None:
        """The end, said as such."""
        self.write(Kind.CLOSED)
        self._file.write(self._stream.flush())
        self._file.close()


class Reader:
    """A recording from its beginning; `is_torn` after the last record says whether the end is missing."""

    def __init__(self, path: Path) -> None:
        """Open it and read the header.

        Raises:
            UsageError: no recording, or one of another version.
        """
        self.path, self.is_torn, self.bytes_read, self.n_records = path, True, 0, 0
        try:
            with path.open("rb") as file:
                line = file.readline(_LONGEST_HEADER)
        except OSError as err:
            raise UsageError(f"{path}: cannot be read: {err.strerror}; expected {RECORDING_NAME} of a run") from err
        self._start = len(line)
        try:
            written = json.loads(line)
            if (version := written.get("format_version")) != FORMAT_VERSION:
                writer = written.get("leed_version", "of unknown version")
                raise UsageError(
                    f"{path}: recording of format {version}, this program reads {FORMAT_VERSION}; "
                    f"replay it with the leed_traffic that wrote it ({writer})"
                )
            self.header = Header.model_validate_json(line)
        except (ValueError, AttributeError, RecursionError) as err:  # json's and pydantic's errors are ValueErrors
            why = first_fault(err) if isinstance(err, ValidationError) else "its first line is no header"
            raise UsageError(f"{path}: not a recording of `leedctl serve --events`: {why}") from err

    @contextmanager
    def believing(self, place: int) -> Iterator[None]:
        """A record is read here; one that makes no sense is damage, wherever that is found.

        Args:
            place: of the record, from 1.

        Raises:
            UsageError: it makes none.
        """
        try:
            yield
        except (ValueError, IndexError) as err:
            why = " ".join(str(err).split())
            raise UsageError(f"{self.path}: damaged in record {place:,}: {why}; take the recording that was made") from err

    def records(self) -> Iterator[tuple[Kind, bytes]]:
        """Every record up to the end, or to where the file was cut off.

        Raises:
            UsageError: a record is damaged.
        """
        pending, done = bytearray(), 0
        for piece in self._pieces():
            pending += piece
            at = 0
            while len(pending) - at >= _FRAME.size:
                number, size = _FRAME.unpack_from(pending, at)
                end = at + _FRAME.size + size + _CRC.size
                if number not in _KINDS or size > _LARGEST:
                    raise UsageError(f"{self.path}: damaged {done + at:,} bytes into the records; they end there")
                if end > len(pending):
                    break
                payload = bytes(pending[at + _FRAME.size : end - _CRC.size])
                if _CRC.unpack_from(pending, end - _CRC.size)[0] != zlib.crc32(payload, number):
                    raise UsageError(f"{self.path}: damaged {done + at:,} bytes into the records; they end there")
                self.is_torn, self.n_records = number != Kind.CLOSED, self.n_records + 1
                yield Kind(number), payload
                at = end
            done += at
            del pending[:at]
        self.is_torn = self.is_torn or bool(pending)

    def _pieces(self) -> Iterator[bytes]:
        """The stream, decompressed as far as it is sound; the records' own CRCs tell what is."""
        stream = zlib.decompressobj()
        with self.path.open("rb") as file:
            file.seek(self._start)
            while piece := file.read(4096):
                self.bytes_read += len(piece)
                try:
                    yield stream.decompress(piece)
                except zlib.error:
                    return


def envelope_digest() -> str:
    """Names the source of the envelope: whether the program that replays rules as the one that recorded."""
    return hashlib.sha256(Path(envelope.__file__).read_bytes()).hexdigest()


def _json(document: BaseModel) -> bytes:
    return document.model_dump_json().encode()
