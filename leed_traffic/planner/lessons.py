"""Lessons from studied junctions: the messages that `leedctl generate` would send, and the reply that should have come.

The reply is the plan of which the judgement over all junctions (`judgement.py`) expects most there, of the kind
that the question's emphasis asks for: a function of the brief and not of one day's luck. Its sentence of reasoning
repeats the figures that it follows from and says why.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from leed_traffic.domain.document import Document
from leed_traffic.domain.plan import URGENCY, Plan, SequencePlan, UrgencyPlan
from leed_traffic.generate.brief import Attempt, Brief, Feedback
from leed_traffic.generate.language_model.brief_text import render_brief, system_text, task_text
from leed_traffic.generate.language_model.names import Names, name_parts
from leed_traffic.planner.judgement import Judgement
from leed_traffic.planner.junctions import FULLNESS
from leed_traffic.planner.portfolio import embedded, portfolio
from leed_traffic.planner.study import Study, Tried
from leed_traffic.simulation.incumbents.webster import flow_ratios

PROPOSALS = 4  # per round, as `leedctl generate` asks by default
FIRST_ROUNDS, LATER_ROUNDS = (
    6,
    10,
)  # briefs per junction, without and with earlier plans; each gives a lesson per proposal
NEAR = 1.1  # a plan of the wanted kind may be expected to be so much worse than the best, in delay
COUNT_VEHPH = 4.0  # one vehicle in a quarter hour: what a count of one day can tell apart
FULL = 0.55
LIGHT = 0.4  # critical flow ratio from which, and up to which, the reasoning says so

Rng = np.random.Generator
Kind = Callable[[Plan], bool]


class Lesson(Document):
    """One question and the reply to be learnt, as fine-tuning tools take it (`messages`, the last one the assistant's)."""

    messages: tuple[dict[str, str], ...]
    junction: str
    """The folder's name: lessons of one junction belong on one side of a split."""
    round: int
    """0 with a demand that was drawn and never simulated, 1 without, 2 with earlier plans of the model's own."""


def lessons_of(study: Study, judgement: Judgement, junction: str, rng: Rng) -> Iterator[Lesson]:
    """Lessons from one junction: first rounds, and later rounds after different earlier plans.

    The approaches are lettered anew for each, as another net might order them: one study, many questions.
    """
    start = min(study.starts, key=lambda t: t.delay_s)
    seen = {t.what: t.delay_s for t in study.starts}
    by_what = {t.what: t for t in study.others}
    plans = {t.what: t.plan for t in study.tried}
    first = [
        by_what[w] for w in _targets(plans, judgement.expected(study.brief, seen), [start.what]) if w in by_what
    ]
    for k in range(FIRST_ROUNDS + LATER_ROUNDS):
        earlier: list[Tried] = []
        if k >= FIRST_ROUNDS:
            others = rng.choice(len(study.others), size=PROPOSALS, replace=False)
            earlier = first if rng.random() < 0.5 else [study.others[int(n)] for n in others]
        standing = min([start, *earlier], key=lambda t: t.delay_s)
        expected = judgement.expected(study.brief, seen | {t.what: t.delay_s for t in earlier})
        targets = _targets(plans, expected, [standing.what, *(t.what for t in earlier)])
        brief = relabelled(_informed(study.brief, standing, [t.attempt for t in earlier]), rng)
        for number, what in enumerate(targets):
            yield _lesson(brief, plans[what], number, junction, round_number=2 if earlier else 1)


def drawn_lessons(brief: Brief, judgement: Judgement, junction: str, n: int, rng: Rng) -> Iterator[Lesson]:
    """Lessons about a junction under demands that nobody simulated: the judgement knows what to expect.

    Without results in the brief; the plan to beat is the embedded one that did best in an imagined trial.
    """
    for _ in range(n):
        drawn = with_demand(brief, rng)
        starts = embedded(drawn)
        plans = starts | portfolio(drawn)
        trial = judgement.imagined(drawn, rng)
        standing = min(starts, key=lambda what: trial[what])
        targets = _targets(plans, judgement.expected(drawn, {what: trial[what] for what in starts}), [standing])
        shown = relabelled(replace(drawn, incumbent=plans[standing], feedback=None), rng)
        for number, what in enumerate(targets):
            yield _lesson(shown, plans[what], number, junction, round_number=0)


def with_demand(brief: Brief, rng: Rng) -> Brief:
    """The junction under another demand: other approaches and turns are strong, and it is full to a drawn degree."""
    approach = {turn.from_edge: rng.lognormal(0.0, 0.5) for turn in brief.turns}
    n_periods = len(brief.period_starts_s)
    flows = {
        turn: np.array(turn.flow_vehph).mean()
        * approach[turn.from_edge]
        * rng.lognormal(0.0, 0.4)
        * rng.uniform(0.7, 1.3, n_periods)
        for turn in brief.turns
    }

    def scaled(factor: float) -> Brief:
        rates = {turn: np.round(factor * flow / COUNT_VEHPH) * COUNT_VEHPH for turn, flow in flows.items()}
        return replace(
            brief, turns=tuple(replace(turn, flow_vehph=tuple(rates[turn].tolist())) for turn in brief.turns)
        )

    fullest = max(sum(flow_ratios(scaled(1.0), p)) for p in range(n_periods))
    return scaled(float(rng.uniform(*FULLNESS)) / max(fullest, 0.05))


def reply_text(plan: Plan, reasoning: str, names: Names) -> str:
    """A plan as the reply's schema wants it: short names, whole numbers without a point, no spaces."""
    stated: dict[str, object] = {"form": plan.form, "reasoning": reasoning, "reach_m": _short(plan.reach_m)}
    if isinstance(plan, UrgencyPlan):
        stated |= {p.name: _short(getattr(plan, p.name)) for p in URGENCY if p.name != "reach_m"}
        stated["lane_weights"] = {names.lanes[lane]: _short(weight) for lane, weight in plan.lane_weights.items()}
    else:
        stated["periods"] = [_period(period.model_dump(), names) for period in plan.periods]
    return json.dumps(stated, separators=(",", ":"))


def reasoning_of(brief: Brief, plan: Plan) -> str:
    """Critical flow ratios (Webster) in the words of the brief, how full that is, and why such a plan."""
    parts = []
    fullest = 0.0
    for p, from_s in enumerate(brief.period_starts_s):
        ratios = flow_ratios(brief, p)
        fullest = max(fullest, sum(ratios))
        when = f"From {from_s:g} s:" if len(brief.period_starts_s) > 1 else "Here"
        percent = " ".join(f"{100.0 * ratio:.0f}" for ratio in ratios)
        parts.append(f"{when} critical flow ratios {percent} percent, together {100.0 * sum(ratios):.0f}.")
    level = "Full" if fullest >= FULL else "Light" if fullest <= LIGHT else "Half full"
    return f"{' '.join(parts[:2])} {level}: {_why(plan)}"


def _why(plan: Plan) -> str:
    if isinstance(plan, SequencePlan):
        return "stages in order with Webster's greens to spare lose little to changes."
    if plan.green_s >= 12.0:
        return "long greens that keep the stage lose little to changes."
    if plan.waiting > 0.0:
        return "greens follow demand, and who waits gains."
    return "short greens follow demand at once."


def _lesson(brief: Brief, plan: Plan, number: int, junction: str, *, round_number: int) -> Lesson:
    """One of a round's proposals."""
    names = name_parts(brief)
    has_attempts = brief.feedback is not None and bool(brief.feedback.attempts)
    asked = f"{render_brief(brief, names).text}\n\n{task_text(number, PROPOSALS, has_attempts=has_attempts)}"
    replied = reply_text(plan, reasoning_of(brief, plan), names)
    said = ("system", system_text()), ("user", asked), ("assistant", replied)
    messages = tuple({"role": role, "content": content} for role, content in said)
    return Lesson(messages=messages, junction=junction, round=round_number)


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
    return replace(
        changed, feedback=replace(feedback, diagnosis=replace(found, queue_veh=queues, longest_veh=longest))
    )


def _informed(brief: Brief, standing: Tried, attempts: Sequence[Attempt]) -> Brief:
    feedback = Feedback(
        what=standing.what,
        network_delay_s=standing.delay_s,
        local_return=standing.attempt.local_return,
        diagnosis=standing.attempt.diagnosis,
        attempts=tuple(attempts),
    )
    return replace(brief, incumbent=standing.plan, feedback=feedback)


def _targets(plans: Mapping[str, Plan], expected: Mapping[str, float], barred: Sequence[str]) -> list[str]:
    """For each emphasis of `prompts/` the plan of its kind from which most is expected, else the best left; none twice."""
    ranked = [
        what
        for what in sorted(expected, key=lambda what: expected[what])
        if what not in barred and _is_writable(what)
    ]
    limit = expected[ranked[0]] + np.log(NEAR)
    chosen = {0: ranked.pop(0)}  # the best for the first; then those that are particular
    for emphasis, wanted in KINDS.items():
        if found := [what for what in ranked if wanted(plans[what]) and expected[what] <= limit]:
            chosen[emphasis] = found[0]
            ranked.remove(found[0])
    for emphasis in range(PROPOSALS):
        if emphasis not in chosen:
            chosen[emphasis] = ranked.pop(0)
    return [chosen[emphasis] for emphasis in range(PROPOSALS)]


def _is_writable(what: str) -> bool:
    """Return whether a plan's values are those of a reply; the embedded sequences have others, and the portfolio their like."""
    return not what.startswith("webster")


def _sees_far(plan: Plan) -> bool:
    return isinstance(plan, UrgencyPlan) and (plan.reach_m >= 120.0 or plan.approaching > 1.0)


def _is_sequence(plan: Plan) -> bool:
    return isinstance(plan, SequencePlan)


def _counts_waiting(plan: Plan) -> bool:
    return isinstance(plan, UrgencyPlan) and (plan.waiting > 0.0 or bool(plan.lane_weights))


KINDS: Mapping[int, Kind] = {
    2: _is_sequence,
    1: _sees_far,
    3: _counts_waiting,
}  # by the emphasis's place in `prompts/`


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
    extension = step["extend_while"]
    skip = step["skip_if_queue_at_most"]
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
