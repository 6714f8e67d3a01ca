"""`report.html`: one self-contained page of what was compared, how it went and what that does not prove."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leed_traffic import __version__
from leed_traffic.artifacts.page import render_page
from leed_traffic.artifacts.whole_file import write_output
from leed_traffic.domain.short_ids import fold_ids
from leed_traffic.evaluate.report.drawing import theme_css
from leed_traffic.evaluate.report.figures import (
    DelayRow,
    LearningCurve,
    draw_delays,
    draw_differences,
    draw_learning,
    draw_weights,
)
from leed_traffic.evaluate.report.page import Facts, Glossary, Heading, Note, Part, Picture, Table, anchor
from leed_traffic.evaluate.report.traffic_sections import traffic_sections
from leed_traffic.evaluate.results import COUNTS, Evaluation
from leed_traffic.evaluate.runs import Comparison
from leed_traffic.evaluate.words import (
    LIMITS_COLUMN,
    collision_lines,
    cycle_lines,
    gridlock_line,
    interval_text,
    limit_lines,
    p_text,
    table_columns,
    table_rows,
    verdict,
)

SCOPE = (
    "Verified in simulation (SUMO) only. This is not a certified safety function: in the street such a "
    "controller belongs behind a signal controller with its own conflict monitor. Details of LEED that public "
    "texts do not give are our reconstruction."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Content of a report beyond the comparison itself."""

    title: str
    ours: str | None = None  # the controller to mark in table and figures, by name
    author: str | None = None  # of the demonstrations
    curve: LearningCurve | None = None
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)  # further lines under "How this was made"


