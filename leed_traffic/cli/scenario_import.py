"""`leedctl scenario import`: anybody's network as a scenario that every other command takes."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.cli.terminal.output import messages, print_json
from leed_traffic.errors import UsageError

if TYPE_CHECKING:
    from leed_traffic.simulation.scenario.importing import ImportReport

SHOWN_WARNINGS = 3


def import_command(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A .sumocfg, a .net.xml or an .osm.xml, plain or .gz.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The scenario folder to make; it must not exist yet.")],
    routes: Annotated[
        list[Path] | None, typer.Option(help="A route, trip or flow file for a net or extract; repeatable.")
    ] = None,
    additional: Annotated[
        list[Path] | None, typer.Option(help="An additional file for a net or extract; repeatable.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Turning counts: begin_s,end_s,from_edge,to_edge,vehicles.")
    ] = None,
    begin: Annotated[float | None, typer.Option(help="First second; default: the source's own, else 0.")] = None,
    end: Annotated[
        float | None, typer.Option(help="Last second; default: the source's own, else an hour later.")
    ] = None,
    per_hour: Annotated[
        float | None,
        typer.Option(
            help="Invented vehicles per hour; default: what enters at the rim, at most what the signals carry."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of invented or sampled traffic.")] = 1,
    spread: Annotated[
        float,
        typer.Option(
            help="How much days differ: coefficient of variation of volumes; 0: every seed is the day as given."
        ),
    ] = 0.1,
    left_hand: Annotated[
        bool, typer.Option("--left-hand", help="The extract's country drives on the left.")
    ] = False,
    guess_signals: Annotated[
        bool, typer.Option("--guess-signals", help="Signals at large junctions, too, where the map has none.")
    ] = False,
    walkers: Annotated[
        bool, typer.Option("--walkers", help="Pavements and crossings, too, where the map draws none.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a scenario folder of a SUMO configuration, a net with its traffic, or an OpenStreetMap extract.

    Traffic: the source's own, --routes, or sampled from turning --counts. Where there is none it is invented
    (random trips), and every file and message says so. The source stays as it is. Exit code 2 if nothing can be
    made of it.

    Examples:
        leedctl scenario import city.sumocfg --out scenarios/city

        leedctl scenario import town.osm.xml.gz --out scenarios/town

        leedctl scenario import town.net.xml --counts counts.csv --out scenarios/town
    """
    from leed_traffic.simulation.scenario.importing import ImportConfig, import_scenario

    try:
        config = ImportConfig(
            source=source, out=out, routes=tuple(routes or ()), additional=tuple(additional or ()), counts=counts,
            begin_s=begin, end_s=end, per_hour=per_hour, seed=seed, spread=spread, drives_left=left_hand,
            guesses_signals=guess_signals, guesses_walkers=walkers,
        )  # fmt: skip
    except ValidationError as err:
        raise UsageError(first_fault(err)) from err
    with messages.status("importing ..."):
        report = import_scenario(config)
    if as_json:
        print_json(_document(report) | {"spread": spread})
        return
    print(
        f"{report.folder}: {len(report.network.intersections)} signals to control; {_traffic(report)}; {_days(spread)}"
    )
    if report.not_taken:
        messages.print(f"set in our own way: {', '.join(report.not_taken)}", markup=False, soft_wrap=True)
    if report.unsorted:
        messages.print(report.unsorted, markup=False, soft_wrap=True)
    if report.fitted is not None and report.fitted.sentence:
        messages.print(f"{report.fitted.sentence}; --per-hour decides otherwise", markup=False, soft_wrap=True)
    for name, sentence in (*report.network.left_alone, *report.network.notes):
        messages.print(f"{name}: {sentence}", markup=False, soft_wrap=True)
    for line in report.warnings[:SHOWN_WARNINGS]:
        messages.print(f"netconvert: {line}", markup=False, soft_wrap=True)
    if len(report.warnings) > SHOWN_WARNINGS:
        messages.print(
            f"netconvert: {len(report.warnings) - SHOWN_WARNINGS} more warnings; --json lists them", markup=False
        )


def _traffic(report: "ImportReport") -> str:
    if report.counted is not None:
        made = report.counted
        worst = f"; missed most: {made.worst}" if made.worst else ""
        return f"{made.vehicles} vehicles sampled, {made.counts_met} of {made.counts} counts met (GEH < 5){worst}"
    if report.vehicles is not None:
        return f"{report.vehicles} vehicles INVENTED (random trips, nobody measured them); give --routes or --counts for real ones"
    return "its own traffic"


def _days(spread: float) -> str:
    return f"a seed's volumes differ from it by {spread:.0%}" if spread else "every seed drives the same day"


def _document(report: "ImportReport") -> dict[str, Any]:
    counted = report.counted
    return {
        "folder": str(report.folder),
        "demand": str(report.demand),
        "vehicles": report.vehicles,
        "fitted": None if report.fitted is None else asdict(report.fitted),
        "counts": None
        if counted is None
        else {"total": counted.counts, "met": counted.counts_met, "worst": counted.worst},
        "signals": [intersection.id for intersection in report.network.intersections],
        "left_alone": [{"id": name, "reason": reason} for name, reason in report.network.left_alone],
        "notes": [{"id": name, "note": note} for name, note in report.network.notes],
        "unsorted": report.unsorted,
        "not_taken": list(report.not_taken),
        "warnings": list(report.warnings),
    }
