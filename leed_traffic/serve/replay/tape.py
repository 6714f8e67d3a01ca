"""A recording as a device: gives back what was read and answered, and compares what is decided now with what was then."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.document import Document
from leed_traffic.domain.road_users import Crossing
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.errors import DeviceError, LeedError
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.commands import Command, CommandQueue
from leed_traffic.serve.control.config import Look, ServeConfig
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.commands import OneCallDevice, Verb
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.logs.events import Change, Decision, Record
from leed_traffic.serve.logs.journal import crc_of
from leed_traffic.serve.logs.recording import (
    Ordered,
    Reader,
    RecordedAnswer,
    RecordKind,
    pack_asked,
    pack_decision,
    unpack_asked,
    unpack_call,
    unpack_connected,
    unpack_decision,
    unpack_order,
    unpack_snapshot,
    unpack_stop,
)

_INPUTS = (RecordKind.CONNECTED, RecordKind.TICK, RecordKind.LOST, RecordKind.ENDED)
Key = tuple[str, int, int]  # asked, ruled or commanded; the signal; how many of its kind came before in this tick


class ReplayDifference(Document):
    """Something that came out otherwise."""

    time_s: float
    intersection: str
    recorded: str
    now: str


class EndOfRecordingError(LeedError):
    """Nothing more was recorded."""


@dataclass(slots=True)
class _Group:
    """What the device said, and all that happened until it spoke again."""

    kind: RecordKind
    payload: bytes
    place: int  # among the records, from 1
    outputs: dict[Key, bytes] = field(default_factory=dict)
    answers: dict[Key, RecordedAnswer] = field(default_factory=dict)
    orders: list[Ordered] = field(default_factory=list)
    stop: int | None = None


class Tape(OneCallDevice):
    """`SignalDevice` and `Journal` of a controller that decides again."""

    def __init__(
        self, reader: Reader, order_of: Callable[[Ordered], Command], on_read: Callable[[int], None]
    ) -> None:
        """Rewind.

        Args:
            reader: of the recording.
            order_of: what a recorded order means now.
            on_read: how many bytes have been read.
        """
        self._reader = reader
        self._order_of = order_of
        self._on_read = on_read
        self._ids = {id_: n for n, id_ in enumerate(reader.header.intersections)}
        self._groups = _grouped(reader)
        self._group: _Group | None = None
        self._outputs: dict[Key, bytes] = {}
        self.time_s = 0.0
        self.mailbox = CommandQueue()
        self.stop = StopRequest()
        self.counts: Counter[str] = Counter()
        self.step_s = 1.0
        self.end_s = 0.0
        self.lane_index: dict[str, int] = {}
        self._n_phases: tuple[int, ...] = ()
        self._n_crossings = 0
        self.ticks = self.n_differ = 0
        self.first: ReplayDifference | None = None

    def connect(
        self,
        config: ServeConfig,
        assignment: Assignment,
        make_program: Callable[[int, float], StageProgram],
        look: Look,
    ) -> "Tape":
        """The next connection of the run."""
        while (group := self._next()) is not None:
            if group.kind is RecordKind.CONNECTED:
                self._open(group, assignment, make_program)
                return self
        raise EndOfRecordingError("the recording ends here")

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Recorded snapshots tell what they tell, of as many."""
        self._n_crossings = len(crossings)

    def read(self) -> Snapshot | None:
        """What was read then."""
        group = self._next()
        if group is None:
            raise EndOfRecordingError("the recording ends here")
        if group.kind is RecordKind.ENDED:
            return None
        if group.kind is not RecordKind.TICK:
            raise DeviceError("lost, as it was then")
        self.ticks += 1
        with self._reader.believing(group.place):
            snapshot = unpack_snapshot(group.payload, len(self._ids))
            self._check(snapshot)
        self.time_s = snapshot.time_s
        return snapshot

    def commit(self) -> None:
        """What was commanded is compared when the tick is over."""

    def close(self) -> None:
        """Nothing to leave."""

    def note(self, records: Iterable[Record]) -> None:
        """Events follow from what is compared."""

    def note_decision(self, decision: Decision) -> None:
        """A ruling of now."""
        n = self._ids[decision.intersection]
        self._put("ruled", n, pack_decision(decision, n))

    def note_asked(self, requests: Sequence[float | None], observations: NDArray[np.float32]) -> None:
        """Requests of now, one signal each."""
        for n, request in enumerate(requests):
            self._put("asked", n, pack_asked(n, request, crc_of(observations[n])))

    def note_change(self, change: Change, intersection: str) -> None:
        """Follows from what is compared."""

    def note_order(self, order: Ordered) -> None:
        """Comes from the recording."""

    def note_stop(self, number: int) -> None:
        """Comes from the recording."""

    def flush(self) -> None:
        """Nothing is written."""

    def finish(self) -> None:
        """What was recorded beyond the point at which the replay ended counts as different."""
        while self._next() is not None:
            pass

    def _open(
        self, group: _Group, assignment: Assignment, make_program: Callable[[int, float], StageProgram]
    ) -> None:
        with self._reader.believing(group.place):
            device = unpack_connected(group.payload)
            if unknown := sorted(set(assignment.lanes) - set(device.lanes)):
                raise ValueError(f"a device without lane {unknown[0]}")
        self.step_s = device.step_s
        self.end_s = device.end_s
        self.lane_index = {lane: k for k, lane in enumerate(device.lanes)}
        self._n_phases = tuple(len(make_program(n, self.step_s).phases) for n in range(len(self._ids)))
        self._n_crossings = 0

    def _check(self, snapshot: Snapshot) -> None:
        """What a device promises of every snapshot.

        Raises:
            ValueError: it is not kept.
        """
        for sighting, n_phases in zip(snapshot.sightings, self._n_phases, strict=True):
            is_sound = 0 <= sighting.phase < n_phases and 0.0 <= sighting.spent_s < math.inf
            if sighting.is_ours and sighting.is_sound and not is_sound:
                raise ValueError(f"phase {sighting.phase} of {n_phases} for {sighting.spent_s} s")
        lanes = (*snapshot.vehicles.lane.tolist(), *snapshot.missing)
        if max(lanes, default=-1) >= len(self.lane_index):
            raise ValueError(f"lane {max(lanes)} of {len(self.lane_index)}")
        if snapshot.persons and len(snapshot.persons) != self._n_crossings:
            raise ValueError(f"persons at {len(snapshot.persons)} crossings of {self._n_crossings}")

    def _next(self) -> _Group | None:
        """Hold the tick that is over against the recording, then on to what the device said next."""
        following = next(self._groups, None)
        if self._group is not None:
            self._compare(self._group, may_be_cut_off=following is None and self._reader.is_torn)
        self._group = following
        self._outputs = {}
        self._on_read(self._reader.bytes_read)
        if following is not None:
            for order in following.orders:
                self.mailbox.put(self._order_of(order), order.who)
            if following.stop is not None:
                self.stop(following.stop)
        return following

    def _call(self, verb: Verb, n: int, stage: int, hold_s: float) -> bool:
        key = self._put("commanded", n, _command(verb, stage, hold_s))
        answer = self._group.answers.get(key, RecordedAnswer.DONE) if self._group else RecordedAnswer.DONE
        if answer is RecordedAnswer.LOST:
            raise DeviceError("lost, as it was then")
        return answer is RecordedAnswer.DONE

    def _put(self, what: str, n: int, payload: bytes) -> Key:
        key = _free_key(self._outputs, what, n)
        self._outputs[key] = payload
        return key

    def _compare(self, group: _Group, *, may_be_cut_off: bool) -> None:
        self.counts.update(what for what, _, _ in group.outputs)
        keys = [*group.outputs, *(key for key in self._outputs if key not in group.outputs and not may_be_cut_off)]
        for key in keys:
            then = group.outputs.get(key)
            now = self._outputs.get(key)
            if then == now:
                continue
            self.n_differ += 1
            if self.first is None:
                id_ = self._reader.header.intersections[key[1]]
                words = self._in_words
                self.first = ReplayDifference(
                    time_s=self.time_s, intersection=id_, recorded=words(key, then), now=words(key, now)
                )

    def _in_words(self, key: Key, payload: bytes | None) -> str:
        if payload is None:
            return f"nothing {key[0]}"
        if key[0] == "asked":
            asked = unpack_asked(payload)
            return f"asked for {_named(asked.request)} (observation {asked.observation_crc:08x})"
        if key[0] == "ruled":
            ruled = unpack_decision(payload, self._reader.header)
            return f"{ruled.mode}: asked for {_named(ruled.requested)}, ruled {ruled.ruled} ({ruled.reason}), shown {ruled.shown}"
        return payload.decode()


