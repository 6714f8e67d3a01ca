"""`leedctl scenario`: scenarios that are known by name, how they are made, and whether they can be controlled."""

from pathlib import Path
from typing import Annotated

import typer

from leed_traffic.artifacts.recipe import RECIPE_NAME
from leed_traffic.artifacts.scenario import find_folder, list_scenarios, load_scenario, signal_ids
from leed_traffic.cli.detectors import detectors_command
from leed_traffic.cli.scenario_check import check_command
from leed_traffic.cli.scenario_import import import_command
from leed_traffic.cli.terminal.output import JsonOption, print_json, print_table
from leed_traffic.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Scenarios: a net, its demand and its hour.")
app.command("detectors")(detectors_command)
app.command("import")(import_command)
app.command("check")(check_command)


@app.command("list")
def list_command(
    as_json: JsonOption = False,
) -> None:
    """List the scenarios that are known by name.

    Any other network is used by the path of its .sumocfg.

    Examples:
        leedctl scenario list

        leedctl scenario list --json
    """
    from leed_traffic.simulation.demand.demand import draw_departures

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
    name: Annotated[
        str | None, typer.Argument(help="A scenario's name, or a folder with a scenario.toml.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of into the scenario's own folder.")] = None,
    grid: Annotated[
        str | None, typer.Option(help="Invent a city of ROWSxCOLUMNS signals, such as 14x14, in --out.")
    ] = None,
    irregular: Annotated[
        bool, typer.Option("--irregular", help="With --grid: bent streets, missing links.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="With --grid: another seed is another city.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Make a scenario's net and routes from its scenario.toml; with --grid, make the scenario.toml, too.

    The same recipe and the same SUMO version give the same bytes.

    Examples:
        leedctl scenario build arterial5

        leedctl scenario build scenarios/grid4x4 --out /tmp/grid4x4

        leedctl scenario build --grid 14x14 --out cities/grid14x14

        leedctl scenario build --grid 8x8 --irregular --seed 3 --out cities/irregular64
    """
    from leed_traffic.simulation.scenario.build import build_scenario

    folder = _new_city(grid, name, out, irregular, seed) if grid is not None else find_folder(_required(name))
    net_file, routes_file = build_scenario(folder, out or folder)
    if out is None or grid is not None:
        load_scenario(str(folder))
    if as_json:
        print_json({"name": folder.resolve().name, "net_file": str(net_file), "routes_file": str(routes_file)})
        return
    print_table(
        "Built", ["file", "kB"], [[str(f), f"{f.stat().st_size / 1000:.0f}"] for f in (net_file, routes_file)]
    )


def _new_city(grid: str, name: str | None, out: Path | None, irregular: bool, seed: int) -> Path:
    """Write a city's recipe into a folder that holds none yet."""
    from leed_traffic.artifacts.whole_file import write_whole
    from leed_traffic.simulation.scenario.city import city_recipe, parse_size

    if name is not None or out is None:
        raise UsageError("--grid makes a new scenario: it needs --out FOLDER and no name")
    recipe = city_recipe(*parse_size(grid), seed=seed, is_irregular=irregular)
    path = out / RECIPE_NAME
    if path.exists() and path.read_text(encoding="utf-8") != recipe:
        raise UsageError(f"{path}: holds another scenario; choose another --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, recipe)
    except OSError as err:
        raise UsageError(f"{path}: cannot be written: {err.strerror or err}") from err
    return out


def _required(name: str | None) -> str:
    if name is None:
        raise UsageError("give a scenario's name, or --grid ROWSxCOLUMNS with --out for a new one")
    return name
