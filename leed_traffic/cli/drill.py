"""`leedctl drill`: every safety promise tried, one row each."""

from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, results
from leed_traffic.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from leed_traffic.drill.row import DrillReport, Row


def drill_command(
    full: Annotated[bool, typer.Option("--full", help="Ten times as often; takes about half an hour.")] = False,
    seed: Annotated[int, typer.Option(help="Of all choices.")] = 1,
    only: Annotated[str | None, typer.Option(help="Only these rows: silence,network. Default: all.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Scenarios, by name or path, of the rows states, starvation and oracle. Default: the shipped "
            "ones."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try every safety promise of the controller against a real SUMO and print what held.

    Exit codes: 0 every row holds, 1 one does not, 2 usage. Rows: states, monitor, latch, descriptors, silence,
    network, restart, waits, unheard, hand-back, gateway cuts, second owner, bundles, costly-bundle, sensing,
    starvation, budget, events, reload, demotion, replay, beside, pace, oracle.

    \b
    Examples:
      leedctl drill
      leedctl drill --only monitor,latch,bundles
      leedctl drill --only oracle,starvation --at grid4x4,~/nets/ours.sumocfg
      leedctl drill --full --json > drill.json
    """
    from leed_traffic.drill.catalogue import CATALOGUE, drill
    from leed_traffic.drill.row import SHIPPED

    names = tuple(only.split(",")) if only else ()
    scenarios = tuple(at.split(",")) if at else SHIPPED
    known = [entry.name for entry in CATALOGUE]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"--only {unknown[0]}: no such row; there are {', '.join(known)}")

    def on_row(row: "Row") -> None:
        word, style = ("holds", "green") if row.holds else ("fails", "bold red")
        messages.print(word, style=style, end=" ")
        messages.print(f"{row.promise} ({row.count}, {row.seconds:.0f} s)")
        if not row.holds:
            messages.print(row.detail, markup=False, soft_wrap=True)

    report = drill(full=full, seed=seed, only=names, on_row=on_row, scenarios=scenarios)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    raise typer.Exit(int(ExitCode.OK if report.holds else ExitCode.LIMITS_EXCEEDED))


def soak_command(
    hours: Annotated[int, typer.Option(help="Simulated hours.", min=1)] = 24,
    seed: Annotated[int, typer.Option(help="Of demand and faults.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Serve nine junctions for hours while policies, detectors and simulators fail at random.

    Exit codes: 0 no violation and no growth of memory or open files, 1 otherwise.

    \b
    Examples:
      leedctl soak
      leedctl soak --hours 2 --json
    """
    import logging
    import tempfile
    from pathlib import Path

    from leed_traffic.drill.soak import Hour, soak

    def on_hour(hour: Hour) -> None:
        messages.print(
            f"{hour.ticks} ticks, {hour.violations + hour.unsafe_changes} violations, {hour.reconnections} "
            "reconnections, "
            f"{hour.resident_mb:.0f} MB, {hour.open_files} files, {hour.seconds:.0f} s"
        )

    logging.getLogger("leed_traffic").setLevel(logging.CRITICAL + 1)  # what is provoked is not news
    with tempfile.TemporaryDirectory(prefix="leed-soak-") as folder:
        report = soak(hours, seed, Path(folder), on_hour)
    if as_json:
        print_json(report)
    else:
        print(
            f"{report.violations} violations in {report.junction_hours:g} junction hours, {report.rulings:,} "
            "rulings: at most "
            f"{report.bound_per_junction_hour:.2g} an hour of a junction at 95 % (3/n); SUMO's own record judged "
            f"{report.judged_share:.1%} of the seconds; memory {report.growth_mb:+g} MB, "
            f"{report.slope_mb_per_hour:+.2f} an hour; "
            f"open files {report.growth_files:+d}, {report.slope_files_per_hour:+.2f} an hour"
        )
    raise typer.Exit(int(ExitCode.OK if report.holds else ExitCode.LIMITS_EXCEEDED))


def _print_report(report: "DrillReport") -> None:
    """Print the rows; every cell may wrap, as narrow terminals need it."""
    from rich.table import Table

    verdict = "every promise holds" if report.holds else "NOT every promise holds"
    table = Table(
        title=f"drill: {verdict} ({len(report.rows)} tried in {report.seconds:.0f} s)",
        show_lines=True,
        expand=True,
    )
    table.add_column("row, promise", ratio=2)
    table.add_column("how tried, what was found", ratio=3)
    for column in ("count", "result", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in report.rows:
        cells = (
            f"{row.name}:\n{row.promise}",
            f"{row.tried}: {row.detail}",
            f"{row.count:,}",
            "holds" if row.holds else "FAILS",
        )
        table.add_row(*cells, f"{row.seconds:.0f}")
    results.print(table)
