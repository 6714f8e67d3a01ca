"""A brief as the text that a model reads: what a signal engineer would ask for, in few tokens, and always the same text.

The words are in the templates of `prompts/`; nothing from a net file is in them but numbers (see `names.py`).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from leed_traffic.domain.network import GREEN, Stage
from leed_traffic.domain.plan import Plan
from leed_traffic.generate.brief import Brief, Feedback
from leed_traffic.generate.language_model.names import Names
from leed_traffic.generate.language_model.plan_words import describe_plan
from leed_traffic.simulation.incumbents.webster import SATURATION_VEHPH, lost_time, own_splits

PROMPT_VERSION = "v2"  # a change of words is a new version: transcripts tell them apart
TOKEN_LIMIT = 2000  # system text and brief together
CHARS_PER_TOKEN = 3.0  # cautious: English prose has about 4, figures and JSON about 3
SHOWN_IN_FULL = 2  # of the last plans, the best
LEFT_OUT = (
    "all but the two busiest periods",
    "the plan to beat in full",
    "neighbours beyond the three busiest",
    "demand by movement",
    "stages by movement",
    "lanes, and figures of the last plans",
)
PERIODS, INCUMBENT, NEIGHBOURS, TURNS, STAGES, LANES = range(
    1, len(LEFT_OUT) + 1
)  # shortening from which each is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The text of one brief."""

    text: str
    tokens: int  # estimate, the system text included
    shortened: tuple[str, ...]  # what was left out, in the order of the steps


def render_brief(brief: Brief, names: Names, *, token_limit: int = TOKEN_LIMIT) -> Rendered:
    """The brief in words; shortened step by step (`LEFT_OUT`) until it fits, or as short as it gets.

    Args:
        brief: of one junction, with or without incumbent and feedback.
        names: its short names.
        token_limit: for system text and brief together.
    """
    rendered = _render(brief, names, 0)
    for step in range(1, len(LEFT_OUT) + 1):
        if rendered.tokens <= token_limit:
            break
        rendered = _render(brief, names, step)
    return rendered


def system_text() -> str:
    """Text that every question begins with: the plan language, with an example of each form."""
    return _environment().get_template("system.md.j2").render().strip()


def task_text(number: int, of: int, *, has_attempts: bool) -> str:
    """Emphasis of one of several proposals."""
    chosen = emphasis(number)
    return (
        _environment()
        .get_template("task.md.j2")
        .render(number=number + 1, of=of, emphasis=chosen, last=has_attempts)
        .strip()
    )


def repair_text(reason: str, *, simpler: bool = False) -> str:
    """Reason why a reply was refused; the last time with the advice to use the simpler form."""
    return _environment().get_template("repair.md.j2").render(reason=reason, simpler=simpler).strip()


def emphasis(number: int) -> str:
    """The emphasis of the n-th proposal; they repeat."""
    lines = _sources()["emphases.txt"].split("\n")
    return [line for line in lines if line][number % len([line for line in lines if line])]


def prompt_digest() -> str:
    """sha256 over all templates of this version."""
    parts = hashlib.sha256(PROMPT_VERSION.encode())
    for name, source in sorted(_sources().items()):
        parts.update(f"\n{name}\n{source}".encode())
    return parts.hexdigest()


