"""A plan on one line, as a person and a model read it."""

from leed_traffic.domain.plan import URGENCY, Period, Plan, Step, UrgencyPlan
from leed_traffic.generate.language_model.names import Names


def describe_plan(plan: Plan, names: Names) -> str:
    """The plan in short names; weights of 1 are left out, and a period that repeats another's steps says so."""
    if isinstance(plan, UrgencyPlan):
        parts = [f"{p.name} {getattr(plan, p.name):g}" for p in URGENCY]
        weights = [
            f"{names.lanes[lane]} {weight:g}" for lane, weight in plan.lane_weights.items() if weight != 1.0
        ]
        return "priority: " + ", ".join(parts) + (f", lane_weights {', '.join(weights)}" if weights else "")
    periods = [_period(period, names) for period in plan.periods]
    return f"sequence: reach_m {plan.reach_m:g}; " + "; ".join(periods)


def _period(period: Period, names: Names) -> str:
    cycle = f", cycle_s {period.cycle_s:g} offset_s {period.offset_s:g}" if period.cycle_s is not None else ""
    return f"from {period.from_s:g} s{cycle}: " + ", ".join(_step(step, names) for step in period.steps)


def _step(step: Step, names: Names) -> str:
    text = f"stage {step.stage} {step.min_green_s:g} to {step.max_green_s:g} s"
    if step.extend_while is not None:
        letters = "+".join(names.approaches[approach] for approach in step.extend_while.approaches) or "queue"
        text += f" while {letters} > {step.extend_while.queue_over:g}"
    if step.skip_if_queue_at_most is not None:
        text += f" (skip at {step.skip_if_queue_at_most:g})"
    return text
