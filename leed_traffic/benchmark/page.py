"""The study as files: findings.json for machines, tables.md and curves.png for people."""

from pathlib import Path

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.benchmark.findings import LearnerFindings, ScenarioFindings, StudyFindings
from leed_traffic.evaluate.results import ControllerResult

FINDINGS_NAME = "findings.json"
TABLES_NAME = "tables.md"
CURVES_NAME = "curves.png"
COLUMNS = (
    "who",
    "hours to bar",
    "to stay",
    "CPU s to bar",
    "delay s",
    "worst run",
    "off median",
    "gridlocked",
    "never dep.",
)


def write_pages(out: Path, found: StudyFindings) -> None:
    """Write all three, each as a whole."""
    write_whole(out / FINDINGS_NAME, found.model_dump_json(indent=1))
    write_whole(out / TABLES_NAME, render_tables(found))
    write_whole(out / CURVES_NAME, draw_curves(found))


def render_tables(found: StudyFindings) -> str:
    """One table per scenario, in Markdown."""
    blocks = []
    for scenario in found.scenarios:
        rows = [rule_row(rule) for rule in scenario.rules] + [row(finding) for finding in scenario.learners]
        lines = [f"### {scenario.scenario} (site {scenario.site}, bar {scenario.bar_s:.1f} s)", ""]
        lines += [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
        lines += [f"| {' | '.join(cells)} |" for cells in rows]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def row(finding: LearnerFindings) -> list[str]:
    """One learner as table cells."""
    runs = len(finding.seeds)
    delays = [seed.delay_s for seed in finding.seeds]
    return [
        finding.learner,
        _cost(finding.median("hours_to_bar")),
        _cost(finding.median("hours_to_stay")),
        _cost(finding.median("cpu_s_to_bar")),
        f"{finding.delay_s:.1f}",
        f"{max(delays):.1f}",
        f"{100.0 * finding.off_median:.0f} %" if runs > 1 else "-",
        str(sum(seed.gridlocked_seeds for seed in finding.seeds)),
        str(sum(seed.never_departed for seed in finding.seeds)),
    ]


def rule_row(rule: ControllerResult) -> list[str]:
    """A rule as table cells: it has nothing to learn."""
    return [rule.controller, "-", "-", "-", f"{rule.delay_s.mean:.1f}", "-", "-", "-", str(rule.never_departed)]


def draw_curves(found: StudyFindings) -> bytes:
    """Validation delay over simulated hours, a panel per scenario; thin lines are training seeds."""
    import io

    from matplotlib import rcParams
    from matplotlib.figure import Figure

    colours = rcParams["axes.prop_cycle"].by_key()["color"]
    figure = Figure(figsize=(10.0, 3.4 * len(found.scenarios)), layout="constrained")
    for k, scenario in enumerate(found.scenarios):
        axes = figure.add_subplot(len(found.scenarios), 1, k + 1)
        for n, finding in enumerate(scenario.learners):
            for seed in finding.seeds:
                hours = [p[0] for p in seed.curve]
                delays = [p[2] for p in seed.curve]
                label = finding.learner if seed is finding.seeds[0] else None
                axes.plot(hours, delays, color=colours[n % len(colours)], linewidth=1.2, marker=".", label=label)
        axes.axhline(scenario.bar_s, color="0.4", linestyle="--", linewidth=1.0, label="max-wave")
        axes.set_ylim(*_limits(scenario))
        axes.set_xlabel("simulated hours, search and demonstrations included")
        axes.set_ylabel("delay, s per vehicle")
        axes.set_title(scenario.scenario, loc="left", parse_math=False)
        axes.legend(fontsize=8, ncols=2)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=110, metadata={"Software": None})
    return sink.getvalue()


def _limits(scenario: ScenarioFindings) -> tuple[float, float]:
    """Limits from just under the best validation to three bars: first hours without an expert lie far above."""
    best = min(p[2] for finding in scenario.learners for seed in finding.seeds for p in seed.curve)
    return 0.9 * min(best, scenario.bar_s), 3.0 * scenario.bar_s


def _cost(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f}"