def _grouped(reader: Reader) -> Iterator[_Group]:
    """The records, by what the device said."""
    group: _Group | None = None
    for kind, payload in reader.records():
        if kind in _INPUTS:
            if group is not None:
                yield group
            group = _Group(kind, payload, reader.n_records)
        elif group is not None:
            with reader.believing(reader.n_records):
                _add(group, kind, payload, reader)
    if group is not None:
        yield group


def _add(group: _Group, kind: RecordKind, payload: bytes, reader: Reader) -> None:
    signals = range(len(reader.header.intersections))
    if kind is RecordKind.ORDER:
        group.orders.append(unpack_order(payload))
    elif kind is RecordKind.STOP:
        group.stop = unpack_stop(payload)
    elif kind is RecordKind.ASKED:
        group.outputs["asked", signals[unpack_asked(payload).n], 0] = payload
    elif kind is RecordKind.RULED:
        n = reader.header.intersections.index(unpack_decision(payload, reader.header).intersection)
        group.outputs[_free_key(group.outputs, "ruled", n)] = payload
    elif kind is RecordKind.CALL:
        call = unpack_call(payload)
        key = _free_key(group.outputs, "commanded", signals[call.n])
        group.outputs[key], group.answers[key] = _command(call.verb, call.stage, call.hold_s), call.answer


def _free_key(outputs: Mapping[Key, bytes], what: str, n: int) -> Key:
    k = 0
    while (what, n, k) in outputs:
        k += 1
    return what, n, k


def _command(verb: Verb, stage: int, hold_s: float) -> bytes:
    return f"{verb.name.lower()} stage {stage} for {hold_s!r} s".encode()


def _named(request: float | None) -> str:
    return "nothing" if request is None else f"{request:g}"
