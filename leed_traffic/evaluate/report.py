"""`report.html`: one self-contained page that shows what was compared, how it went and what that does not prove.

Nothing in it is fetched: style and figures are inside. Every text that comes from files or the command line is escaped.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from leed_traffic import __version__
from leed_traffic.evaluate.exports import write_output
from leed_traffic.evaluate.figures import DelayRow, LearningCurve, draw_delays, draw_learning, draw_stages, draw_weights
from leed_traffic.evaluate.results import COUNTS, Evaluation
from leed_traffic.evaluate.runs import Comparison
from leed_traffic.evaluate.timeline import Timeline
from leed_traffic.evaluate.words import interval_text, table_columns, table_rows, verdict

STAGES_WINDOW_S = 600.0  # s of signals in the stage diagram: longer, and single greens can no longer be seen
STAGES_ROWS = 24  # intersections in it at most
SCOPE = (
    "Verified in simulation (SUMO) only. This is not a certified safety function: in the street such a controller belongs "
    "behind a signal controller with its own conflict monitor. Details of LEED that public texts do not give are our "
    "reconstruction."
)

_STYLE = """
:root { --ink:#1d2733; --faint:#5d6b7a; --line:#e3e8ee; --ours:#0b63b0; --soft:#f5f7fa; color-scheme:light }
* { box-sizing:border-box }
body { margin:0; background:#fff; color:var(--ink); font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif }
main { max-width:1120px; margin:0 auto; padding:40px 24px 64px }
h1 { font-size:1.9rem; line-height:1.2; margin:0 0 6px }
h2 { font-size:1.2rem; margin:44px 0 8px }
p { margin:8px 0; max-width:75ch }
.lead { color:var(--faint); margin:0 0 20px }
.verdict { font-size:1.08rem; border-left:4px solid var(--ours); background:var(--soft); padding:12px 16px; margin:16px 0;
  max-width:none }
.scope { font-size:.92rem; border-left:4px solid #b7791f; background:#fdf8ee; padding:10px 16px; max-width:none }
.note, figcaption { color:var(--faint); font-size:.9rem }
.scroll { overflow-x:auto; border:1px solid var(--line); border-radius:6px }
table { border-collapse:collapse; width:100%; font-size:.84rem; font-variant-numeric:tabular-nums }
th, td { padding:7px 8px; text-align:right; white-space:nowrap; border-bottom:1px solid var(--line) }
th { background:var(--soft); font-weight:600; color:var(--faint) }
th:first-child, td:first-child { text-align:left }
tbody tr:last-child td { border-bottom:0 }
tr.ours td { background:#eaf3fb; font-weight:600 }
td.bad { color:#b42318; font-weight:700 }
figure { margin:12px 0 0 }
figure div { overflow-x:auto }
figure img { width:100%; min-width:660px; height:auto; display:block }
dl { display:grid; grid-template-columns:minmax(9em,auto) 1fr; gap:4px 18px; font-size:.92rem; margin:8px 0 }
dt { color:var(--faint) } dd { margin:0; overflow-wrap:anywhere }
footer { margin-top:48px; padding-top:12px; border-top:1px solid var(--line); color:var(--faint); font-size:.85rem }
@media (max-width:640px) {
  main { padding:24px 14px 48px } h1 { font-size:1.5rem } dl { grid-template-columns:1fr } dd { margin-bottom:6px }
}
@media print { main { max-width:none; padding:0 } .scroll { overflow:visible } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a report tells beyond the comparison itself."""

    title: str
    ours: str | None = None  # the controller to mark in table and figures, by name
    author: str | None = None  # of the demonstrations
    curve: LearningCurve | None = None
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)  # further lines under "How this was made"


def write_report(path: Path, comparison: Comparison, labels: Mapping[str, str], story: Story) -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the HTML file.
        comparison: with the runs; runs with a timeline appear in the stage diagram.
        labels: short name of every controller.
        story: what else is to be told.

    Raises:
        UsageError: the file cannot be written.
    """
    write_output(path, render_report(comparison, labels, story))


def render_report(comparison: Comparison, labels: Mapping[str, str], story: Story) -> str:
    """The page as text; the same input gives the same bytes."""
    evaluation = comparison.evaluation
    parts = [
        f"<h1>{escape(story.title)}</h1>",
        f'<p class="lead">{escape(_lead(evaluation))}</p>',
        f'<p class="verdict">{escape(verdict(comparison, labels))}</p>',
        f'<p class="scope">{escape(_scope(story))}</p>',
        _section("Results", _table(comparison, labels, story.ours), _GLOSSARY),
        _section("Delay by controller", _delays(comparison, labels, story.ours)),
        _learning(story.curve),
        _stages(comparison, labels, story.ours),
        _section("How this was made", _facts(evaluation, story)),
        f"<footer>leed_traffic {escape(__version__)} · SUMO {escape(evaluation.sumo_version)}</footer>",
    ]
    head = (
        '<meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(story.title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


_GLOSSARY = (
    '<p class="note"><b>Delay</b>: time lost against free flow plus the wait before entering the net, in s per vehicle '
    "scheduled; vehicles still under way and vehicles that never got in count. <b>Worst seed</b>: the highest delay of a "
    "single seed; gridlock hides in means. <b>Queue</b>: vehicles under 0.1 m/s at a time. <b>Unsafe</b>: greens that went red "
    "without their yellow or stages shorter than their minimum green. <b>Done</b>: trips that ended in time. Counts are "
    "totals over the seeds.</p>"
)


def _lead(evaluation: Evaluation) -> str:
    seeds = ", ".join(str(seed) for seed in evaluation.seeds)
    n = len(evaluation.results)
    return (
        f"{n} controller{'s' if n > 1 else ''} on scenario {evaluation.scenario}, each with the same seeds ({seeds}), "
        f"site limits: {evaluation.site}."
    )


def _scope(story: Story) -> str:
    author = f" The demonstrations were written by: {story.author}." if story.author else ""
    return SCOPE + author


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{''.join(parts)}</section>"


def _table(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> str:
    columns = table_columns()
    alarming = {columns.index(name) for name in ("never dep.", "unsafe", "coll.", "telep.")}
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = []
    for result, row in zip(comparison.evaluation.results, table_rows(comparison, labels), strict=True):
        cells = "".join(_cell(cell, k in alarming and cell != "0") for k, cell in enumerate(row))
        mark = "ours" if result.controller == ours else "other"
        lines.append(f'<tr class="{mark}">{cells}</tr>')
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cell(text: str, is_alarming: bool) -> str:
    mark = ' class="bad"' if is_alarming else ""
    return f"<td{mark}>{escape(text)}</td>"


def _delays(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> str:
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
    told = "; ".join(f"{labels[r.controller]} {interval_text(r.delay_s)} s" for r in comparison.evaluation.results)
    return _figure(draw_delays(rows), f"Mean delay by controller: {told}", "Lower is better.")


def _learning(curve: LearningCurve | None) -> str:
    if curve is None or not curve.hours:
        return ""
    references = "; ".join(f"{name} {value:.1f} s" for name, value in curve.references_s.items())
    alt = (
        f"Validation delay over training, from {curve.delay_s[0]:.1f} s to {curve.delay_s[-1]:.1f} s after "
        f"{curve.hours[-1]:.0f} simulated hours. References: {references or 'none'}"
    )
    caption = (
        "Solid: delay of the policies as trained so far, on validation seeds; the best of these are exported. Dashed: the "
        "demonstrating plan on the same validation seeds, the others on the evaluation seeds. The axis does not begin at zero."
    )
    parts = [_figure(draw_learning(curve), alt, caption)]
    if curve.weights:
        alt = f"Weight of the expert loss over training for {len(curve.weights)} intersections"
        caption = (
            "How far each intersection still leans on the demonstrations: 1 imitates only, 0 learns from its own experience."
        )
        parts.append(_figure(draw_weights(curve), alt, caption))
    return _section("Learning", *parts)


def _stages(comparison: Comparison, labels: Mapping[str, str], ours: str | None) -> str:
    """The first controller beside ours (or the last): more panels would be too many to compare."""
    shown, rows = [run for run in comparison.runs if run.timeline], comparison.rows
    if not shown or rows is None:
        return ""
    beside = next((run for run in shown if run.controller == ours), shown[-1])
    timelines: dict[str, Timeline] = {labels[run.controller]: run.timeline for run in (shown[0], beside)}
    order = rows.order[-STAGES_ROWS:]
    seed, window = beside.seed, _window(timelines.values())
    layout = "placed at their distance along the road" if rows.positions_m else "one row per intersection"
    left_out = f" The first {len(order)} of {len(rows.order)} intersections are shown." if len(order) < len(rows.order) else ""
    alt = f"Stages shown over time by {' and '.join(timelines)} at {len(order)} intersections on seed {seed}"
    caption = (
        f"What the signals showed on seed {seed} in {(window[1] - window[0]) / 60.0:.0f} minutes in the middle of the run, "
        f"{layout}. Stage numbers are each intersection's own; thin dark bars are clearances.{left_out}"
    )
    return _section("Stages at the signals", _figure(draw_stages(timelines, order, rows.positions_m, window), alt, caption))


def _window(timelines: Iterable[Timeline]) -> tuple[float, float]:
    """First and last second to show: the middle of the run."""
    spans = [span for timeline in timelines for shown in timeline.values() for span in shown]
    begin_s, end_s = min(span.begin_s for span in spans), max(span.end_s for span in spans)
    middle_s = (begin_s + end_s) / 2.0
    return max(begin_s, middle_s - STAGES_WINDOW_S / 2.0), min(end_s, middle_s + STAGES_WINDOW_S / 2.0)


def _facts(evaluation: Evaluation, story: Story) -> str:
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
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(text)}</dd>' for name, text in lines)}</dl>"


def _figure(svg: str, alt: str, caption: str) -> str:
    """An SVG as an image of its own, so that the ids inside two figures cannot meet."""
    image = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><div><img alt="{escape(alt)}" src="data:image/svg+xml;base64,{image}"/></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