def estimate_tokens(text: str) -> int:
    """Tokens of a text under a usual tokenizer, rather too many than too few."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


@cache
def _sources() -> dict[str, str]:
    folder = resources.files("leed_traffic.generate.language_model") / "prompts" / PROMPT_VERSION
    return {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.is_file()}


@cache
def _environment() -> Environment:
    return Environment(
        loader=DictLoader(_sources()), undefined=StrictUndefined, autoescape=False, trim_blocks=True
    )


@cache
def _system_tokens() -> int:
    return estimate_tokens(system_text())


def _render(brief: Brief, names: Names, step: int) -> Rendered:
    periods = _periods(brief, step)
    junction = brief.intersection
    timing = brief.timing
    clearances = [
        timing.clearance_s(i, j) for i in range(timing.n_stages) for j in range(timing.n_stages) if i != j
    ]
    incumbent = brief.incumbent
    facts: dict[str, Any] = {
        "shortened": LEFT_OUT[:step],
        "n_lanes": junction.n_lanes,
        "approaches": _approaches(brief, names, step),
        "stages": [_stage(k, stage, brief, names, step) for k, stage in enumerate(junction.stages)],
        "clearance": _span(min(clearances), max(clearances)),
        "max_red_s": round(timing.max_red_s),
        "periods": [f"{brief.period_starts_s[p]:g}" for p in periods],
        "demand": _demand(brief, names, periods, step),
        "webster": [_webster(brief, p) for p in periods],
        "saturation": f"{SATURATION_VEHPH:g}",
        "lost_s": f"{lost_time(timing):g}",
        "upstream": _upstream(brief, names, periods, step),
        "incumbent": _incumbent(incumbent, names, step) if incumbent else "",
        "feedback": _feedback(brief.feedback, names, step) if brief.feedback else None,
    }
    text = _environment().get_template("brief.md.j2").render(facts)
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    text = text.strip()
    return Rendered(text=text, tokens=_system_tokens() + estimate_tokens(text), shortened=LEFT_OUT[:step])


def _periods(brief: Brief, step: int) -> list[int]:
    """Periods that are shown; of many, the two with the most vehicles."""
    every = range(len(brief.period_starts_s))
    if step < PERIODS:
        return list(every)
    busy = sorted(every, key=lambda p: (-sum(turn.flow_vehph[p] for turn in brief.turns), p))
    return sorted(busy[:2])


def _approaches(brief: Brief, names: Names, step: int) -> list[dict[str, Any]]:
    after = {n.to_approach: names.signals[n.id] for n in brief.intersection.neighbours if n.id in names.signals}
    rows = []
    for approach, letter in names.approaches.items():
        lanes = [lane for lane in brief.intersection.lanes if lane.approach == approach]
        shorts = [names.lanes[lane.id] for lane in lanes]
        ways = [_ways(lane.id, brief, names) for lane in lanes]
        row = {
            "letter": letter,
            "lanes": [f"{short} ({way})" for short, way in zip(shorts, ways, strict=True)]
            if step < LANES
            else [str(len(lanes))],
            "speed_kmh": round(max(lane.speed_mps for lane in lanes) * 3.6),
            "length_m": round(max(lane.length_m for lane in lanes)),
            "after": after.get(approach, ""),
        }
        rows.append(row)
    return rows


def _ways(lane: str, brief: Brief, names: Names) -> str:
    """Movements that a lane serves."""
    links = [movement.link for movement in brief.intersection.vehicle_movements if movement.from_lane == lane]
    return ", ".join(what.split(" ", 1)[1] for what in names.words(links))


def _stage(number: int, stage: Stage, brief: Brief, names: Names, step: int) -> dict[str, Any]:
    def words(letters: frozenset[str]) -> list[str]:
        links = [link for link, letter in enumerate(stage.state) if letter in letters]
        return _joined(names.words(links), by_approach=step >= STAGES)

    priority = words(frozenset("G"))
    return {
        "number": number,
        "priority": priority,
        "yields": [what for what in words(GREEN - {"G"}) if what not in priority],
        "low": f"{brief.timing.min_green_s[number]:g}",
        "high": f"{brief.timing.max_green_s[number]:g}",
        "own": f"{stage.own_green_s:g}",
    }


def _joined(movements: Sequence[str], *, by_approach: bool) -> list[str]:
    """`A straight, A left` as `A straight + left`; by approach only as `A`."""
    ways: dict[str, list[str]] = {}
    crossings = [what for what in movements if what.startswith("crossing")]
    for what in movements:
        if what not in crossings:
            letter, _, way = what.partition(" ")
            ways.setdefault(letter, []).append(way)
    joined = [letter if by_approach else f"{letter} {' + '.join(way)}" for letter, way in ways.items()]
    numbers = " + ".join(what.removeprefix("crossing ") for what in crossings)
    return joined + ([f"crossing {numbers}" if not by_approach else "walkers"] if crossings else [])


def _demand(brief: Brief, names: Names, periods: Sequence[int], step: int) -> list[dict[str, Any]]:
    flows: dict[str, list[float]] = {}
    for turn in brief.turns:
        what = names.turn(turn)
        if step >= TURNS:
            what = what.split(" ")[0]
        sums = flows.setdefault(what, [0.0] * len(periods))
        for k, p in enumerate(periods):
            sums[k] += turn.flow_vehph[p]
    return [{"what": what, "flows": [f"{flow:.0f}" for flow in sums]} for what, sums in sorted(flows.items())]


def _webster(brief: Brief, period: int) -> dict[str, Any]:
    """Webster's calculation: the share of time that each stage needs, and the cycle and greens that follow."""
    splits = own_splits(brief, period)
    return {
        "from_s": f"{brief.period_starts_s[period]:g}",
        "percent": [f"{100.0 * ratio:.0f}" for ratio in splits.flow_ratio],
        "together": f"{100.0 * sum(splits.flow_ratio):.0f}",
        "cycle_s": f"{splits.cycle_s:.0f}",
        "green_s": [f"{green_s:.0f}" for green_s in splits.green_s],
    }


