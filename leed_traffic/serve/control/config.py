"""What `serve` needs to know, and how it opens a device."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pydantic import Field

from leed_traffic.domain.document import FiniteDocument
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.hot_swap import PROBATION_S
from leed_traffic.serve.device.contract import SignalDevice
from leed_traffic.serve.safety.supervisor import OperatingMode


class ServeConfig(FiniteDocument):
    """What `leedctl serve` needs to know."""

    bundle: Path
    """The folder with the policies."""
    trust: Path | None = None
    """Public key that the bundle must be signed with; None: any sound bundle runs."""
    host: str = "localhost"
    """Of the TraCI server."""
    port: int = Field(ge=1, le=65535)
    """Of the TraCI server."""
    control: OperatingMode = OperatingMode.ACTIVE
    """monitor: watch; shadow: decide and log; active: drive the signals."""
    intersections: tuple[str, ...] | None = None
    """The signals to take care of; None: all of the bundle."""
    events: Path | None = None
    """Folder for the event and decision logs; None: no logs."""
    until_s: float | None = Field(default=None, ge=0.0)
    """Hand back and leave at this time of the device; None: at its end."""
    deadline_s: float = Field(default=10.0, gt=0.0, le=600.0)
    """For every answer of the device."""
    connect_s: float = Field(default=30.0, ge=0.0, le=3600.0)
    """For the device to listen."""
    order: int | None = Field(default=None, ge=0)
    """Among several clients of one server."""
    lease_s: float = Field(default=4.0, ge=2.0, le=30.0)
    """How long a stage stands without a renewal; a UTC outstation waits as long for its master."""
    state: Path | None = None
    """Folder of the monitor's latches; None: they last as long as the process."""
    retry_s: float = Field(default=0.0, ge=0.0, le=86400.0)
    """For how long a lost device is tried again, with growing pauses; 0: the first loss ends the run."""
    sensing: str = "ideal"
    """What is read: `ideal` (lanes, as SUMO knows them), `camera`, `loops`, or a sensing file with the site's detectors."""
    site: Path | None = None
    """Site file with the priorities that hold at the signals; its limits must be the bundle's. None: no priority."""
    realtime: bool = False
    """Pace the ticks by the wall clock; False: as fast as the device answers."""
    probation_s: float = Field(default=PROBATION_S, ge=0.0, le=86400.0)
    """For how long after a swap a trip leads back to the bundle before."""
    takes_orders: bool = False
    """Listen in the state folder for `leedctl reload`, `mode` and `status`."""
    program: str = ""
    """Name of our stage programs at the device; empty: with the mark of the state folder."""
    adopt: tuple[str, ...] = ()
    """Programs of owners that are gone for good, by their names at the device: taken over as a signal's own are."""


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
