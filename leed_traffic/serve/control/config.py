"""Settings of `leedctl serve`, and how it opens a device."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from leed_traffic.domain.document import COMMA_SEPARATED, Settings
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.hot_swap import PROBATION_S
from leed_traffic.serve.device.contract import SignalDevice
from leed_traffic.serve.safety.supervisor import OperatingMode


class ServeConfig(Settings):
    """Settings of `leedctl serve`."""

    bundle: Path
    """Folder of a bundle, written by `leedctl export`."""
    host: str = "localhost"
    """Of the TraCI server."""
    port: int = Field(ge=1, le=65535)
    """Of the TraCI server."""
    control: OperatingMode = OperatingMode.ACTIVE
    """monitor: watch; shadow: decide, send nothing; active: drive."""
    intersections: Annotated[tuple[str, ...] | None, COMMA_SEPARATED] = Field(default=None, min_length=1)
    """Only these signals: A,B,C; else all of the bundle."""
    events: Path | None = None
    """Folder for the event and decision logs; else no logs."""
    order: int | None = Field(default=None, ge=0)
    """Among several clients of one server: 1, 2 and so on."""
    deadline_s: float = Field(default=10.0, gt=0.0, le=600.0)
    """Seconds for every answer of the server."""
    connect_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    """Seconds for the server to listen."""
    lease_s: float = Field(default=4.0, ge=2.0, le=30.0)
    """Seconds that a stage stands without a renewal; a UTC outstation waits as long for its master."""
    state: Path | None = None
    """Folder of the monitor's latches; else under $XDG_STATE_HOME, by address."""
    trust: Path | None = None
    """Public key; a bundle that is not signed with it is refused."""
    retry_s: float = Field(default=0.0, ge=0.0, le=86400.0)
    """Seconds for which a lost server is tried again, with growing pauses; with --scenario it is restarted."""
    until_s: float | None = Field(default=None, ge=0.0)
    """Hand back and leave at this simulated second; else at the end."""
    sensing: str = "ideal"
    """What is read: ideal, camera, loops, or a sensing file with the site's detectors."""
    site: Path | None = None
    """Site file whose priorities hold; its limits must be the bundle's. Else no priority."""
    realtime: bool = False
    """One tick a second of the wall clock, lateness measured; else as fast as the device answers."""
    probation_s: float = Field(default=PROBATION_S, ge=0.0, le=86400.0)
    """Seconds after a reload in which a trip leads back to the bundle before."""
    takes_orders: bool = False
    """Listen in the state folder for `leedctl reload`, `mode` and `status`."""
    program: str = ""
    """Name of our stage programs at the device; empty: with the mark of the state folder."""
    adopt: tuple[str, ...] = ()
    """Take over the program of this name that a controller gone for good left; may be given again."""


Look = Callable[[], None]  # taken between two tries; raises StopError when there is to be no other


class Connect(Protocol):
    """Opens a device for a configuration."""

    def __call__(
        self,
        config: ServeConfig,
        assignment: Assignment,
        make_program: Callable[[int, float], StageProgram],
        look: Look,
    ) -> SignalDevice:
        """Connect, check that the network there is ours, subscribe.

        Raises:
            StopError: `look` said so.
            DeviceError: nobody answers.
            MismatchError: the network there is another one.
        """
