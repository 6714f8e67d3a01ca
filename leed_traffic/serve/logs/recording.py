"""The recording of a run: all that went into its decisions and all that came out, to be decided again by `leedctl replay`.

    line 1      JSON, plain: what was run (`Header`)
    the rest    one zlib stream, flushed at the end of every tick; in it records of
                kind (1 byte), length (4), payload, CRC-32 of kind and payload (4); little endian

    in:   CONNECTED a device · TICK a snapshot · ORDER, STOP of a person · LOST the connection broke · ENDED the device's end
    out:  ASKED a policy's request, with the CRC of its observation · RULED a line of decisions.csv · CALL a command and
          the device's answer (a result for us, so it is an input, too)

Append-only: whatever ends the process, the file can be read up to the last tick that reached the operating system.
An hour of one junction takes about a megabyte (docs/serve.md).
"""

import hashlib
import json
import math
import signal
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.domain.document import Document
from leed_traffic.domain.priority import PriorityRule, PriorityVehicle
from leed_traffic.domain.safety import envelope
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.errors import UsageError
from leed_traffic.serve.device.commands import Verb
from leed_traffic.serve.device.contract import TICK_S, SignalDisplay, Snapshot
from leed_traffic.serve.logs.events import Decision
from leed_traffic.serve.safety.kept_waits import KeptWaits
from leed_traffic.serve.safety.supervisor import OperatingMode, SignalMode

FORMAT_VERSION: Literal[2] = 2  # 1: a TICK did not say who is inside the junction


_TICK = struct.Struct("<dIIIII")
_CALL = struct.Struct("<BHqdB")


_ASKED = struct.Struct("<HBdI")
_RULED = struct.Struct("<dHBBdhBh")


_MODES = tuple(SignalMode)
_REASONS = tuple(Reason)


_LONGEST_TIME_S = 1e10  # s of a device's clock, three hundred years


_LARGEST_COUNT = 10_000_000  # vehicles, lanes, letters of one tick


_ROADSIDE = TypeAdapter(
    tuple[dict[str, tuple[float, float]], tuple[PriorityVehicle, ...]]
    | tuple[dict[str, tuple[float, float]], tuple[PriorityVehicle, ...], tuple[float, ...]]
)


P = ParamSpec("P")


T = TypeVar("T")


def _intact(unpack: Callable[P, T]) -> Callable[P, T]:
    """Whatever a record holds, it is read, or a ValueError says that it cannot be."""

    @wraps(unpack)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return unpack(*args, **kwargs)
        except (struct.error, ValueError, TypeError, LookupError, OverflowError, RecursionError) as err:
            raise ValueError(" ".join(str(err).split())[:120] or type(err).__name__) from err

    return checked


class RecordedAnswer(IntEnum):
    """Of the device to a command."""

    REFUSED = 0
    DONE = 1
    LOST = 2


class Header(Document):
    """Line 1: what was run, and by which program."""

    format_version: Literal[2] = FORMAT_VERSION
    leed_version: str
    envelope_digest: str  # sha256 of the envelope's source
    bundle: str  # its folder then
    bundle_digest: str
    network_digest: str
    site_digest: str
    intersections: tuple[str, ...]
    latched: tuple[str, ...]  # signals that stayed on their own program
    control: OperatingMode
    until_s: float | None
    tick_s: float = Field(default=TICK_S, ge=TICK_S, le=TICK_S)  # no run has another
    lease_s: float
    probation_s: float
    sensing: Sensing | None = None  # None: ideal
    priority: tuple[PriorityRule, ...] = ()
    kept: tuple[KeptWaits, ...] = ()  # waits that an earlier process had counted
    modes: tuple[str, ...] = _MODES  # what the numbers in RULED mean
    reasons: tuple[str, ...] = _REASONS


