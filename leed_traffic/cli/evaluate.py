"""`leedctl evaluate`: every controller on the same seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.whole_file import why_not_writable
from leed_traffic.cli.terminal.neutral import NeutralConsole
from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, progress, results
from leed_traffic.domain.short_ids import fold_ids
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.config import EvaluateConfig

if TYPE_CHECKING:
    from leed_traffic.evaluate.runs import Comparison

TABLE_WIDTH = 118  # columns that the table needs
LIMITS_WIDTH = 17  # more where somebody broke the site's limits


@takes(EvaluateConfig, arguments=("scenario",), without=("keeps_timeline",))
def evaluate_command(
    given: Given[EvaluateConfig],
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare controllers on the same traffic: delay with 95 % intervals, and what a mean may hide.

    Delay is time lost plus the wait before entering the net, per vehicle scheduled: who never got in counts, too.
    With a single seed the interval's ends are null. Counts are totals over the seeds. Every controller meets the
    same demand and drivers, so two are compared by their paired differences, and those that do not differ are not
    ranked. Formulas: docs/evaluate.md.

    \b
    Examples:
      leedctl evaluate crossing --seeds 3
      leedctl evaluate arterial5 --controllers fixed,max-wave,bundle:models/arterial5 --report report.html
      leedctl evaluate crossing --controllers max-wave,bundle:models/crossing --sensing loops --seeds 3
      leedctl evaluate path/to/town.sumocfg --controllers as-is,fixed,actuated,max-wave --seeds 5
      leedctl evaluate path/to/town.sumocfg --site as-net --controllers fixed,max-pressure --json
      leedctl evaluate arterial5 --controllers max-wave,shadow:max-wave+bundle:models/arterial5 --out runs/shadow

    \b
    Exit codes: 0 compared, 2 unusable scenario, plan or option, 3 bundle refused, 4 site or bundle made for
    something else, 5 a worker process was killed.
    """
    from leed_traffic.evaluate.compare import compare
    from leed_traffic.evaluate.controllers import labels
    from leed_traffic.evaluate.exports import write_results
    from leed_traffic.simulation.demand.route_order import left_out

    config = given.build(keeps_timeline=report is not None)
    names = labels(config.controllers)
    if report is not None and (why := why_not_writable(report)):
        raise UsageError(f"--report {report}: {why}; give another place")
    with progress("evaluate", config.n_runs) as bar:
        comparison = compare(
            config, lambda run: bar(1, f"{names[run.controller]} seed {run.seed}: {run.delay_s:.1f} s")
        )
    left_alone = comparison.evaluation.left_alone
    folded = fold_ids(left_alone)
    for signal, reason in left_alone.items():
        messages.print(f"{folded[signal]}: left alone: {reason}", soft_wrap=True)
    if unsorted := left_out(load_scenario(config.scenario).route_files):
        messages.print(unsorted, soft_wrap=True)
    if not any(result.scheduled for result in comparison.evaluation.results):
        messages.print("nobody drives: the scenario schedules no vehicle; every figure is zero")
    if as_json:  # first of all: a place that cannot be written loses no result
        print_json(comparison.evaluation)
    else:
        print_comparison(comparison, names)
    if config.out is not None:  # what is on the screen is not lost to what goes wrong from here on
        messages.print(
            f"written to {config.out}: {', '.join(write_results(config.out, comparison))}", soft_wrap=True
        )
    if report is not None:
        _write_report(report, comparison, names)
        messages.print(f"written: {report}", soft_wrap=True)


def print_comparison(comparison: "Comparison", names: Mapping[str, str]) -> None:
    """Print the table, and below it which controllers these seeds can tell apart."""
    from leed_traffic.evaluate.words import (
        LIMITS_COLUMN,
        class_lines,
        collision_lines,
        cycle_lines,
        difference_lines,
        gridlock_line,
        limit_lines,
        shadow_lines,
        table_columns,
        table_rows,
        verdict,
    )

    evaluation = comparison.evaluation
    sight = "" if evaluation.sensing == "ideal" else f", sensing {evaluation.sensing}"
    title = f"{evaluation.scenario}, site {evaluation.site}{sight}, {len(evaluation.seeds)} seeds, "
    title += f"SUMO {evaluation.sumo_version}{'' if evaluation.demand_spread else ', the same day every seed'}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    columns = table_columns(comparison)
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right", no_wrap=k <= 1 or column == LIMITS_COLUMN)
    for row in table_rows(comparison, names):
        table.add_row(*row)
    # a squeezed table cannot be read: a narrow terminal wraps it, a pipe gets it as it is
    width = TABLE_WIDTH + LIMITS_WIDTH * (LIMITS_COLUMN in columns)
    NeutralConsole(width=max(width, results.width)).print(table)
    results.print(verdict(comparison, names), soft_wrap=True, markup=False)
    results.print(gridlock_line(comparison, names), soft_wrap=True, markup=False)
    for lines in (cycle_lines, limit_lines, collision_lines, difference_lines, class_lines, shadow_lines):
        for line in lines(comparison, names):
            results.print(line, soft_wrap=True)


def _write_report(path: Path, comparison: "Comparison", names: Mapping[str, str]) -> None:
    from leed_traffic.evaluate.report.report import Story, write_report

    ours = next((r.controller for r in comparison.evaluation.results if r.controller.startswith("bundle:")), None)
    story = Story(title=f"Controllers on {comparison.evaluation.scenario}", ours=ours)
    write_report(path, comparison, names, story)
