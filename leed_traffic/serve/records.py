"""What a recording holds: its header, and the bytes of its records."""

import json
import math
import signal
import struct
from collections.abc import Callable
from dataclasses import asdict
from enum import IntEnum
from functools import wraps
from typing import Annotated, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from leed_traffic.domain.detection import Vehicles
from leed_traffic.domain.envelope import Reason
from leed_traffic.domain.priority import PriorityRule, PriorityVehicle
from leed_traffic.domain.sensing import Sensing
from leed_traffic.serve.commands import Verb
from leed_traffic.serve.device import Sighting, Snapshot
from leed_traffic.serve.events import Decision
from leed_traffic.serve.kept_waits import KeptWaits
from leed_traffic.serve.pace import TICK_S
from leed_traffic.serve.supervisor import Control, Mode

FORMAT_VERSION: Literal[2] = 2  # 1: a TICK did not say who is inside the junction
_TICK, _CALL = struct.Struct("<dIIIII"), struct.Struct("<BHqdB")
_ASKED, _RULED = struct.Struct("<HBdI"), struct.Struct("<dHBBdhBh")
_MODES, _REASONS = tuple(Mode), tuple(Reason)
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


class Answer(IntEnum):
    """Of the device to a command."""

    REFUSED = 0
    DONE = 1
    LOST = 2


class Header(BaseModel):
    """Line 1: what was run, and by which program."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[2] = FORMAT_VERSION
    leed_version: str
    envelope_digest: str  # sha256 of the envelope's source
    bundle: str  # its folder then
    bundle_digest: str
    network_digest: str
    site_digest: str
    intersections: tuple[str, ...]
    latched: tuple[str, ...]  # signals that stayed on their own program
    control: Control
    until_s: float | None
    tick_s: float = Field(default=TICK_S, ge=TICK_S, le=TICK_S)  # no run has another
    lease_s: float
    probation_s: float
    sensing: Sensing | None = None  # None: ideal
    priority: tuple[PriorityRule, ...] = ()
    kept: tuple[KeptWaits, ...] = ()  # waits that an earlier process had counted
    modes: tuple[str, ...] = _MODES  # what the numbers in RULED mean
    reasons: tuple[str, ...] = _REASONS


class Connected(BaseModel):
    """A device, as far as decisions depend on it."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    step_s: Annotated[float, Field(ge=1e-3, le=3600.0)]
    end_s: Annotated[float, Field(ge=0.0)]
    lanes: tuple[str, ...]  # by lane_index


class Ordered(BaseModel):
    """What a person asked of the running controller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    answer: Answer


class Asked(BaseModel):
    """What a policy wanted."""

    model_config = ConfigDict(frozen=True)

    n: int
    request: float | None
    observation_crc: int


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """The bytes of a TICK; floats as they are, their bytes sorted by place so that they compress."""
    seen, vehicles = snapshot.sightings, snapshot.vehicles
    states = "\0".join(s.state for s in seen).encode()
    programs = "\0".join(s.program for s in seen).encode()
    beside = _roadside(snapshot)
    parts = [
        _TICK.pack(snapshot.time_s, len(states), len(programs), len(vehicles.lane), len(snapshot.missing), len(beside)),
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
        Control(order.value)
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
    if not 0.0 <= time_s <= _LONGEST_TIME_S or max(n_states, n_programs, n_vehicles, n_missing, n_beside) > _LARGEST_COUNT:
        raise ValueError(f"a tick at {time_s} s")
    cut = _Cut(payload, _TICK.size)
    states, programs = cut.bytes(n_states).decode().split("\0"), cut.bytes(n_programs).decode().split("\0")
    detected, callers, *persons = _ROADSIDE.validate_python(json.loads(cut.bytes(n_beside) or b"[{}, []]"))
    phases, spent_s, flags = cut.array("<i8", n), _whole(cut.bytes(8 * n)), cut.array("u1", n)
    inside_mps = _whole(cut.bytes(8 * n))
    lane = cut.array("<u4", n_vehicles).astype(np.intp)
    position_m, speed_mps = _whole(cut.bytes(8 * n_vehicles)), _whole(cut.bytes(8 * n_vehicles))
    rows = zip(states, programs, phases.tolist(), spent_s.tolist(), flags.tolist(), inside_mps.tolist(), strict=True)
    return Snapshot(
        time_s=time_s,
        sightings=tuple(
            Sighting(
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
    return json.dumps([dict(snapshot.detected), [asdict(caller) for caller in snapshot.callers], *persons]).encode()


def pack_decision(decision: Decision, n: int) -> bytes:
    """The bytes of a RULED."""
    requested = 0.0 if decision.requested is None else decision.requested
    mode, reason = _MODES.index(decision.mode), _REASONS.index(decision.reason)
    is_none = decision.requested is None
    return _RULED.pack(decision.time_s, n, mode, is_none, requested, decision.ruled, reason, decision.shown)


@_intact
def unpack_decision(payload: bytes, header: Header) -> Decision:
    """The decision that a RULED holds."""
    time_s, n, mode, is_none, requested, ruled, reason, shown = _RULED.unpack(payload)
    return Decision(
        time_s=time_s,
        intersection=header.intersections[n],
        mode=Mode(header.modes[mode]),
        requested=None if is_none else requested,
        ruled=ruled,
        reason=Reason(header.reasons[reason]),
        shown=shown,
    )


def pack_call(verb: Verb, n: int, stage: int, hold_s: float, answer: Answer) -> bytes:
    """The bytes of a CALL."""
    return _CALL.pack(verb, n, stage, hold_s, answer)


@_intact
def unpack_call(payload: bytes) -> Call:
    """The command that a CALL holds."""
    verb, n, stage, hold_s, answer = _CALL.unpack(payload)
    return Call(verb=Verb(verb), n=n, stage=stage, hold_s=hold_s, answer=Answer(answer))


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
        self._payload, self._at = payload, at

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
