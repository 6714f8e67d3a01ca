"""From a studied junction to lessons: the messages that `leedctl generate` would send, and the reply that should have come.

The reply is the best plan found there of the kind that the question's emphasis asks for. Its sentence of reasoning states what
the plan follows from, the flow ratio of each stage: written before the figures, a calculation that the model learns to do.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from leed_traffic.domain.plan import Plan, PriorityPlan, SequencePlan
from leed_traffic.generate.brief import Attempt, Brief, Feedback
from leed_traffic.generate.brief_text import render_brief, system_text, task_text
from leed_traffic.generate.names import Names, name_parts
from leed_traffic.planner.study import Study, Tried
from leed_traffic.planner.variants import VALUES, writable
from leed_traffic.simulation.webster import flow_ratios

PROPOSALS = 4  # per round, as `leedctl generate` asks by default
FIRST_ROUNDS, LATER_ROUNDS = 12, 20  # lessons per junction, without and with feedback
NEAR = 1.1  # a plan of the wanted kind may be so much worse than the best, in delay

Rng = np.random.Generator
Kind = Callable[[Plan], bool]


class Lesson(BaseModel):
    """One question and the reply to be learnt, as fine-tuning tools take it (`messages`, the last one the assistant's)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: tuple[dict[str, str], ...]
    junction: str
    """The folder's name: lessons of one junction belong on one side of a split."""
    round: int
    """1 without, 2 with earlier plans of the model's own."""


def lessons_of(study: Study, junction: str, rng: Rng) -> Iterator[Lesson]:
    """Lessons from one junction: first rounds from different starts, later rounds after different earlier plans.

    The approaches are lettered anew for each, as another net might order them: one study, many questions.
    """
    starts = sorted(study.starts, key=lambda t: t.delay_s)[:3]
    pool = _sensible(study)
    for k in range(FIRST_ROUNDS + LATER_ROUNDS):
        earlier: list[Tried] = []
        if k >= FIRST_ROUNDS:
            chosen = rng.choice(len(pool), size=min(PROPOSALS, len(pool)), replace=False)
            earlier = [pool[int(n)] for n in chosen]
        begin = starts[0] if rng.random() < 0.6 else starts[int(rng.integers(len(starts)))]
        standing = min([begin, *earlier], key=lambda t: t.delay_s)
        yield _lesson(study, junction, standing, earlier, rng)


def reply_text(plan: Plan, reasoning: str, names: Names) -> str:
    """A plan as the reply's schema wants it: short names, whole numbers without a point, no spaces."""
    stated: dict[str, object] = {"form": plan.form, "reasoning": reasoning, "reach_m": _short(plan.reach_m)}
    if isinstance(plan, PriorityPlan):
        stated |= {field: _short(getattr(plan, field)) for field in VALUES if field != "reach_m"}
        stated["lane_weights"] = {names.lanes[lane]: _short(weight) for lane, weight in plan.lane_weights.items()}
    else:
        stated["periods"] = [_period(period.model_dump(), names) for period in plan.periods]
    return json.dumps(stated, separators=(",", ":"))


def reasoning_of(brief: Brief) -> str:
    """What a plan follows from: critical flow ratios (Webster) by stage and period, in percent."""
    parts = []
    for p in range(len(brief.period_starts_s)):
        percent = [round(100.0 * ratio) for ratio in flow_ratios(brief, p)]
        parts.append(f"{' '.join(map(str, percent))}, together {sum(percent)}")
    return f"Percent of the time that the stages need: {'; then '.join(parts[:4])}."


def _lesson(study: Study, junction: str, standing: Tried, earlier: Sequence[Tried], rng: Rng) -> Lesson:
    """One of a round's proposals."""
    number = int(rng.integers(PROPOSALS))
    plan = _targets(study, [standing.plan, *(t.plan for t in earlier)])[number]
    brief = relabelled(_informed(study.brief, standing, [t.attempt for t in earlier]), rng)
    names = name_parts(brief)
    task = task_text(number, PROPOSALS, has_attempts=bool(earlier))
    asked = f"{render_brief(brief, names).text}\n\n{task}"
    said = ("system", system_text()), ("user", asked), ("assistant", _reply(plan, brief, names))
    messages = tuple({"role": role, "content": content} for role, content in said)
    return Lesson(messages=messages, junction=junction, round=2 if earlier else 1)


def relabelled(brief: Brief, rng: Rng) -> Brief:
    """The same junction with its approaches in another order, and so under other letters."""
    lanes = brief.intersection.lanes
    old = list(dict.fromkeys(lane.approach for lane in lanes))
    order = [int(k) for k in rng.permutation(len(old))]
    shuffled = tuple(lane for k in order for lane in lanes if lane.approach == old[k])
    changed = replace(brief, intersection=replace(brief.intersection, lanes=shuffled))
    feedback = brief.feedback
    if feedback is None or feedback.diagnosis is None:
        return changed
    found = feedback.diagnosis
    queues = tuple(found.queue_veh[k] for k in order)
    longest = tuple(found.longest_veh[k] for k in order)
    return replace(changed, feedback=replace(feedback, diagnosis=replace(found, queue_veh=queues, longest_veh=longest)))


def _reply(plan: Plan, brief: Brief, names: Names) -> str:
    return reply_text(_written(plan, brief), reasoning_of(brief), names)


def _written(plan: Plan, brief: Brief) -> Plan:
    return writable(plan, brief.timing) if isinstance(plan, SequencePlan) else plan


def _informed(brief: Brief, standing: Tried, attempts: Sequence[Attempt]) -> Brief:
    feedback = Feedback(
        what=standing.what,
        network_delay_s=standing.delay_s,
        local_return=standing.attempt.local_return,
        diagnosis=standing.attempt.diagnosis,
        attempts=tuple(attempts),
    )
    return replace(brief, incumbent=standing.plan, feedback=feedback)


def _sensible(study: Study) -> list[Tried]:
    """Earlier plans as a model might have written them: the better two thirds of what was tried beside the embedded ones."""
    ranked = sorted(study.others, key=lambda t: t.delay_s)
    return ranked[: max(PROPOSALS, 2 * len(ranked) // 3)]


def _targets(study: Study, barred: Sequence[Plan]) -> list[Plan]:
    """For each emphasis of `prompts/` the best plan of its kind, else the best left; none that stands already, none twice."""
    limit_s = _delay(study.best[0]) * NEAR
    chosen: dict[int, Plan] = {}
    for emphasis in (0, *KINDS):  # the best for the first; then those that are particular
        fresh = [t for t in study.best if t.plan not in [*barred, *chosen.values()]] or study.best
        wanted = KINDS.get(emphasis, _any)
        if found := [t.plan for t in fresh if wanted(t.plan) and (_delay(t) <= limit_s or emphasis == 0)]:
            chosen[emphasis] = found[0]
    for emphasis in range(PROPOSALS):
        fresh = [t for t in study.best if t.plan not in [*barred, *chosen.values()]] or study.best
        chosen.setdefault(emphasis, fresh[0].plan)
    return [chosen[emphasis] for emphasis in range(PROPOSALS)]


def _delay(tried: Tried) -> float:
    return tried.mean_delay_s or tried.delay_s


def _sees_far(plan: Plan) -> bool:
    return isinstance(plan, PriorityPlan) and (plan.reach_m >= 120.0 or plan.approaching > 1.0)


def _any(plan: Plan) -> bool:
    return True


def _is_sequence(plan: Plan) -> bool:
    return isinstance(plan, SequencePlan)


def _counts_waiting(plan: Plan) -> bool:
    return isinstance(plan, PriorityPlan) and (plan.waiting > 0.0 or bool(plan.lane_weights))


KINDS: Mapping[int, Kind] = {2: _is_sequence, 1: _sees_far, 3: _counts_waiting}  # by the emphasis's place in `prompts/`


def _period(period: dict[str, object], names: Names) -> dict[str, object]:
    steps = period["steps"]
    cycle = period["cycle_s"]
    return {
        "from_s": _short(period["from_s"]),
        "cycle_s": None if cycle is None else _short(cycle),
        "offset_s": _short(period["offset_s"]),
        "steps": [_step(step, names) for step in steps] if isinstance(steps, list | tuple) else [],
    }


def _step(step: Mapping[str, object], names: Names) -> dict[str, object]:
    extension, skip = step["extend_while"], step["skip_if_queue_at_most"]
    shown = None
    if isinstance(extension, dict):
        letters = [names.approaches[approach] for approach in extension["approaches"]]
        shown = {"approaches": letters, "queue_over": _short(extension["queue_over"])}
    return {
        "stage": step["stage"],
        "min_green_s": _short(step["min_green_s"]),
        "max_green_s": _short(step["max_green_s"]),
        "extend_while": shown,
        "skip_if_queue_at_most": None if skip is None else _short(skip),
    }


def _short(value: object) -> float:
    """Whole numbers without a decimal point."""
    if not isinstance(value, int | float):
        raise ValueError(f"need a number, got {value!r}")
    return int(value) if value == int(value) else value
