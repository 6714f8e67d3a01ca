"""Plans: executable instructions for one intersection, and the interpreter that carries them out.

A *sequence* serves its steps in order, each extended while vehicles queue. An *urgency* rule (`form: priority` in
files) serves the most urgent stage:

    U_s = sum_l  w_l share_sl (q_l + b (n_l - q_l)) (1 - e B_s) + d t_s - c X_s
    U_now gets + k clip(U_now, 0, 1)

over incoming lanes l with queue q, vehicles n, share of the lane's links that stage s serves (G 1, g p), B_s mean
blocked exit and X_s mean vehicles on the exits, t_s seconds since its movements began to wait. Max-pressure and
max-wave are special cases.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, TypeAdapter, model_validator

from leed_traffic.domain.detectors.detection import Array, LocalReadings
from leed_traffic.domain.document import FiniteDocument
from leed_traffic.domain.network import GREEN, MAX_REACH_M, Intersection
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.errors import PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgencyParameter:
    """One number of an urgency rule: all that authors need to choose it."""

    name: str
    letter: str  # in the formula at the module's head
    meaning: str
    low: float
    high: float
    default: float  # that of max-wave
    choices: tuple[float, ...]  # offered to a language model
    change: float  # standard deviation of a bold change in a search; of the logarithm where `is_factor`
    drawn: (
        tuple[float, float] | None
    )  # uniform between these, cut off at 0; None: the halving draws it in its own way
    likely: tuple[float, ...]  # picked from blindly, as a control; what stands twice is picked twice as often
    digits: int = 2  # of a drawn value
    above: float = 0.0  # a drawn value is added to this
    searched: tuple[float, float] | None = None  # bounds of a search, where narrower than low and high
    is_factor: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that a search tries."""
        return self.searched or (self.low, self.high)


