"""`report.html` of a language model's run: one self-contained page on how valid, how good and how dear its plans were."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leed_traffic.artifacts.demonstrations import Demonstrations, Round
from leed_traffic.artifacts.page import render_page
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.short_ids import fold
from leed_traffic.generate.brief import Brief
from leed_traffic.generate.language_model.authorship import Authorship
from leed_traffic.generate.language_model.names import name_parts
from leed_traffic.generate.language_model.plan_words import describe_plan

SHOWN_REASONS = 20
COLOURS = ("#1769aa", "#b5541c", "#3d7d3d", "#7a4a9c", "#8a7a1e", "#a33a5f", "#666666")
LEFT = 80.0
RIGHT = 600.0
TOP = 40.0
BOTTOM = 156.0  # of the chart's plot, in its own units


def write_report(path: Path, made: Demonstrations, authorship: Authorship, briefs: Sequence[Brief]) -> None:
    """Write the page."""
    page = render_page(__package__, "report.html.j2", _facts(made, authorship, briefs), {"fold": fold})
    write_whole(path, page)


def _facts(made: Demonstrations, authorship: Authorship, briefs: Sequence[Brief]) -> dict[str, Any]:
    manifest = made.manifest
    rounds = authorship.rounds
    reasons = Counter(reason for r in rounds for w in r.intersections.values() for reason in w.reasons)
    return {
        "scenario": manifest.scenario,
        "model": authorship.model,
        "manifest": manifest,
        "authorship": authorship,
        "best_start": min(manifest.starts.items(), key=lambda item: item[1]),
        "rounds": [
            {"writing": writing, "score": score, "reward": sum(score.rewards.values())}
            for writing, score in zip(rounds, manifest.rounds, strict=True)
        ],
        "chart": _chart(min(manifest.starts.values()), manifest.rounds),
        "shares": [
            {"author": author, "share": share, "colour": COLOURS[k % len(COLOURS)]}
            for k, (author, share) in enumerate(authorship.shares.items())
        ],
        "replies": sum(r.replies for r in rounds),
        "tokens_in": sum(r.prompt_tokens for r in rounds),
        "tokens_out": sum(r.reply_tokens for r in rounds),
        "model_s": sum(r.model_s for r in rounds),
        "n": len(briefs),
        "plans": [_plan(brief, made, authorship) for brief in briefs],
        "by_intersection": [_course(brief.intersection.id, made, authorship) for brief in briefs],
        "reasons": reasons.most_common(SHOWN_REASONS),
    }


def _plan(brief: Brief, made: Demonstrations, authorship: Authorship) -> dict[str, Any]:
    """The final plan beside the splits of the signal's own program."""
    junction = brief.intersection
    names = name_parts(brief)
    plan = made.plans[junction.id]
    total = sum(stage.own_green_s for stage in junction.stages) or 1.0
    legend = [f"{letter} = {approach}" for approach, letter in names.approaches.items()]
    return {
        "name": junction.id,
        "author": authorship.written_by[junction.id],
        "splits": [
            {"stage": k, "green": f"{stage.own_green_s:g}", "share": f"{100.0 * stage.own_green_s / total:.0f}"}
            for k, stage in enumerate(junction.stages)
        ],
        "plan": describe_plan(plan, names),
        "reasoning": plan.reasoning,
        "legend": ", ".join(legend),
    }


def _course(name: str, made: Demonstrations, authorship: Authorship) -> dict[str, Any]:
    """Validity and reward of one intersection, round by round."""
    cells = []
    for writing, score in zip(authorship.rounds, made.manifest.rounds, strict=True):
        wrote = writing.intersections[name]
        cells.append(
            {
                "valid": wrote.valid,
                "asked": wrote.asked,
                "reward": score.rewards[name],
                "proposed": score.proposed_rewards.get(name),
            }
        )
    return {"name": name, "cells": cells}


def _chart(start_s: float, rounds: Sequence[Round]) -> dict[str, Any]:
    """Points of the delay's course, the best start first; and of the best proposal of each round, where one was sound."""
    stood = [start_s, *(r.delay_s for r in rounds)]
    proposed = [(k, r.proposed_delay_s) for k, r in enumerate(rounds, start=1) if r.proposed_delay_s is not None]
    values = [*stood, *(value for _, value in proposed)]
    low = min(values)
    high = max(values)

    def point(k: int, value: float) -> dict[str, Any]:
        x = LEFT + (RIGHT - LEFT) * k / max(len(stood) - 1, 1)
        y = BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low) if high > low else (TOP + BOTTOM) / 2.0
        return {"x": round(x, 1), "y": round(y, 1), "value": value, "label": str(k) if k else "start"}

    return {
        "points": [point(k, value) for k, value in enumerate(stood)],
        "proposed": [point(k, value) for k, value in proposed if value != stood[k]],
    }