def write_report(path: Path, comparison: Comparison, labels: Mapping[str, str], story: Story) -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the HTML file.
        comparison: with the runs; runs with a timeline or a recording appear in the figures of traffic.
        labels: short name of every controller.
        story: further content.

    Raises:
        UsageError: the file cannot be written.
    """
    write_output(path, render_report(comparison, labels, story))


def render_report(comparison: Comparison, labels: Mapping[str, str], story: Story) -> str:
    """The page as text; the same input gives the same bytes."""
    evaluation = comparison.evaluation
    sections = {
        "Results": _results(comparison, labels, story.ours),
        "Delay by controller": _delays(comparison, labels, story.ours),
        "Differences": _differences(comparison, labels, story.ours),
        "Delay by class": _classes(evaluation, labels),
        "Learning": _learning(story.curve),
        **traffic_sections(comparison, labels, story.ours),
        "Shadows": _shadows(evaluation, labels),
        "How this was made": _facts(evaluation, story),
    }
    facts = {
        "title": story.title,
        "theme": theme_css(),
        "lead": _lead(evaluation),
        "verdict": verdict(comparison, labels),
        "scope": _scope(story),
        "sections": {title: parts for title, parts in sections.items() if parts},
        "version": __version__,
        "sumo_version": evaluation.sumo_version,
    }
    return render_page(__package__, "report.html.j2", facts, {"anchor": anchor})


def _lead(evaluation: Evaluation) -> str:
    seeds = ", ".join(str(seed) for seed in evaluation.seeds)
    n = len(evaluation.results)
    detectors = "" if evaluation.sensing == "ideal" else f" Detectors: {evaluation.sensing}."
    return (
        f"{n} controller{'s' if n > 1 else ''} on scenario {evaluation.scenario}, each with the same seeds "
        f"({seeds}), site limits: {evaluation.site}.{detectors}"
    )


def _scope(story: Story) -> str:
    author = f" The demonstrations were written by: {story.author}." if story.author else ""
    return SCOPE + author


def _results(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> list[Part]:
    columns = table_columns(comparison)
    alarming = frozenset(
        columns.index(name)
        for name in ("never dep.", "unsafe", "coll.", "telep.", LIMITS_COLUMN)
        if name in columns
    )
    marked = frozenset(k for k, result in enumerate(comparison.evaluation.results) if result.controller == ours)
    results = Table(columns, table_rows(comparison, labels), ours=marked, alarming=alarming)
    said = (lines(comparison, labels) for lines in (cycle_lines, limit_lines, collision_lines))
    notes = [gridlock_line(comparison, labels), *(line for lines in said for line in lines)]
    return [results, *map(Note, notes), Glossary()]


def _delays(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> list[Part]:
    rows = [
        DelayRow(
            label=labels[r.controller],
            mean_s=r.delay_s.mean,
            low_s=r.delay_s.low,
            high_s=r.delay_s.high,
            seeds_s=comparison.delays_s(r.controller),
            is_ours=r.controller == ours,
        )
        for r in comparison.evaluation.results
    ]
    summary = "; ".join(
        f"{labels[r.controller]} {interval_text(r.delay_s)} s" for r in comparison.evaluation.results
    )
    return [Picture(draw_delays(rows), f"Mean delay by controller: {summary}", "Lower is better.")]


def _differences(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> list[Part]:
    evaluation = comparison.evaluation
    reference = evaluation.reference
    found = evaluation.differences
    if reference is None or not found or len(evaluation.seeds) == 1:
        return []
    summary = "; ".join(f"{labels[d.controller]} {d.mean:+.1f} s, {p_text(d.p_adjusted)}" for d in found)
    caption = (
        f"Each seed's delay minus {labels[reference]}'s on the same seed: mean and 95 % interval, left of zero "
        "is better. Filled: the difference is beyond chance (paired t test, p at most 5 % after Holm's "
        f"adjustment for {len(found)} comparisons); hollow: these seeds show no difference, and the two are not "
        "ranked. A reference that was chosen because it did best here flatters nobody but itself."
    )
    svg = draw_differences(found, labels, reference, ours)
    return [Picture(svg, f"Differences from {labels[reference]}: {summary}", caption)]


def _classes(evaluation: Evaluation, labels: Mapping[str, str]) -> list[Part]:
    names = list(dict.fromkeys(found.of_class for found in evaluation.classes))
    if not names:
        return []
    numbers = {found.of_class: found.scheduled for found in evaluation.classes}
    columns = ["controller", *(f"{name} ({numbers[name]})" for name in names)]
    rows = []
    for result in evaluation.results:
        mine = {c.of_class: c for c in evaluation.classes if c.controller == result.controller}
        rows.append(
            [labels[result.controller], *(interval_text(mine[n].delay_s) if n in mine else "" for n in names)]
        )
    explained = (
        "Delay in s per vehicle or person scheduled, with its 95 % interval; in brackets how many travelled "
        "over all seeds. Of a walker it is the time lost against walking freely, of a rider at least the time "
        "spent waiting."
    )
    return [Table(columns, rows), Note(explained)]


def _learning(curve: LearningCurve | None) -> list[Part]:
    if curve is None or not curve.hours:
        return []
    references = "; ".join(f"{name} {value:.1f} s" for name, value in curve.references_s.items())
    alt = (
        f"Validation delay over training, from {curve.delay_s[0]:.1f} s to {curve.delay_s[-1]:.1f} s after "
        f"{curve.hours[-1]:.0f} simulated hours. References: {references or 'none'}"
    )
    caption = (
        "Solid: delay of the policies as trained so far, on validation seeds; the best of these are exported. "
        "Dashed: the demonstrating plan on the same validation seeds, the others on the evaluation seeds. The "
        "axis does not begin at zero."
    )
    parts: list[Part] = [Picture(draw_learning(curve), alt, caption)]
    if curve.weights:
        alt = f"Weight of the expert loss over training for {len(curve.weights)} intersections"
        caption = (
            "How far each intersection still leans on the demonstrations: 1 imitates only, 0 learns from its own "
            "experience."
        )
        parts.append(Picture(draw_weights(curve), alt, caption))
    return parts


def _shadows(evaluation: Evaluation, labels: Mapping[str, str]) -> list[Part]:
    parts: list[Part] = []
    for pair in evaluation.shadows:
        folded = fold_ids(found.intersection for found in pair.intersections)
        rows = [
            [
                folded[found.intersection],
                str(found.decisions),
                "" if found.agreement is None else f"{found.agreement:.0%}",
                "; ".join(f"{d.driver_stage} / {d.shadow_stage}: {d.times}" for d in found.differences[:3]),
            ]
            for found in pair.intersections
        ]
        parts.append(Heading(labels[pair.pair]))
        parts.append(Table(["intersection", "decisions", "agreed", "most often apart: driver / shadow"], rows))
    if not parts:
        return []
    explained = (
        "The first controller drove, the other one was asked at every decision and not obeyed. Only decisions "
        "with more than one legal stage count. A difference names the stage that each of them wanted."
    )
    return [*parts, Note(explained)]


def _facts(evaluation: Evaluation, story: Story) -> list[Part]:
    totals = {name: sum(getattr(result, name) for result in evaluation.results) for name in COUNTS}
    lines = [
        ("Scenario", evaluation.scenario),
        ("Site limits", evaluation.site),
        ("Seeds", ", ".join(str(seed) for seed in evaluation.seeds)),
        ("Vehicles", f"{totals['scheduled']} scheduled over all controllers and seeds"),
        *((("Demonstrations", story.author),) if story.author else ()),
        *story.facts,
        ("Controllers", "; ".join(result.controller for result in evaluation.results)),
        ("SUMO", evaluation.sumo_version),
    ]
    return [Facts(lines)]
