"""Plans to try at a junction, in the very values that a reply's schema offers: what is learnt can be written."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.plan import Extension, Period, Plan, PriorityPlan, SequencePlan
from leed_traffic.domain.timing import Timing
from leed_traffic.generate.plan_schema import LANE_WEIGHTS, PRIORITY_VALUES, QUEUES_VEH, REACH_M

Rng = np.random.Generator
Settings = Mapping[str, float]

STRETCH = (0.6, 0.8, 1.25, 1.6)  # of Webster's longest greens
COMMON_SEED, N_COMMON = 7, 4
VALUES: dict[str, list[float]] = {"reach_m": [float(value) for value in REACH_M], **PRIORITY_VALUES}


def common_settings() -> list[dict[str, float]]:
    """Priority settings that every junction tries: the best of them over all is the one plan for all to be beaten."""
    rng = np.random.default_rng(COMMON_SEED)
    return [draw_settings(rng) for _ in range(N_COMMON)]


def draw_settings(rng: Rng) -> dict[str, float]:
    """Settings of a priority plan, most terms off in most of them: around max-wave, not all over the cube."""
    return {
        "reach_m": _pick([50, 80, 100, 120, 150, 200], rng),
        "green_s": _pick([5, 8, 10, 12, 15, 20], rng),
        "approaching": _pick([0.5, 1, 1, 1.25, 1.5], rng),
        "blocked_exit": _pick([0, 0, 0.5], rng),
        "waiting": _pick([0, 0, 0.01, 0.05, 0.1], rng),
        "downstream": _pick([0, 0, 0.25, 1], rng),
        "keep": _pick([0, 0, 1, 2, 5], rng),
        "permissive": _pick([0.25, 0.5, 0.5, 1], rng),
    }


def priority_plan(name: str, settings: Settings, lane_weights: Mapping[str, float] | None = None) -> PriorityPlan:
    """A priority plan of some settings."""
    return PriorityPlan(intersection=name, lane_weights=dict(lane_weights or {}), **dict(settings))


def change(plan: Plan, intersection: Intersection, timing: Timing, rng: Rng) -> Plan:
    """The plan with one or two things changed by a step or two."""
    for _ in range(int(rng.integers(1, 3))):
        if isinstance(plan, PriorityPlan):
            plan = _change_priority(plan, intersection, rng)
        else:
            plan = change_sequence(plan, timing, rng)
    return plan


def change_sequence(plan: SequencePlan, timing: Timing, rng: Rng) -> SequencePlan:
    """Other longest greens, another gap, another reach, or another skipping, the same in all periods."""

    def stretched() -> SequencePlan:
        factor = _pick(STRETCH, rng)
        return _with_steps(plan, lambda stage, high: {"max_green_s": _green(high * factor, stage, timing)})

    def another_gap() -> SequencePlan:
        extension = Extension(queue_over=_pick(QUEUES_VEH[:4], rng))
        return _with_steps(plan, lambda stage, high: {"extend_while": extension})

    def another_reach() -> SequencePlan:
        return plan.model_copy(update={"reach_m": _pick([30, 40, 50, 60, 80], rng)})

    choices: Sequence[Callable[[], SequencePlan]] = (stretched, another_gap, another_reach)
    return choices[int(rng.integers(len(choices)))]()


def writable(plan: SequencePlan, timing: Timing) -> SequencePlan:
    """The plan with whole seconds, as a reply states them."""
    whole = _with_steps(plan, lambda stage, high: {"max_green_s": _green(high, stage, timing)})
    return _with_steps(whole, lambda stage, high: {"min_green_s": float(np.ceil(timing.min_green_s[stage]))})


def _change_priority(plan: PriorityPlan, intersection: Intersection, rng: Rng) -> PriorityPlan:
    names = list(VALUES)
    choice = int(rng.integers(len(names) + 2))
    if choice >= len(names):
        return _weigh_approach(plan, intersection, rng)
    values = VALUES[names[choice]]
    now = int(np.argmin([abs(value - getattr(plan, names[choice])) for value in values]))
    step = int(rng.choice([-2, -1, 1, 2]))
    return plan.model_copy(update={names[choice]: float(values[min(max(now + step, 0), len(values) - 1)])})


def _weigh_approach(plan: PriorityPlan, intersection: Intersection, rng: Rng) -> PriorityPlan:
    """Another weight for one lane, or for all lanes of its approach."""
    chosen = intersection.lanes[int(rng.integers(intersection.n_lanes))]
    whole, weight = rng.random() < 0.6, _pick(LANE_WEIGHTS[2:8], rng)
    lanes = [lane.id for lane in intersection.lanes if lane is chosen or (whole and lane.approach == chosen.approach)]
    weights = {**plan.lane_weights, **dict.fromkeys(lanes, weight)}
    return plan.model_copy(update={"lane_weights": {lane: w for lane, w in sorted(weights.items()) if w != 1.0}})


def _with_steps(plan: SequencePlan, changed: Callable[[int, float], dict[str, object]]) -> SequencePlan:
    def step_by_step(period: Period) -> Period:
        steps = [step.model_copy(update=changed(step.stage, step.max_green_s)) for step in period.steps]
        return period.model_copy(update={"steps": tuple(steps)})

    return plan.model_copy(update={"periods": tuple(step_by_step(period) for period in plan.periods)})


def _green(wanted_s: float, stage: int, timing: Timing) -> float:
    low, high = np.ceil(timing.min_green_s[stage]), np.floor(timing.max_green_s[stage])
    return float(min(max(round(wanted_s), low), high))


def _pick(values: Sequence[float], rng: Rng) -> float:
    return float(values[int(rng.integers(len(values)))])
