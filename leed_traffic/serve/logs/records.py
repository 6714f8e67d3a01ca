"""Records of a recording: what went into a controller's decisions and what came out, one JSON object each.

    in:   connected (a device) · tick (a snapshot) · command, stop (of a person) · lost (the connection broke)
          · ended (the device has come to its end)
    out:  asked (a policy's request, with the CRC-32 of its observation) · ruled (a line of decisions.csv)
          · called (a command to the device and its answer: for the controller a result, so it is an input, too)
    and:  sealed (the CRC-32 of all lines before, at every flush) · closed (the run has ended as it should)

Numbers are written so that they read back as the same bits; what JSON has no number for is "NaN" or "Infinity".
"""

import zlib
from enum import StrEnum
from signal import Signals
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, model_validator

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.domain.document import Document
from leed_traffic.domain.priority import PriorityRule, PriorityVehicle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.serve.device.commands import Verb
from leed_traffic.serve.device.contract import TICK_S, SignalDisplay, Snapshot
from leed_traffic.serve.logs.events import Decision
from leed_traffic.serve.safety.kept_waits import KeptWaits
from leed_traffic.serve.safety.supervisor import OperatingMode, SignalMode

FORMAT_VERSION: Literal[3] = 3  # 1 and 2: structs of our own

_LONGEST_TIME_S = 1e10  # s of a device's clock, three hundred years

Lane = Annotated[int, Field(ge=0, lt=2**31)]  # index into the lanes of the device
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Line(Document):
    """One line of the file."""

    model_config = ConfigDict(ser_json_inf_nan="strings")


class Header(_Line):
    """Line 1: what was run, and by which program."""

    format_version: Literal[3] = FORMAT_VERSION
    leed_version: str
    envelope_digest: str  # sha256 of the envelope's source
    bundle: str  # its folder then
    bundle_digest: str
    network_digest: str
    site_digest: str
    intersections: tuple[str, ...]
    latched: tuple[str, ...]  # signals that stayed on their own program
    operating_mode: OperatingMode
    until_s: float | None
    tick_s: float = Field(default=TICK_S, ge=TICK_S, le=TICK_S)  # no run has another
    lease_s: float
    probation_s: float
    sensing: Sensing | None = None  # None: ideal
    priority: tuple[PriorityRule, ...] = ()
    kept: tuple[KeptWaits, ...] = ()  # waits that an earlier process had counted


class Connected(_Line):
    """A device, as far as decisions depend on it."""

    kind: Literal["connected"] = "connected"
    step_s: Annotated[float, Field(ge=1e-3, le=3600.0)]
    end_s: Annotated[float, Field(ge=0.0)]
    lanes: tuple[str, ...]  # by lane_index

    @model_validator(mode="after")
    def _names_each_lane_once(self) -> Self:
        if len(set(self.lanes)) < len(self.lanes):
            raise ValueError("a lane is named twice")
        return self


class Tick(_Line):
    """A snapshot of all signals and detectors."""

    kind: Literal["tick"] = "tick"
    time_s: Annotated[float, Field(ge=0.0, le=_LONGEST_TIME_S)]
    signals: tuple[SignalDisplay, ...]
    lane: tuple[Lane, ...]  # of each vehicle
    position_m: tuple[float, ...]
    speed_mps: tuple[float, ...]
    missing: tuple[Lane, ...] = ()
    detected: dict[str, tuple[float, float]] = Field(default_factory=dict)
    priority_vehicles: tuple[PriorityVehicle, ...] = ()
    persons: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _tells_the_same_of_every_vehicle(self) -> Self:
        if not len(self.lane) == len(self.position_m) == len(self.speed_mps):
            raise ValueError("need lane, position_m and speed_mps of every vehicle")
        return self

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Record of a snapshot."""
        vehicles = snapshot.vehicles
        return cls(
            time_s=snapshot.time_s,
            signals=snapshot.displays,
            lane=tuple(vehicles.lane.tolist()),
            position_m=tuple(vehicles.position_m.tolist()),
            speed_mps=tuple(vehicles.speed_mps.tolist()),
            missing=tuple(sorted(snapshot.missing)),
            detected=dict(snapshot.detected),
            priority_vehicles=snapshot.priority_vehicles,
            persons=snapshot.persons,
        )

    def snapshot(self) -> Snapshot:
        """Return the snapshot that was recorded."""
        return Snapshot(
            time_s=self.time_s,
            displays=self.signals,
            vehicles=Vehicles(
                lane=np.array(self.lane, dtype=np.intp),
                position_m=np.array(self.position_m, dtype=np.float64),
                speed_mps=np.array(self.speed_mps, dtype=np.float64),
            ),
            missing=frozenset(self.missing),
            detected=self.detected,
            priority_vehicles=self.priority_vehicles,
            persons=self.persons,
        )


class CommandRecord(_Line):
    """A command of a person to the running controller, before the tick that obeys."""

    kind: Literal["command"] = "command"
    command: Literal["reload", "rollback", "mode"]
    who: str
    value: str = ""  # the bundle's digest, the mode, or why a bundle must go at once
    path: str = ""  # of the bundle

    @model_validator(mode="after")
    def _names_a_mode(self) -> Self:
        if self.command == "mode":
            OperatingMode(self.value)
        return self


class Stopped(_Line):
    """A signal of the operating system that asked for the end."""

    kind: Literal["stop"] = "stop"
    number: Signals


class Lost(_Line):
    """The connection to the device broke."""

    kind: Literal["lost"] = "lost"


class Ended(_Line):
    """The device has come to its end."""

    kind: Literal["ended"] = "ended"


class Asked(_Line):
    """A policy's request."""

    kind: Literal["asked"] = "asked"
    intersection: str
    request: float | None
    observation_crc: int  # CRC-32 of the (D,) observation's bytes


class Ruled(_Line):
    """A line of the decision log."""

    kind: Literal["ruled"] = "ruled"
    time_s: float
    intersection: str
    mode: SignalMode
    requested: float | None
    ruled: int
    reason: Reason
    shown: int

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Record of a decision."""
        return cls(
            time_s=decision.time_s,
            intersection=decision.intersection,
            mode=decision.mode,
            requested=decision.requested,
            ruled=decision.ruled,
            reason=decision.reason,
            shown=decision.shown,
        )


class RecordedAnswer(StrEnum):
    """Answer of the device to a command."""

    REFUSED = "refused"
    DONE = "done"
    LOST = "lost"


class Called(_Line):
    """A command to the device, and its answer."""

    kind: Literal["called"] = "called"
    intersection: str
    verb: Verb
    stage: Int64
    hold_s: float
    answer: RecordedAnswer


class Sealed(_Line):
    """CRC-32 of all lines before: they were written as they are read."""

    kind: Literal["sealed"] = "sealed"
    crc: int


class Closed(_Line):
    """The run has ended as it should."""

    kind: Literal["closed"] = "closed"


DeviceRecord = Connected | Tick | Lost | Ended  # what a device says
OutputRecord = Asked | Ruled | Called  # what must come out again
RunRecord = DeviceRecord | OutputRecord | CommandRecord | Stopped | Closed

run_record: TypeAdapter[RunRecord] = TypeAdapter(Annotated[RunRecord, Field(discriminator="kind")])


def line_of(record: _Line) -> bytes:
    """Return a record as its line of JSON."""
    return record.model_dump_json().encode() + b"\n"


def crc_of(observation: NDArray[np.float32]) -> int:
    """Return the CRC-32 that names the (D,) observation of a decision."""
    return zlib.crc32(observation.tobytes())
