"""Recording as a device: gives back what was read and answered, and compares the decisions with those of then."""

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
from leed_traffic.serve.logs.events import BundleChange, Decision, Record
from leed_traffic.serve.logs.recording import Reader
from leed_traffic.serve.logs.records import (
    Asked,
    Called,
    CommandRecord,
    Connected,
    DeviceRecord,
    Ended,
    OutputRecord,
    RecordedAnswer,
    Ruled,
    RunRecord,
    Stopped,
    Tick,
    crc_of,
    line_of,
)

Key = tuple[str, str, int]  # kind of the record; the intersection; how many of its kind came before in this tick


class ReplayDifference(Document):
    """Difference between a recorded output and the one of now."""

    time_s: float
    intersection: str
    recorded: str
    now: str


class EndOfRecordingError(LeedError):
    """Nothing more was recorded."""


@dataclass(slots=True)
class _Group:
    """Record of the device, and all that happened until its next one."""

    record: DeviceRecord
    place: int  # line of the recording, from 1
    outputs: dict[Key, OutputRecord] = field(default_factory=dict)
    commands: list[CommandRecord] = field(default_factory=list)
    stop: int | None = None


class Tape(OneCallDevice):
    """`SignalDevice` and `Journal` of a controller that decides again."""

    def __init__(
        self, reader: Reader, command_of: Callable[[CommandRecord], Command], on_read: Callable[[int], None]
    ) -> None:
        """Rewind.

        Args:
            reader: of the recording.
            command_of: what a recorded command means now.
            on_read: how many bytes have been read.
        """
        self._reader = reader
        self._command_of = command_of
        self._on_read = on_read
        self._ids = reader.header.intersections
        self._groups = _grouped(reader)
        self._group: _Group | None = None
        self._outputs: dict[Key, OutputRecord] = {}
        self.time_s = 0.0
        self.commands = CommandQueue()
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
        """Open the next connection of the run."""
        while (group := self._next()) is not None:
            if isinstance(group.record, Connected):
                with self._reader.believing(group.place):
                    self._open(group.record, assignment, make_program)
                return self
        raise EndOfRecordingError("the recording ends here")

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Note how many crossings there are: recorded snapshots tell of as many."""
        self._n_crossings = len(crossings)

    def read(self) -> Snapshot | None:
        """Return what was read then."""
        group = self._next()
        if group is None:
            raise EndOfRecordingError("the recording ends here")
        if isinstance(group.record, Ended):
            return None
        if not isinstance(group.record, Tick):
            raise DeviceError("lost, as it was then")
        self.ticks += 1
        snapshot = group.record.snapshot()
        with self._reader.believing(group.place):
            self._check(snapshot)
        self.time_s = snapshot.time_s
        return snapshot

    def commit(self) -> None:
        """Leave the commands: they are compared when the tick is over."""

    def close(self) -> None:
        """Leave nothing open."""

    def note(self, records: Iterable[Record]) -> None:
        """Skip events: they follow from what is compared."""

    def note_decision(self, decision: Decision) -> None:
        """Take a ruling of now."""
        _put(self._outputs, Ruled.of(decision))

    def note_asked(self, requests: Sequence[float | None], observations: NDArray[np.float32]) -> None:
        """Take the requests of now, one signal each."""
        for id_, request, observation in zip(self._ids, requests, observations, strict=True):
            _put(self._outputs, Asked(intersection=id_, request=request, observation_crc=crc_of(observation)))

    def note_change(self, change: BundleChange, intersection: str) -> None:
        """Skip a change: it follows from what is compared."""

    def note_order(self, order: CommandRecord) -> None:
        """Skip it: it comes from the recording."""

    def note_stop(self, number: int) -> None:
        """Skip it: it comes from the recording."""

    def flush(self) -> None:
        """Write nothing."""

    def finish(self) -> None:
        """Count as different what was recorded beyond the point at which the replay ended."""
        while self._next() is not None:
            pass

    def _open(
        self, device: Connected, assignment: Assignment, make_program: Callable[[int, float], StageProgram]
    ) -> None:
        if unknown := sorted(set(assignment.lanes) - set(device.lanes)):
            raise ValueError(f"a device without lane {unknown[0]}")
        self.step_s = device.step_s
        self.end_s = device.end_s
        self.lane_index = {lane: k for k, lane in enumerate(device.lanes)}
        self._n_phases = tuple(len(make_program(n, self.step_s).phases) for n in range(len(self._ids)))
        self._n_crossings = 0

    def _check(self, snapshot: Snapshot) -> None:
        """Check what a device promises of every snapshot.

        Raises:
            ValueError: it is not kept.
        """
        for display, n_phases in zip(snapshot.displays, self._n_phases, strict=True):
            is_sound = 0 <= display.phase < n_phases and 0.0 <= display.spent_s < math.inf
            if display.is_ours and display.is_sound and not is_sound:
                raise ValueError(f"phase {display.phase} of {n_phases} for {display.spent_s} s")
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
            for record in following.commands:
                self.commands.put(self._command_of(record), record.who)
            if following.stop is not None:
                self.stop(following.stop)
        return following

    def _call(self, verb: Verb, n: int, stage: int, hold_s: float) -> bool:
        id_ = self._ids[n]
        key = _free_key(self._outputs, "called", id_)
        then = self._group.outputs.get(key) if self._group else None
        answer = then.answer if isinstance(then, Called) else RecordedAnswer.DONE
        self._outputs[key] = Called(intersection=id_, verb=verb, stage=stage, hold_s=hold_s, answer=answer)
        if answer is RecordedAnswer.LOST:
            raise DeviceError("lost, as it was then")
        return answer is RecordedAnswer.DONE

    def _compare(self, group: _Group, *, may_be_cut_off: bool) -> None:
        self.counts.update(kind for kind, _, _ in group.outputs)
        keys = [*group.outputs, *(key for key in self._outputs if key not in group.outputs and not may_be_cut_off)]
        for key in keys:
            then = group.outputs.get(key)
            now = self._outputs.get(key)
            if then is not None and now is not None and line_of(then) == line_of(now):
                continue
            self.n_differ += 1
            if self.first is None:
                self.first = ReplayDifference(
                    time_s=self.time_s,
                    intersection=key[1],
                    recorded=_in_words(key, then),
                    now=_in_words(key, now),
                )


def _in_words(key: Key, record: OutputRecord | None) -> str:
    if record is None:
        return f"nothing {key[0]}"
    if isinstance(record, Asked):
        return f"asked for {_named(record.request)} (observation {record.observation_crc:08x})"
    if isinstance(record, Ruled):
        asked = f"{record.mode}: asked for {_named(record.requested)}"
        return f"{asked}, ruled {record.ruled} ({record.reason}), shown {record.shown}"
    return f"{record.verb} stage {record.stage} for {record.hold_s!r} s"


def _grouped(reader: Reader) -> Iterator[_Group]:
    """Yield the records by what the device said."""
    group: _Group | None = None
    for place, record in reader.records():
        if isinstance(record, DeviceRecord):
            if group is not None:
                yield group
            group = _Group(record, place)
        elif group is not None:
            with reader.believing(place):
                _add(group, record, reader.header.intersections)
    if group is not None:
        yield group


def _add(group: _Group, record: RunRecord, ids: Sequence[str]) -> None:
    """Add what followed on what the device said.

    Raises:
        ValueError: it is about a signal that was not served.
    """
    if isinstance(record, CommandRecord):
        group.commands.append(record)
    elif isinstance(record, Stopped):
        group.stop = int(record.number)
    elif isinstance(record, OutputRecord):
        if record.intersection not in ids:
            raise ValueError(f"no signal {record.intersection} was served")
        _put(group.outputs, record)


def _put(outputs: dict[Key, OutputRecord], record: OutputRecord) -> None:
    outputs[_free_key(outputs, record.kind, record.intersection)] = record


def _free_key(outputs: Mapping[Key, OutputRecord], kind: str, intersection: str) -> Key:
    k = 0
    while (kind, intersection, k) in outputs:
        k += 1
    return kind, intersection, k


def _named(request: float | None) -> str:
    return "nothing" if request is None else f"{request:g}"
