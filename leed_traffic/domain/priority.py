"""Transit signal priority, for buses and emergency vehicles: a bounded rule of the site.

While a vehicle of a rule's classes is within reach of a signal, the stage that serves its link is asked for
instead of what the policy wants, within bounds:

    hold          its stage stands and the policy wants to leave: held, for `max_extension_s` in all
    early green   another stage stands: it is asked to end once it has had `keep_green_s` (never before its
                  minimum green)
    lockout       when the vehicle is gone, its stage ended or the extension is used up, and before another stage:
                  nothing by this rule at this signal for `lockout_s`

What comes out is a request. `envelope.rule` grants or refuses it as any other: minimum and maximum green, the
maximum red of all who wait, pedestrians' greens and every clearance stand whatever is asked here. Where the policy
wants the same stage, the rule is not used and nothing is locked. Where the policy names no stage, none is named
here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from leed_traffic.domain.network import GREEN, MAX_REACH_M, Intersection
from leed_traffic.domain.safety.signal_state import SignalState


class PriorityStrategy(StrEnum):
    """Way in which a vehicle has priority now."""

    NONE = "none"
    AS_WANTED = "as_wanted"  # the policy wants the same
    HOLD = "hold"
    EARLY_GREEN = "early_green"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityRule:
    """Vehicles that have priority, and how much. Of several rules the first that has a vehicle counts."""

    classes: tuple[str, ...]  # SUMO's vehicle classes: emergency, bus, tram, ...
    reach_m: float  # before the stop line, from which on a vehicle asks
    max_extension_s: float  # for which a green is held against the policy's wish, each time
    keep_green_s: float  # green that another stage keeps before it is cut short; at least its minimum green
    lockout_s: float  # between two uses at a signal

    def __post_init__(self) -> None:
        if not self.classes or not all(self.classes):
            raise ValueError(f"need at least one vehicle class, got {self.classes}")
        if not 0.0 < self.reach_m <= MAX_REACH_M:
            raise ValueError(f"need 0 < reach_m <= {MAX_REACH_M}, got {self.reach_m}")
        for name, highest in (("max_extension_s", 60.0), ("keep_green_s", 120.0), ("lockout_s", 3600.0)):
            if not 0.0 <= getattr(self, name) <= highest:
                raise ValueError(f"need 0 <= {name} <= {highest:g}, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityVehicle:
    """A vehicle that asks for priority, as its own radio or the simulator tells it."""

    signal: str
    link: int  # that it will pass
    distance_m: float  # from the stop line
    kind: str  # vehicle class


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMemory:
    """Memory of one signal for one rule."""

    stage: int | None = None  # that is asked for in this use
    has_begun: bool = False  # that stage has stood since
    held_s: float = 0.0  # against the policy's wish
    locked_until_s: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityRequest:
    """A request under the priority rules, and why."""

    request: float | None
    strategy: PriorityStrategy


def prioritize(
    wanted: float | None,
    vehicles: Sequence[PriorityVehicle],
    intersection: Intersection,
    state: SignalState,
    rules: Sequence[PriorityRule],
    memories: Sequence[RuleMemory],
    *,
    time_s: float,
    horizon_s: float,
) -> tuple[PriorityRequest, tuple[RuleMemory, ...]]:
    """Return the request of one signal under its priority rules.

    Pure; never raises on what a policy or a radio says.

    Args:
        wanted: by the policy; what is no stage is passed on as it is.
        vehicles: that ask for priority on their way to this signal.
        intersection: the signal.
        state: what is shown.
        rules: in order of rank.
        memories: one per rule.
        time_s: of any clock that goes on.
        horizon_s: until the next ruling.
    """
    heard = [_first_of(rule, vehicles, intersection) for rule in rules]
    after = [_released(m, rule, vehicle, time_s) for m, rule, vehicle in zip(memories, rules, heard, strict=True)]
    if wanted is None or wanted not in range(intersection.n_stages) or state.is_clearing:
        return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE), tuple(after)
    for k, (rule, vehicle) in enumerate(zip(rules, heard, strict=True)):
        if vehicle is None or time_s < after[k].locked_until_s:
            continue
        asked, after[k] = _under_rule(wanted, vehicle, intersection, state, rule, after[k], time_s, horizon_s)
        return asked, tuple(after)
    return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE), tuple(after)


class SignalPriority:
    """The priority rules of one signal, and what they remember."""

    def __init__(self, intersection: Intersection, rules: Sequence[PriorityRule]) -> None:
        self._intersection = intersection
        self._rules = tuple(rules)
        self.reset()

    def reset(self) -> None:
        """Forget every use."""
        self._memories = (RuleMemory(),) * len(self._rules)

    def request(
        self,
        wanted: float | None,
        vehicles: Sequence[PriorityVehicle],
        state: SignalState,
        *,
        time_s: float,
        horizon_s: float,
    ) -> PriorityRequest:
        """Return what to ask for; see `prioritize`. `vehicles` may hold those of other signals."""
        if not self._rules:
            return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE)
        own = [vehicle for vehicle in vehicles if vehicle.signal == self._intersection.id]
        answer, self._memories = prioritize(
            wanted,
            own,
            self._intersection,
            state,
            self._rules,
            self._memories,
            time_s=time_s,
            horizon_s=horizon_s,
        )
        return answer


def _first_of(
    rule: PriorityRule, vehicles: Sequence[PriorityVehicle], intersection: Intersection
) -> PriorityVehicle | None:
    """The nearest vehicle that the rule serves and that the signal can serve."""
    among = [
        v
        for v in vehicles
        if v.kind in rule.classes and v.distance_m <= rule.reach_m and _stages(v.link, intersection)
    ]
    return min(among, key=lambda v: (v.distance_m, v.link), default=None)


def _stages(link: int, intersection: Intersection) -> list[int]:
    """The stages that serve a link, those that give it priority first."""
    if not 0 <= link < intersection.n_links:
        return []
    letters = [(stage.state[link], s) for s, stage in enumerate(intersection.stages) if stage.state[link] in GREEN]
    return [s for _, s in sorted(letters)]  # G before g


def _released(
    memory: RuleMemory, rule: PriorityRule, vehicle: PriorityVehicle | None, time_s: float
) -> RuleMemory:
    """End a use when no vehicle asks any more; then the lockout begins."""
    if memory.stage is not None and vehicle is None:
        return RuleMemory(locked_until_s=time_s + rule.lockout_s)
    return memory


def _under_rule(
    wanted: float,
    vehicle: PriorityVehicle,
    intersection: Intersection,
    state: SignalState,
    rule: PriorityRule,
    memory: RuleMemory,
    time_s: float,
    horizon_s: float,
) -> tuple[PriorityRequest, RuleMemory]:
    stages = _stages(vehicle.link, intersection)
    stands = state.stage in stages
    if memory.stage is not None and (memory.stage not in stages or (memory.has_begun and not stands)):
        return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE), RuleMemory(
            locked_until_s=time_s + rule.lockout_s
        )
    memory = replace(memory, has_begun=memory.stage is not None and (memory.has_begun or stands))
    if wanted in stages:
        return PriorityRequest(request=wanted, strategy=PriorityStrategy.AS_WANTED), memory
    if stands:
        held_s = memory.held_s + horizon_s
        if held_s > rule.max_extension_s:
            return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE), RuleMemory(
                locked_until_s=time_s + rule.lockout_s
            )
        return PriorityRequest(request=state.stage, strategy=PriorityStrategy.HOLD), replace(
            memory, stage=state.stage, has_begun=True, held_s=held_s
        )
    if state.green_s < rule.keep_green_s:
        return PriorityRequest(request=wanted, strategy=PriorityStrategy.NONE), memory
    return PriorityRequest(request=stages[0], strategy=PriorityStrategy.EARLY_GREEN), replace(
        memory, stage=stages[0]
    )
