"""The state of one `serve` that outlives a connection; a controller is made anew with each."""

from dataclasses import dataclass, field

from leed_traffic.serve.control.assignment import Assignment
from leed_traffic.serve.control.hot_swap import HotSwap
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.control.waits import StreetWaits
from leed_traffic.serve.logs.journal import Journal
from leed_traffic.serve.safety.latch import LatchStore
from leed_traffic.serve.safety.supervisor import OperatingMode


@dataclass(slots=True, kw_only=True)
class ServiceState:
    """Signals, bundles, latches, waits and figures; the mode that a person wants."""

    assignment: Assignment
    policies: HotSwap
    latches: LatchStore
    journal: Journal
    waits: StreetWaits
    lease_s: float  # how long a stage stands without a renewal, as it was configured
    operating_mode: OperatingMode
    tally: ServeTally = field(default_factory=ServeTally)
    withdrawing: frozenset[int] = frozenset()  # signals that a change of mode gives back, and has not yet
    time_s: float = 0.0  # of the device's clock, at the latest look over this connection