class Connected(Document):
    """A device, as far as decisions depend on it."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    step_s: Annotated[float, Field(ge=1e-3, le=3600.0)]
    end_s: Annotated[float, Field(ge=0.0)]
    lanes: tuple[str, ...]  # by lane_index


class Ordered(BaseModel):
    """What a person asked of the running controller."""

    order: Literal["reload", "rollback", "mode"]
    who: str
    value: str = ""  # the bundle's digest, the mode, or why a bundle must go at once
    path: str = ""  # of the bundle


class Call(BaseModel):
    """A command and its answer."""

    model_config = ConfigDict(frozen=True)

    verb: Verb
    n: int
    stage: int
    hold_s: float
    answer: RecordedAnswer


class Asked(BaseModel):
    """What a policy wanted."""

    model_config = ConfigDict(frozen=True)

    n: int
    request: float | None
    observation_crc: int


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """The bytes of a TICK; floats as they are, their bytes sorted by place so that they compress."""
    seen = snapshot.sightings
    vehicles = snapshot.vehicles
    states = "\0".join(s.state for s in seen).encode()
    programs = "\0".join(s.program for s in seen).encode()
    beside = _roadside(snapshot)
    parts = [
        _TICK.pack(
            snapshot.time_s, len(states), len(programs), len(vehicles.lane), len(snapshot.missing), len(beside)
        ),
        states,
        programs,
        beside,
        np.array([s.phase for s in seen], dtype="<i8").tobytes(),
        _by_place(np.array([s.spent_s for s in seen], dtype="<f8")),
        np.array([s.is_sound | s.is_foreign << 1 for s in seen], dtype="u1").tobytes(),
        _by_place(np.array([_or_nan(s.slowest_inside_mps) for s in seen], dtype="<f8")),
        vehicles.lane.astype("<u4").tobytes(),
        _by_place(vehicles.position_m.astype("<f8")),
        _by_place(vehicles.speed_mps.astype("<f8")),
        np.array(sorted(snapshot.missing), dtype="<u4").tobytes(),
    ]
    return b"".join(parts)


@_intact
def unpack_connected(payload: bytes) -> Connected:
    """The device that a CONNECTED holds."""
    device = Connected.model_validate_json(payload)
    if len(set(device.lanes)) < len(device.lanes):
        raise ValueError("a lane is named twice")
    return device


@_intact
def unpack_order(payload: bytes) -> Ordered:
    """What an ORDER asks for."""
    order = Ordered.model_validate_json(payload)
    if order.order == "mode":
        OperatingMode(order.value)
    return order


@_intact
def unpack_stop(payload: bytes) -> int:
    """The signal of the operating system that a STOP names."""
    (number,) = payload
    return int(signal.Signals(number))


@_intact
def unpack_snapshot(payload: bytes, n: int) -> Snapshot:
    """The snapshot of n signals that a TICK holds."""
    time_s, n_states, n_programs, n_vehicles, n_missing, n_beside = _TICK.unpack_from(payload)
    if (
        not 0.0 <= time_s <= _LONGEST_TIME_S
        or max(n_states, n_programs, n_vehicles, n_missing, n_beside) > _LARGEST_COUNT
    ):
        raise ValueError(f"a tick at {time_s} s")
    cut = _Cut(payload, _TICK.size)
    states = cut.bytes(n_states).decode().split("\0")
    programs = cut.bytes(n_programs).decode().split("\0")
    detected, callers, *persons = _ROADSIDE.validate_python(json.loads(cut.bytes(n_beside) or b"[{}, []]"))
    phases = cut.array("<i8", n)
    spent_s = _whole(cut.bytes(8 * n))
    flags = cut.array("u1", n)
    inside_mps = _whole(cut.bytes(8 * n))
    lane = cut.array("<u4", n_vehicles).astype(np.intp)
    position_m = _whole(cut.bytes(8 * n_vehicles))
    speed_mps = _whole(cut.bytes(8 * n_vehicles))
    rows = zip(
        states, programs, phases.tolist(), spent_s.tolist(), flags.tolist(), inside_mps.tolist(), strict=True
    )
    return Snapshot(
        time_s=time_s,
        sightings=tuple(
            SignalDisplay(
                state=state,
                program=program,
                phase=phase,
                spent_s=spent,
                is_sound=bool(flag & 1),
                is_foreign=bool(flag & 2),
                slowest_inside_mps=None if math.isnan(mps) else mps,
            )
            for state, program, phase, spent, flag, mps in rows
        ),
        vehicles=Vehicles(lane=lane, position_m=position_m, speed_mps=speed_mps),
        missing=frozenset(cut.array("<u4", n_missing).tolist()),
        detected=detected,
        callers=callers,
        persons=persons[0] if persons else (),
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _roadside(snapshot: Snapshot) -> bytes:
    """A site's own detectors, who calls for priority and who waits at crossings; nothing where a site has none of them."""
    if not snapshot.detected and not snapshot.callers and not snapshot.persons:
        return b""
    persons = [list(snapshot.persons)] if snapshot.persons else []
    return json.dumps(
        [dict(snapshot.detected), [asdict(caller) for caller in snapshot.callers], *persons]
    ).encode()


def pack_decision(decision: Decision, n: int) -> bytes:
    """The bytes of a RULED."""
    requested = 0.0 if decision.requested is None else decision.requested
    mode = _MODES.index(decision.mode)
    reason = _REASONS.index(decision.reason)
    is_none = decision.requested is None
    return _RULED.pack(decision.time_s, n, mode, is_none, requested, decision.ruled, reason, decision.shown)


@_intact
def unpack_decision(payload: bytes, header: Header) -> Decision:
    """The decision that a RULED holds."""
    time_s, n, mode, is_none, requested, ruled, reason, shown = _RULED.unpack(payload)
    return Decision(
        time_s=time_s,
        intersection=header.intersections[n],
        mode=SignalMode(header.modes[mode]),
        requested=None if is_none else requested,
        ruled=ruled,
        reason=Reason(header.reasons[reason]),
        shown=shown,
    )


def pack_call(verb: Verb, n: int, stage: int, hold_s: float, answer: RecordedAnswer) -> bytes:
    """The bytes of a CALL."""
    return _CALL.pack(verb, n, stage, hold_s, answer)


@_intact
def unpack_call(payload: bytes) -> Call:
    """The command that a CALL holds."""
    verb, n, stage, hold_s, answer = _CALL.unpack(payload)
    return Call(verb=Verb(verb), n=n, stage=stage, hold_s=hold_s, answer=RecordedAnswer(answer))


