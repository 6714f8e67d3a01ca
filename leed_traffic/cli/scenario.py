"""`leedctl scenario`: the scenarios that are known by name, how they are made, and whether a network can be controlled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.artifacts.scenario import find_folder, list_scenarios, load_scenario, signal_ids
from leed_traffic.cli.detectors import detectors_command
from leed_traffic.cli.output import print_json, print_table
from leed_traffic.cli.scenario_check import check_command
from leed_traffic.cli.scenario_import import import_command

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Scenarios: a net, its demand and its hour.")
app.command("detectors")(detectors_command)
app.command("import")(import_command)
app.command("check")(check_command)


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the scenarios that are known by name.

    Any other network is used by the path of its .sumocfg.

    Examples:
        leedctl scenario list

        leedctl scenario list --json
    """
    from leed_traffic.simulation.demand import draw_departures

    entries = []
    for scenario in list_scenarios():
        departures = draw_departures(scenario, seed=1)
        n_pedestrians = sum(departure.kind == "pedestrian" for departure in departures)
        entries.append(
            {
                "name": scenario.name,
                "n_signals": len(signal_ids(scenario)),
                "begin_s": scenario.begin_s,
                "end_s": scenario.end_s,
                "n_vehicles": len(departures) - n_pedestrians,
                "n_pedestrians": n_pedestrians,
                "net_file": str(scenario.net_file),
            }
        )
    if as_json:
        print_json(entries)
        return
    columns = ["name", "signals", "from s", "to s", "vehicles (seed 1)", "pedestrians (seed 1)"]
    keys = ["name", "n_signals", "begin_s", "end_s", "n_vehicles", "n_pedestrians"]
    rows = [[f"{entry[key]:.0f}" if key.endswith("_s") else str(entry[key]) for key in keys] for entry in entries]
    print_table("Scenarios", columns, rows)


@app.command("build")
def build_command(
    name: Annotated[str, typer.Argument(help="A scenario's name, or a folder with a scenario.toml.")],
    out: Annotated[Path | None, typer.Option(help="Write here instead of into the scenario's own folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Make a scenario's net and routes from its scenario.toml, with SUMO's tools.

    The same recipe and the same SUMO version give the same bytes.

    Examples:
        leedctl scenario build arterial5

        leedctl scenario build scenarios/grid4x4 --out /tmp/grid4x4
    """
    from leed_traffic.simulation.scenario_build import build_scenario

    folder = find_folder(name)
    net_file, routes_file = build_scenario(folder, out or folder)
    if out is None:
        load_scenario(str(folder))
    if as_json:
        print_json({"name": folder.resolve().name, "net_file": str(net_file), "routes_file": str(routes_file)})
        return
    print_table("Built", ["file", "kB"], [[str(f), f"{f.stat().st_size / 1000:.0f}"] for f in (net_file, routes_file)])
