"""`leedctl scenario check`: a page about a network, for an engineer, before anything is trained on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.cli.terminal.neutral import NeutralConsole, visible
from leed_traffic.cli.terminal.output import STREETS, JsonOption, messages, print_json, results
from leed_traffic.cli.terminal.signal_names import SignalNames, name_signals
from leed_traffic.domain.short_ids import fold

if TYPE_CHECKING:
    from leed_traffic.simulation.scenario.check import ScenarioCheck, SignalCheck

TABLE_WIDTH = 150  # a squeezed table cannot be read: a narrow terminal wraps it, a pipe gets it as it is
SHOWN_FAULTS = 4  # of each signal; --json lists them all


def check_command(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario's name, folder, or the path of a .sumocfg.")
    ],
    seed: Annotated[int, typer.Option(help="Of the demand and the drivers that are tried.")] = 1,
    fix: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a corrected copy there: clearances put in, conflicts demoted."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what can be controlled in a network, what its programs lack, and whether they can carry the demand.

    Stages, conflicts, missing clearances, detectors to be placed, Webster's Y of each signal, vehicles that can
    never depart; then SUMO tries the first five minutes. Exit code 2 if a file is missing or broken, no signal can
    be controlled, or SUMO refuses it.

    Examples:
        leedctl scenario check arterial5

        leedctl scenario check path/to/city.sumocfg --json

        leedctl scenario check path/to/city.sumocfg --fix city-corrected
    """
    from leed_traffic.simulation.scenario.check import check_scenario, try_out

    loaded = load_scenario(scenario)
    with messages.status("reading the network and its demand ..."):
        document, network = check_scenario(loaded, seed)
    if not as_json:
        _print_page(document)
    if fix is not None:
        from leed_traffic.simulation.scenario.corrected_copy import write_corrected

        fixes = write_corrected(loaded, network, fix, seed)
        document = document.model_copy(update={"fixes": fixes, "fixed_copy": str(fix)})
        if not as_json:
            for sentence in fixes:
                print(sentence)
            print(f"{fix}: a corrected copy; {scenario} is unchanged")
    with messages.status("SUMO tries the first minutes ..."):
        until_s = try_out(loaded, seed)
    if as_json:
        print_json(document.model_copy(update={"simulated_until_s": until_s}))
    else:
        messages.print(f"SUMO runs it (tried from {loaded.begin_s:g} to {until_s:g} s with seed {seed})")
        messages.print(
            f"compare what hangs there: leedctl evaluate {scenario} --controllers as-is,fixed,max-wave",
            soft_wrap=True,
        )


def _print_page(document: "ScenarioCheck") -> None:
    signals = document.signals
    title = f"{document.scenario}: {len(signals)} signals to control, {len(document.left_alone)} left alone"
    others = [*(left.id for left in document.left_alone), *(note.id for note in document.notes)]
    fed_by = [name for signal in signals for name in signal.neighbours]
    streets = {signal.id: signal.streets for signal in signals if signal.streets}
    names = name_signals([*(signal.id for signal in signals), *others, *fed_by], streets)
    columns = [
        *names.columns(),
        "stages",
        "lanes",
        "links",
        "crossings",
        "conflicts",
        "own program",
        "missing",
        "fed by",
    ]
    _print_table(title, columns, [_row(signal, names) for signal in signals])
    columns = [
        *names.columns(),
        "busiest from s",
        "veh/h",
        "Y",
        "can carry",
        "lost s",
        "Webster's cycle s",
        "demand is",
    ]
    _print_table(
        "Demand against capacity (derived limits, cycle up to 120 s)",
        columns,
        [_load_row(s, names) for s in signals],
    )
    kinds = list(signals[0].detectors)
    rows = [[*names.cells(signal.id), *(str(signal.detectors[kind]) for kind in kinds)] for signal in signals]
    _print_table("Detectors to place (leedctl scenario detectors)", [*names.columns(), *kinds], rows)
    for signal in signals:
        for fault in signal.missing[:SHOWN_FAULTS]:
            print(f"{names.short[signal.id]}: {fault.sentence}")
        if len(signal.missing) > SHOWN_FAULTS:
            print(
                f"{names.short[signal.id]}: {len(signal.missing) - SHOWN_FAULTS} more like these; --json lists "
                "them"
            )
    for left in document.left_alone:
        print(f"{names.short[left.id]}: left alone: {left.reason}")
    for note in document.notes:
        print(f"{names.short[note.id]}: {note.note}")
    if document.not_taken:
        print(f"set in our own way: {', '.join(document.not_taken)}")
    for stranded in document.never_depart:
        plural = "vehicles" if stranded.vehicles > 1 else "vehicle"
        more = ", ..." if stranded.vehicles > len(stranded.examples) else ""
        print(
            f"{stranded.vehicles} {plural} can never depart: {stranded.reason} "
            f"({', '.join(stranded.examples)}{more})"
        )


def _print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for k, column in enumerate(columns):
        is_text = k == 0 or column == STREETS
        table.add_column(column, justify="left" if is_text else "right", no_wrap=is_text)
    for row in rows:
        table.add_row(*(visible(cell, in_one_line=True) for cell in row))
    NeutralConsole(width=max(TABLE_WIDTH, results.width)).print(table)


def _row(signal: "SignalCheck", names: SignalNames) -> list[str]:
    counts = (signal.n_stages, signal.n_lanes, signal.n_movements, signal.n_crossings, signal.n_conflicts)
    fed_by = " ".join(names.short[name] for name in signal.neighbours)
    return [*names.cells(signal.id), *map(str, counts), fold(signal.program), str(len(signal.missing)), fed_by]


def _load_row(signal: "SignalCheck", names: SignalNames) -> list[str]:
    load = signal.load
    figures = [f"{load.from_s:g}", f"{load.flow_vehph:.0f}", f"{load.y:.2f}", f"{load.y_max:.2f}"]
    return [*names.cells(signal.id), *figures, f"{load.lost_s:g}", f"{load.cycle_s:g}", load.verdict]
