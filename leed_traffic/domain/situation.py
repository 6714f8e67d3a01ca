"""The decision cycle of training and of the street: observe, ask, rule, command. It stands here, and only here.

    `Observer`        displays, readings --waits--> states --permit--> permissions --encode--> vector, mask
    `RequestRules`    request --transit signal priority--> request --rule--> ruling --> a change, a renewal, nothing
    `keeps_clearing`  a clearance is over, a vehicle stands in the junction --> it stands for another step

`simulation/env/` feeds it from SUMO, `serve/control/` from a device; what they do with a ruling is theirs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.action import legal_mask
from leed_traffic.domain.detectors.detection import Readings
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.observation import DEFAULT_REACH_M, Encoder
from leed_traffic.domain.priority import PriorityRule, PriorityStrategy, PriorityVehicle, SignalPriority
from leed_traffic.domain.safety.envelope import (
    Permission,
    Ruling,
    keeps_closed_mps,
    may_extend,
    permit,
    rule,
)
from leed_traffic.domain.safety.signal_state import SignalState, WaitClocks
from leed_traffic.domain.safety.timing import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDisplay:
    """The stage that a signal shows or, while clearing, leads to (its own program: the one shown last)."""

    stage: int
    is_clearing: bool
    green_s: float
    earlier_s: float = 0.0  # green before `green_s` began to count: under its own program, or before we looked

    def with_waits(self, wait_s: tuple[float, ...]) -> SignalState:
        """State of the signal with these (S,) waits in seconds."""
        return SignalState(
            stage=self.stage,
            is_clearing=self.is_clearing,
            green_s=self.green_s,
            wait_s=wait_s,
            earlier_s=self.earlier_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a controller may know at a decision step."""

    time_s: float  # since the scenario began; in the street of the device's clock
    readings: Readings
    states: tuple[SignalState, ...]
    permissions: tuple[Permission, ...]
    observation: NDArray[np.float32]  # (N, D_max)
    legal: NDArray[np.bool_]  # (N, S_max)


class Observer:
    """Turns what N signals show and their detectors report into a `Situation`; remembers who waits."""

    def __init__(
        self,
        intersections: Sequence[Intersection],
        timings: Sequence[Timing],
        *,
        horizon_s: float,
        reach_m: float = DEFAULT_REACH_M,
        counts_persons: bool = False,
    ) -> None:
        """Lay out the clocks and the encoder; nobody waits.

        Args:
            intersections: N of them.
            timings: (N,) their limits.
            horizon_s: between two decisions.
            reach_m: of the observation.
            counts_persons: the policies see who waits at crossings.
        """
        self._timings = tuple(timings)
        self._horizon_s = horizon_s
        self._clocks = WaitClocks(intersections)
        self._encoder = Encoder(intersections, timings, reach_m=reach_m, counts_persons=counts_persons)
        self.n_stages_max = max(i.n_stages for i in intersections)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D_max)."""
        return self._encoder.shape

    def reset(self) -> None:
        """Forget who waits."""
        self._clocks.reset()

    def look(
        self,
        time_s: float,
        displays: Sequence[StageDisplay],
        readings: Readings,
        elapsed_s: float,
        persons: NDArray[np.float64] | None = None,
    ) -> Situation:
        """Observe one decision step.

        Args:
            time_s: of now.
            displays: (N,) what the signals show.
            readings: of the detectors.
            elapsed_s: since the decision step before; 0 at the first one.
            persons: who waits at each crossing, where the policies see them.
        """
        stages = [display.stage for display in displays]
        are_clearing = [display.is_clearing for display in displays]
        waits = self._clocks.update(stages, are_clearing, readings.count_veh, elapsed_s)
        states = tuple(display.with_waits(wait_s) for display, wait_s in zip(displays, waits, strict=True))
        permissions = tuple(
            permit(s, t, horizon_s=self._horizon_s) for s, t in zip(states, self._timings, strict=True)
        )
        return Situation(
            time_s=time_s,
            readings=readings,
            states=states,
            permissions=permissions,
            observation=self._encoder.encode(readings, states, permissions, persons),
            legal=legal_mask(permissions, self.n_stages_max),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledRequest:
    """A request under transit signal priority, and what the envelope makes of it."""

    request: float | None
    strategy: PriorityStrategy
    ruling: Ruling
    state: SignalState  # that was ruled on

    @property
    def is_change(self) -> bool:
        """Return whether another stage is to be shown."""
        return self.ruling.stage != self.state.stage

    @property
    def is_renewal(self) -> bool:
        """Return whether the lease of the stage that stands is to be renewed."""
        return not self.is_change and self.ruling.renews and not self.state.is_clearing


class RequestRules:
    """The limits and the priorities of one signal."""

    def __init__(self, intersection: Intersection, timing: Timing, priority: Sequence[PriorityRule] = ()) -> None:
        self._timing = timing
        self._priority = SignalPriority(intersection, priority)

    def reset(self) -> None:
        """Forget every use of priority."""
        self._priority.reset()

    def rule(
        self,
        wanted: float | None,
        state: SignalState,
        vehicles: Sequence[PriorityVehicle],
        *,
        time_s: float,
        horizon_s: float,
        permission: Permission | None = None,
        request_age_s: float = 0.0,
        lease_s: float = math.inf,
    ) -> RuledRequest:
        """Rule on what a policy wants.

        Args:
            wanted: the stage; None, NaN or an unknown number is no request.
            state: what is shown and who waits.
            vehicles: that ask for priority, here or at other signals.
            time_s: of any clock that goes on.
            horizon_s: seconds until the next ruling.
            permission: `permit` of the same state and horizon, where it is at hand already.
            request_age_s: age of the request.
            lease_s: a request older than this no longer counts.
        """
        asked = self._priority.request(wanted, vehicles, state, time_s=time_s, horizon_s=horizon_s)
        ruling = rule(
            asked.request,
            state,
            self._timing,
            horizon_s=horizon_s,
            request_age_s=request_age_s,
            lease_s=lease_s,
            permission=permission,
        )
        return RuledRequest(request=asked.request, strategy=asked.strategy, ruling=ruling, state=state)


def keeps_clearing(
    state: SignalState,
    timing: Timing,
    is_slower: Callable[[float], bool],
    *,
    extended_s: float,
    step_s: float,
    horizon_s: float,
    since_look_s: float = 0.0,
) -> bool:
    """Return whether a clearance that is over stands for another step.

    It does where a vehicle that lost its green is still inside: two crossing vehicles that meet there wait for
    each other for ever. Known as dynamic red clearance extension; the detector behind it watches the junction
    itself.

    Args:
        state: when it was last looked at; the stage is the one that comes.
        timing: the site's limits.
        is_slower: whether a vehicle inside, on a link that is red, is slower than this, in m/s.
        extended_s: for how long the clearance has been extended.
        step_s: that is added.
        horizon_s: seconds between two rulings.
        since_look_s: since the state was looked at.
    """
    if not is_slower(keeps_closed_mps(extended_s)):
        return False
    return may_extend(
        replace(state, is_clearing=True, green_s=0.0),
        timing,
        extended_s=extended_s + step_s,
        delay_s=since_look_s + step_s,
        horizon_s=horizon_s,
    )