# A further parameter is a line here, a field of `UrgencyPlan` and a term of `PlanInterpreter._most_urgent`.
# fmt: off
URGENCY = (
    UrgencyParameter(name="reach_m", letter="", meaning="m before the stop line within which vehicles count",
                     low=10.0, high=MAX_REACH_M, default=100.0, choices=(30, 40, 50, 60, 70, 80, 100, 120, 150, 200),
                     change=0.4, is_factor=True, searched=(30.0, MAX_REACH_M), drawn=None,
                     likely=(50, 80, 100, 120, 150, 200)),
    UrgencyParameter(name="green_s", letter="g", meaning="s, a stage stands at least so long",
                     low=0.0, high=60.0, default=5.0, choices=(0, 3, 5, 7, 8, 10, 12, 15, 20),
                     change=5.0, searched=(0.0, 30.0),  # longer least greens only waste time on empty lanes
                     drawn=(-8.0, 10.0), digits=0, above=5.0, likely=(5, 8, 10, 12, 15, 20)),
    UrgencyParameter(name="approaching", letter="b", meaning="weight of a vehicle that drives, a queued one has 1",
                     low=0.0, high=3.0, default=1.0, choices=(0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3),
                     change=0.4, drawn=(0.5, 2.0), likely=(0.5, 1, 1, 1.25, 1.5)),
    UrgencyParameter(name="blocked_exit", letter="e", meaning="share of urgency lost where the exits are full",
                     low=0.0, high=1.0, default=0.0, choices=(0, 0.25, 0.5, 0.75, 1),
                     change=0.4, drawn=(-1.0, 1.0), likely=(0, 0, 0.5)),
    UrgencyParameter(name="waiting", letter="d", meaning="vehicles per second waited",
                     low=0.0, high=1.0, default=0.0, choices=(0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
                     change=0.04, drawn=None, likely=(0, 0, 0.01, 0.05, 0.1)),
    UrgencyParameter(name="downstream", letter="c", meaning="weight of a vehicle on the exits",
                     low=0.0, high=3.0, default=0.0, choices=(0, 0.1, 0.25, 0.5, 0.75, 1, 1.5),
                     change=0.25, drawn=(-1.0, 1.0), likely=(0, 0, 0.25, 1)),
    UrgencyParameter(name="keep", letter="k", meaning="vehicles by which another stage must lead",
                     low=0.0, high=10.0, default=0.0, choices=(0, 0.5, 1, 2, 3, 5),
                     change=1.5, drawn=(-0.5, 3.0), likely=(0, 0, 1, 2, 5)),
    UrgencyParameter(name="permissive", letter="p", meaning="weight of a lane that has to yield",
                     low=0.0, high=1.0, default=0.5, choices=(0, 0.25, 0.5, 0.75, 1),
                     change=0.3, drawn=(0.0, 1.0), likely=(0.25, 0.5, 0.5, 1)),
)
# fmt: on
_BY_NAME = {parameter.name: parameter for parameter in URGENCY}


def _of_table(name: str) -> float:
    """Default and range of a field, as the table says."""
    parameter = _BY_NAME[name]
    default: float = Field(default=parameter.default, ge=parameter.low, le=parameter.high)
    return default


REASONING_PATTERN = r"^[ !#-\[\]-~]{0,300}$"  # printable ASCII without quote and backslash


class Extension(FiniteDocument):
    """Hold a green while more than `queue_over` vehicles are within reach on these approaches (empty: all that it serves)."""

    approaches: tuple[str, ...] = ()
    queue_over: float = Field(default=0.0, ge=0.0, le=50.0)


class Step(FiniteDocument):
    """One green of a sequence."""

    stage: int = Field(ge=0)
    min_green_s: float = Field(gt=0.0, le=180.0)
    max_green_s: float = Field(gt=0.0, le=180.0)
    extend_while: Extension | None = None
    skip_if_queue_at_most: float | None = Field(default=None, ge=0.0, le=50.0)

    @model_validator(mode="after")
    def _ordered(self) -> "Step":
        if self.min_green_s > self.max_green_s:
            raise ValueError(f"need min_green_s <= max_green_s, got {self.min_green_s} and {self.max_green_s}")
        return self


class Period(FiniteDocument):
    """The steps from some time of the scenario on. With a cycle the first step is coordinated: it ends only at its split."""

    from_s: float = Field(default=0.0, ge=0.0)
    cycle_s: float | None = Field(default=None, gt=0.0, le=300.0)
    offset_s: float = Field(default=0.0, ge=0.0, le=300.0)
    steps: tuple[Step, ...] = Field(min_length=1, max_length=16)


class SequencePlan(FiniteDocument):
    """CommandRecord greens, each extended while its queues last."""

    form: Literal["sequence"] = "sequence"
    intersection: str
    reasoning: str = Field(default="", pattern=REASONING_PATTERN)
    reach_m: float = Field(default=50.0, ge=10.0, le=MAX_REACH_M)
    periods: tuple[Period, ...] = Field(min_length=1, max_length=6)

    @model_validator(mode="after")
    def _in_order(self) -> "SequencePlan":
        starts = [p.from_s for p in self.periods]
        if starts[0] != 0.0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError(f"periods must begin at 0 and go upwards, got {starts}")
        return self


class UrgencyPlan(FiniteDocument):
    """Serve the most urgent stage; numbers and letters are those of `URGENCY`."""

    form: Literal["priority"] = "priority"
    intersection: str
    reasoning: str = Field(default="", pattern=REASONING_PATTERN)
    reach_m: float = _of_table("reach_m")
    green_s: float = _of_table("green_s")
    approaching: float = _of_table("approaching")
    blocked_exit: float = _of_table("blocked_exit")
    waiting: float = _of_table("waiting")
    downstream: float = _of_table("downstream")
    keep: float = _of_table("keep")
    permissive: float = _of_table("permissive")
    lane_weights: dict[str, float] = Field(default_factory=dict)  # w, 1 where a lane is not named


Plan = Annotated[SequencePlan | UrgencyPlan, Field(discriminator="form")]
plan_adapter: TypeAdapter[SequencePlan | UrgencyPlan] = TypeAdapter(Plan)


def max_wave_plan(intersection: str, *, reach_m: float = 100.0) -> UrgencyPlan:
    """Serve the stage with the most vehicles within reach."""
    return UrgencyPlan(
        intersection=intersection, reach_m=reach_m, reasoning="Serve the stage with the most vehicles."
    )


def max_pressure_plan(intersection: str, *, reach_m: float = 200.0) -> UrgencyPlan:
    """Serve the stage with the largest difference of vehicles before and behind the junction (Varaiya 2013)."""
    return UrgencyPlan(
        intersection=intersection,
        reach_m=reach_m,
        downstream=1.0,
        reasoning="Serve the stage with the largest pressure.",
    )


def check_plan(plan: SequencePlan | UrgencyPlan, intersection: Intersection, timing: Timing) -> None:
    """Refuse a plan that names what does not exist, breaks a limit or leaves a movement unserved.

    Raises:
        PlanError: the first fault found, in words that its author can act on.
    """
    where = f"plan for {intersection.id}"
    if plan.intersection != intersection.id:
        raise PlanError(f"{where}: was written for intersection {plan.intersection}")
    if isinstance(plan, UrgencyPlan):
        unknown = sorted(set(plan.lane_weights) - {lane.id for lane in intersection.lanes})
        if unknown:
            raise PlanError(f"{where}: lane_weights names {unknown[0]}, which is no incoming lane")
        bad = {k: w for k, w in plan.lane_weights.items() if not 0.0 < w <= 10.0}
        if bad:
            raise PlanError(f"{where}: lane weights must be over 0 and at most 10, got {bad}")
        return
    for period in plan.periods:
        _check_period(period, intersection, timing, where)


def _check_period(period: Period, intersection: Intersection, timing: Timing, where: str) -> None:
    approaches = {lane.approach for lane in intersection.lanes}
    for step in period.steps:
        if step.stage >= intersection.n_stages:
            raise PlanError(
                f"{where}: stage {step.stage} does not exist, stages are 0 to {intersection.n_stages - 1}"
            )
        low = timing.min_green_s[step.stage]
        high = timing.max_green_s[step.stage]
        if step.min_green_s < low or step.max_green_s > high:
            raise PlanError(
                f"{where}: stage {step.stage} asks for {step.min_green_s} to {step.max_green_s} s of green, "
                f"the site allows {low} to {high} s"
            )
        unknown = sorted(set(step.extend_while.approaches) - approaches) if step.extend_while else []
        if unknown:
            raise PlanError(
                f"{where}: extend_while names {unknown[0]}, approaches are {', '.join(sorted(approaches))}"
            )
    every = frozenset[int]().union(*(stage.green for stage in intersection.stages))
    served = frozenset[int]().union(*(intersection.stages[step.stage].green for step in period.steps))
    if missing := sorted(every - served):
        raise PlanError(
            f"{where}: no step from {period.from_s} s on serves links {missing}; every movement needs a green"
        )


class PlanInterpreter:
    """Carries one plan out: readings in, requested stage out. Only a sequence has memory: the step it is at."""

    def __init__(self, plan: SequencePlan | UrgencyPlan, intersection: Intersection) -> None:
        self.plan = plan
        self._intersection = intersection
        permissive = plan.permissive if isinstance(plan, UrgencyPlan) else 1.0
        shares = [intersection.lane_shares(s, permissive=permissive) for s in range(intersection.n_stages)]
        weights = plan.lane_weights if isinstance(plan, UrgencyPlan) else {}
        lane_weights = np.array([weights.get(lane.id, 1.0) for lane in intersection.lanes])
        self._shares = np.array(shares).reshape(intersection.n_stages, intersection.n_lanes) * lane_weights
        self._exits = self._exit_means(intersection)
        self._step = 0

    def reset(self) -> None:
        """Begin again."""
        self._step = 0

    def request(self, readings: LocalReadings, state: SignalState, time_s: float) -> int:
        """The stage that the plan wants next.

        Args:
            readings: measured with the plan's own reach.
            state: what is shown.
            time_s: since the scenario began.
        """
        if state.is_clearing:
            return state.stage
        if isinstance(self.plan, UrgencyPlan):
            return self._most_urgent(self.plan, readings, state)
        return self._next_in_order(self.plan, readings, state, time_s)

    def _most_urgent(self, plan: UrgencyPlan, readings: LocalReadings, state: SignalState) -> int:
        if state.green_s < plan.green_s:
            return state.stage
        queue = np.nan_to_num(readings.queue_veh)
        count = np.nan_to_num(readings.count_veh)
        # U_s = sum_l w_l share_sl (q_l + b (n_l - q_l)) (1 - e B_s) + d t_s - c X_s
        urgency = self._shares @ (queue + plan.approaching * (count - queue))
        if plan.blocked_exit:
            urgency = urgency * (1.0 - plan.blocked_exit * (self._exits @ np.nan_to_num(readings.exit_fill)))
        if plan.waiting:
            urgency = urgency + plan.waiting * np.array(state.wait_s)
        if plan.downstream:
            urgency = urgency - plan.downstream * (self._exits @ np.nan_to_num(readings.exit_count_veh))
        urgency[state.stage] += (
            plan.keep * min(max(urgency[state.stage], 0.0), 1.0) + 1e-9
        )  # a tie keeps the stage
        return int(urgency.argmax())

    def _next_in_order(
        self, plan: SequencePlan, readings: LocalReadings, state: SignalState, time_s: float
    ) -> int:
        period = max((p for p in plan.periods if p.from_s <= time_s), key=lambda p: p.from_s)
        self._step = self._follow(period.steps, state.stage)
        step = period.steps[self._step]
        if step.stage != state.stage:
            return step.stage
        if self._must_hold(step, period, readings, state, time_s):
            return state.stage
        for ahead in range(1, len(period.steps)):
            index = (self._step + ahead) % len(period.steps)
            candidate = period.steps[index]
            skip = candidate.skip_if_queue_at_most
            if skip is None or self._served(candidate.stage, (), readings.count_veh) > skip:
                self._step = index
                return candidate.stage
        return state.stage

    def _follow(self, steps: tuple[Step, ...], stage: int) -> int:
        """The step at hand: the remembered one, or, if the signal shows another stage, the next step with that stage."""
        position = self._step % len(steps)
        ahead = [(position + k) % len(steps) for k in range(len(steps))]
        return next((k for k in ahead if steps[k].stage == stage), position)

    def _must_hold(
        self, step: Step, period: Period, readings: LocalReadings, state: SignalState, time_s: float
    ) -> bool:
        if state.green_s < step.min_green_s:
            return True
        if period.cycle_s is not None and step is period.steps[0]:
            # From its start until its split ends. A green that came early stands longer; one that came back after
            # its split, nearly a cycle too early, does not wait for the next.
            left_s = (period.offset_s + step.max_green_s - (time_s - state.green_s)) % period.cycle_s
            return state.green_s < left_s <= (period.cycle_s + step.max_green_s) / 2.0
        if step.extend_while is None or state.green_s >= step.max_green_s:
            return step.extend_while is None and state.green_s < step.max_green_s
        queue = self._served(step.stage, step.extend_while.approaches, readings.count_veh)
        return queue > step.extend_while.queue_over

    def _served(self, stage: int, approaches: tuple[str, ...], vehicles: Array) -> float:
        """Vehicles on the lanes that a stage serves, of some approaches or of all."""
        wanted = [not approaches or lane.approach in approaches for lane in self._intersection.lanes]
        return float(np.nan_to_num(vehicles)[(self._shares[stage] > 0.0) & np.array(wanted)].sum())

    @staticmethod
    def _exit_means(intersection: Intersection) -> Array:
        """(S, M) mean over the vehicle movements that a stage serves."""
        movements = intersection.vehicle_movements
        served = np.array([[float(st.state[m.link] in GREEN) for m in movements] for st in intersection.stages])
        served = served.reshape(intersection.n_stages, len(movements))
        means: Array = served / np.maximum(served.sum(axis=1, keepdims=True), 1.0)
        return means
