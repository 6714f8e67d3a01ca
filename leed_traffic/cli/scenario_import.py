"""`leedctl scenario import`: anybody's network as a scenario that every other command takes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json
from leed_traffic.simulation.scenario.config import ImportConfig

if TYPE_CHECKING:
    from leed_traffic.simulation.scenario.importing import ImportReport

SHOWN_WARNINGS = 3


@takes(
    ImportConfig,
    arguments=("source",),
    names={"drives_left": "left-hand", "guesses_signals": "guess-signals", "guesses_walkers": "walkers"},
)
def import_command(given: Given[ImportConfig], as_json: JsonOption = False) -> None:
    """Make a scenario folder of a SUMO configuration, a net with its traffic, or an OpenStreetMap extract.

    Traffic: the source's own, --routes, or sampled from turning --counts. Where there is none it is invented
    (random trips), and every file and message says so. The source stays as it is. Exit code 2 if nothing can be
    made of it.

    Examples:
        leedctl scenario import city.sumocfg --out scenarios/city

        leedctl scenario import town.osm.xml.gz --out scenarios/town

        leedctl scenario import town.net.xml --counts counts.csv --out scenarios/town
    """
    from leed_traffic.simulation.scenario.importing import import_scenario

    config = given.build()
    spread = config.spread
    with messages.status("importing ..."):
        report = import_scenario(config)
    if as_json:
        print_json(_document(report) | {"spread": spread})
        return
    print(
        f"{report.folder}: {len(report.network.intersections)} signals to control; {_traffic(report)}; "
        f"{_days(spread)}"
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
        return (
            f"{report.vehicles} vehicles INVENTED (random trips, nobody measured them); give --routes or "
            "--counts for real ones"
        )
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