def pack_asked(n: int, request: float | None, observation_crc: int) -> bytes:
    """The bytes of an ASKED."""
    return _ASKED.pack(n, request is None, 0.0 if request is None else request, observation_crc)


@_intact
def unpack_asked(payload: bytes) -> Asked:
    """The request that an ASKED holds."""
    n, is_none, request, crc = _ASKED.unpack(payload)
    return Asked(n=n, request=None if is_none else request, observation_crc=crc)


class _Cut:
    """Takes one piece after another off some bytes."""

    def __init__(self, payload: bytes, at: int) -> None:
        self._payload = payload
        self._at = at

    def bytes(self, size: int) -> bytes:
        """The next `size` bytes."""
        self._at += size
        if self._at > len(self._payload):
            raise ValueError("it is cut off")
        return self._payload[self._at - size : self._at]

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        """The next `count` numbers of a kind."""
        return np.frombuffer(self.bytes(np.dtype(kind).itemsize * count), dtype=kind)


def _by_place(values: NDArray[np.float64]) -> bytes:
    """All first bytes, all second bytes and so on: neighbours that resemble each other."""
    return values.view("u1").reshape(-1, 8).T.tobytes()


def _whole(content: bytes) -> NDArray[np.float64]:
    return np.frombuffer(content, dtype="u1").reshape(8, -1).T.copy().view("<f8").ravel()


RECORDING_NAME = "recording.leed"
_LEVEL = 6  # of zlib
_FRAME = struct.Struct("<BI")
_CRC = struct.Struct("<I")
_LONGEST_HEADER = 16 * 2**20
_LARGEST = 256 * 2**20  # bytes


class RecordKind(IntEnum):
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


_KINDS = frozenset(int(kind) for kind in RecordKind)


class Writer:
    """Appends records; raises OSError when the disk no longer takes them."""

    def __init__(self, path: Path, header: Header) -> None:
        self._file: BinaryIO = path.open("wb")
        self._stream = zlib.compressobj(_LEVEL)
        self._ids = {id_: n for n, id_ in enumerate(header.intersections)}
        self._file.write(header.model_dump_json().encode() + b"\n")
        self.flush()

    def write(self, kind: RecordKind, payload: bytes = b"") -> None:
        """Append one record."""
        crc = zlib.crc32(payload, kind)
        self._file.write(self._stream.compress(_FRAME.pack(kind, len(payload)) + payload + _CRC.pack(crc)))

    def connected(self, step_s: float, end_s: float, lanes: Sequence[str]) -> None:
        """A device answers."""
        self.write(RecordKind.CONNECTED, _json(Connected(step_s=step_s, end_s=end_s, lanes=tuple(lanes))))

    def tick(self, snapshot: Snapshot) -> None:
        """What was read."""
        self.write(RecordKind.TICK, pack_snapshot(snapshot))

    def call(self, verb: Verb, n: int, stage: int, hold_s: float, answer: RecordedAnswer) -> None:
        """What was commanded, and what the device said."""
        self.write(RecordKind.CALL, pack_call(verb, n, stage, hold_s, answer))

    def asked(self, n: int, request: float | None, observation_crc: int) -> None:
        """What a policy wanted."""
        self.write(RecordKind.ASKED, pack_asked(n, request, observation_crc))

    def ruled(self, decision: Decision) -> None:
        """A line of the decision log."""
        self.write(RecordKind.RULED, pack_decision(decision, self._ids[decision.intersection]))

    def ordered(self, order: Ordered) -> None:
        """A person's order, before the tick that obeys."""
        self.write(RecordKind.ORDER, _json(order))

    def flush(self) -> None:
        """All so far can be read back, whatever happens to this process."""
        self._file.write(self._stream.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def abandon(self) -> None:
        """The disk takes no more."""
        self._file.close()

    def close(self) -> None:
        """The end, said as such."""
        self.write(RecordKind.CLOSED)
        self._file.write(self._stream.flush())
        self._file.close()


class Reader:
    """A recording from its beginning; `is_torn` after the last record says whether the end is missing."""

    def __init__(self, path: Path) -> None:
        """Open it and read the header.

        Raises:
            UsageError: no recording, or one of another version.
        """
        self.path = path
        self.is_torn = True
        self.bytes_read = 0
        self.n_records = 0
        try:
            with path.open("rb") as file:
                line = file.readline(_LONGEST_HEADER)
        except OSError as err:
            raise UsageError(
                f"{path}: cannot be read: {err.strerror}; expected {RECORDING_NAME} of a run"
            ) from err
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
            raise UsageError(
                f"{self.path}: damaged in record {place:,}: {why}; take the recording that was made"
            ) from err

    def records(self) -> Iterator[tuple[RecordKind, bytes]]:
        """Every record up to the end, or to where the file was cut off.

        Raises:
            UsageError: a record is damaged.
        """
        pending = bytearray()
        done = 0
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
                self.is_torn = number != RecordKind.CLOSED
                self.n_records = self.n_records + 1
                yield RecordKind(number), payload
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
