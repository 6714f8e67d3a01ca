"""`leedctl scenario`: the scenarios that are known by name, how they are made, and whether a network can be controlled."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leed_traffic.artifacts.scenario import find_folder, list_scenarios, load_scenario, signal_ids
from leed_traffic.cli.detectors import detectors_command
from leed_traffic.cli.output import messages, print_json, print_table
from leed_traffic.cli.scenario_import import import_command

if TYPE_CHECKING:
    from leed_traffic.artifacts.scenario import Scenario
    from leed_traffic.domain.network import Intersection

CHECK_S = 300.0  # s of the scenario that a check simulates: SUMO reads demand as it goes

app = typer.Typer(no_args_is_help=True, help="Scenarios: a net, its demand and its hour.")
app.command("detectors")(detectors_command)
app.command("import")(import_command)


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


@app.command("check")
def check_command(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or the path of a .sumocfg.")],
    seed: Annotated[int, typer.Option(help="Of the demand and the drivers that are tried.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say which signals of a scenario can be controlled, which are left alone and why, and let SUMO try its first minutes.

    Exit code 2 if a file is missing or broken, no signal can be controlled, or SUMO refuses the demand.

    Examples:
        leedctl scenario check arterial5

        leedctl scenario check path/to/city.sumocfg --json
    """
    from leed_traffic.simulation.network_import import import_network

    loaded = load_scenario(scenario)
    network = import_network(loaded.net_file, loaded.additional_files, begin_s=loaded.begin_s)
    until_s = _try_out(loaded, seed)
    signals = [_summary(intersection) for intersection in network.intersections]
    if as_json:
        print_json(
            {
                "scenario": loaded.name,
                "net_file": str(loaded.net_file),
                "begin_s": loaded.begin_s,
                "end_s": loaded.end_s,
                "simulated_until_s": until_s,
                "network_digest": network.digest(),
                "signals": signals,
                "left_alone": [{"id": name, "reason": reason} for name, reason in network.left_alone],
                "notes": [{"id": name, "note": note} for name, note in network.notes],
            }
        )
        return
    keys = ["id", "n_stages", "n_lanes", "n_movements", "n_crossings", "program", "neighbours"]
    rows = [[" ".join(item[key]) if key == "neighbours" else str(item[key]) for key in keys] for item in signals]
    columns = ["signal", "stages", "lanes", "movements", "crossings", "own program", "fed by"]
    print_table(f"{loaded.name}: {len(signals)} signals to control, {len(network.left_alone)} left alone", columns, rows)
    for name, sentence in (*network.left_alone, *network.notes):
        messages.print(f"{name}: {sentence}", markup=False)
    messages.print(f"SUMO runs it (tried from {loaded.begin_s:g} to {until_s:g} s with seed {seed})", markup=False)


def _try_out(scenario: "Scenario", seed: int) -> float:
    """Simulate the first minutes; return when it stopped, in seconds."""
    from leed_traffic.simulation.demand import write_demand
    from leed_traffic.simulation.engine import Engine

    until_s = min(scenario.begin_s + CHECK_S, scenario.end_s)
    engine = Engine()
    with tempfile.TemporaryDirectory(prefix="leed-check-") as folder:
        try:
            engine.start(scenario, seed=seed, route_files=write_demand(scenario, seed, Path(folder)))
            engine.advance(until_s)
        finally:
            engine.close()
    return until_s


def _summary(intersection: "Intersection") -> dict[str, Any]:
    return {
        "id": intersection.id,
        "n_stages": intersection.n_stages,
        "n_lanes": intersection.n_lanes,
        "n_movements": len(intersection.vehicle_movements),
        "n_crossings": len(intersection.pedestrian_links),
        "program": f"{intersection.own_program_id} ({intersection.own_program_type})",
        "stages": [stage.state for stage in intersection.stages],
        "neighbours": [neighbour.id for neighbour in intersection.neighbours],
    }