def _upstream(brief: Brief, names: Names, periods: Sequence[int], step: int) -> list[dict[str, Any]]:
    """Flows from each neighbour to each approach; where the vehicles queued there does not matter here."""
    flows: dict[tuple[str, str], tuple[float, list[float]]] = {}
    for up in brief.upstream:
        key = (names.signals[up.neighbour], names.approaches.get(up.to_approach, "other"))
        _, sums = flows.setdefault(key, (up.travel_time_s, [0.0] * len(periods)))
        for k, p in enumerate(periods):
            sums[k] += up.flow_vehph[p]
    busiest = sorted(flows.items(), key=lambda item: (-sum(item[1][1]), item[0]))
    shown = dict(busiest[:3] if step >= NEIGHBOURS else busiest)
    return [
        {
            "signal": signal,
            "approach": approach,
            "travel_s": round(travel_s),
            "flows": [f"{flow:.0f}" for flow in sums],
        }
        for (signal, approach), (travel_s, sums) in sorted(shown.items())
    ]


def _incumbent(plan: Plan, names: Names, step: int) -> str:
    if step >= INCUMBENT:
        return f"A {plan.form} plan with a reach of {plan.reach_m:g} m."
    return describe_plan(plan, names)


def _feedback(feedback: Feedback, names: Names, step: int) -> dict[str, Any]:
    attempts = []
    for place, attempt in enumerate(sorted(feedback.attempts, key=lambda attempt: -attempt.local_return)):
        change = _percent(attempt.local_return - feedback.local_return, feedback.local_return)
        in_full = step < INCUMBENT and place < SHOWN_IN_FULL
        shown = describe_plan(attempt.plan, names) if in_full else f"a {attempt.plan.form} plan"
        attempts.append(f"- {attempt.local_return:.0f} ({change}): {shown}")
    return {
        "local_return": f"{feedback.local_return:.0f}",
        "delay_s": f"{feedback.network_delay_s:.1f}",
        "figures": _figures(feedback, names) if step < LANES else "",
        "attempts": attempts if step < LANES else [],
        "faults": list(dict.fromkeys(feedback.faults))[:3],
    }


def _figures(feedback: Feedback, names: Names) -> str:
    """Queues, greens, waste and spillback under the plan to beat."""
    found = feedback.diagnosis
    if found is None:
        return ""
    queues = [
        f"{letter} {mean:.1f} (longest {longest:.0f})"
        for letter, mean, longest in zip(
            names.approaches.values(), found.queue_veh, found.longest_veh, strict=True
        )
    ]
    greens = [f"{k} {share:.0%}" for k, share in enumerate(found.green_share)]
    return (
        f"Mean queue in vehicles: {', '.join(queues)}. Share of time green by stage: {', '.join(greens)}. "
        f"Of the green {found.wasted_share:.0%} served nobody while others queued, {found.blocked_share:.0%} met full exits."
    )


def _percent(change: float, base: float) -> str:
    if not base:
        return f"{change:+.0f}"
    return f"{abs(change / base):.0%} {'better' if change > 0.0 else 'worse'}"


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
