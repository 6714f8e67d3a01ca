"""Contract between the controller and a signal backend, whatever stands behind it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.road_users import Crossing
from leed_traffic.domain.safety.program import PROGRAM_ID

# s of the device's time between two readings: the shortest yellow is seen, a lease never runs out unseen
TICK_S = 1.0


EARLIER = "earlier "
ADOPTED = "adopted "  # before the name of a stage program that was left behind


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDisplay:
    """One signal as the device confirms it."""

    state: str  # one letter per link
    program: str  # `PROGRAM_ID` for ours; whatever owner's mark it carries at the device, the device takes off
    phase: int
    spent_s: float  # since this phase began
    # phase, letters and time fit together; else nothing is commanded from it, but the monitor judges it
    is_sound: bool = True
    # neither ours nor one of the signal's own: letters of a client, another owner's; never commanded
    is_foreign: bool = False
    # Of the vehicles inside the junction, on links that are red, in the last phase of a clearance; infinite:
    # nobody is there; None: nothing sees the inside of this junction.
    slowest_inside_mps: float | None = math.inf

    @property
    def is_ours(self) -> bool:
        """Return whether the stage program runs there."""
        return self.program == PROGRAM_ID

    @property
    def is_left(self) -> bool:
        """Return whether a stage program left behind runs there: ours of another bundle, or an adopted one."""
        return self.program.startswith((EARLIER, ADOPTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All signals and all detectors at one moment."""

    time_s: float  # the device's clock
    displays: tuple[SignalDisplay, ...]  # (N,)
    vehicles: Vehicles  # none where the site's own detectors are read
    missing: frozenset[int] = frozenset()  # lanes, by `lane_index`, that were not reported this time
    detected: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # by detector; see `field_detectors`
    priority_vehicles: tuple[PriorityVehicle, ...] = ()  # that may ask for priority
    persons: tuple[
        float, ...
    ] = ()  # who waits at each crossing that is watched; NaN where that was not reported this time


class SignalDevice(Protocol):
    """N signals behind one connection. Signals are named by their position in the order given at connection.

    Every method raises DeviceError when the backend is lost; after that only `close` is of use.

    A command is one indivisible step at the device, and reaches it at `commit`, or at the next `read`: whatever is
    cut, a signal shows what it showed before, or what was wanted for its whole time. None is given to a signal
    that somebody else has moved since the latest `read`, and none to one that runs another owner's program.
    """

    @property
    def step_s(self) -> float:
        """The shortest time for which the device can show anything."""

    @property
    def lane_index(self) -> dict[str, int]:
        """Position of every lane in `Vehicles.lane`."""

    @property
    def end_s(self) -> float:
        """Time at which the backend will end by itself; infinite when it will not."""

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Report who waits at these crossings in every snapshot from now on.

        Raises:
            MismatchError: nothing here counts persons there.
        """

    def read(self) -> Snapshot | None:
        """Wait for the next tick and read all; the first call does not wait. None: the backend has ended."""

    def engage(self, n: int, stage: int) -> bool:
        """Run the stage program from `stage`, which must be what is shown now. False: refused, nothing changed.

        Where it runs already, at this stage, nothing is begun anew. Refused: a display that somebody has set,
        another owner's program that no person has adopted, an own program that could not be gone back to from
        every stage.
        """

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """Go to `stage`, or hold it for `hold_s` more seconds if it is shown. False: refused, nothing changed.

        Refused: an unknown stage, a signal that is not engaged, another stage while a clearance runs.
        """

    def extend(self, n: int, hold_s: float) -> bool:
        """Hold the red that a clearance ends with for `hold_s` more seconds. False: refused, nothing changed.

        Refused: a signal that is not engaged, anything but the last phase of a clearance, a yellow without a red
        behind it that has not stood its whole time, a time that would shorten the clearance or is longer than
        `LONGEST_HOLD_S`.
        """

    def release(self, n: int) -> bool:
        """Hand back to the own program that is in force now, at the same display, once the minimum green is over.

        False: not now. Nothing changed (a clearance runs), or a stage change has begun towards what the own
        program shows, where that can only be followed.
        """

    def commit(self) -> None:
        """Send what was commanded since the latest `read`; never raises: the next call raises a loss."""

    def close(self) -> None:
        """Leave; never raises and may be called again."""
