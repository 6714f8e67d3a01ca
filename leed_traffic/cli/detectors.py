"""`leedctl scenario detectors`: detectors where an installer would put them, for SUMO and for their readers."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.sensing_file import BY_NAME, write_sensing_file
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, print_table
from leed_traffic.cli.terminal.signal_names import WITH_STREETS, name_signals
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones
from leed_traffic.domain.detectors.sensing import SensingKind
from leed_traffic.errors import UsageError

ADDITIONAL_ENDING = ".add.xml"
SENSING_ENDING = ".sensing.toml"


def detectors_command(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or the path of a .sumocfg.")
    ],
    out: Annotated[
        Path, typer.Option(help=f"SUMO's additional file, NAME{ADDITIONAL_ENDING}.", show_default=False)
    ],
    sensing: Annotated[
        Path | None, typer.Option(help=f"The sensing file; beside --out as NAME{SENSING_ENDING}.")
    ] = None,
    kind: Annotated[
        SensingKind, typer.Option(help="What the sensing file has read: camera or loops.")
    ] = SensingKind.CAMERA,
    reach: Annotated[float, typer.Option(min=10.0, max=200.0, help="Metres that a camera sees.")] = 80.0,
    as_json: JsonOption = False,
) -> None:
    """Place detectors on every lane of every signal: camera zones (E2), loops (E1) at and before the line.

    The ids are leed.zone.SIGNAL.LANE, leed.exit.SIGNAL.LANE, leed.stop.SIGNAL.LANE and leed.advance.SIGNAL.LANE.
    The additional file goes to SUMO, the sensing file to --sensing of evaluate, train, generate and serve; a
    person corrects it for the site.

    \b
    Examples:
      leedctl scenario detectors crossing --out crossing.add.xml
      leedctl scenario detectors path/to/city.sumocfg --kind loops --out city.add.xml --sensing city.sensing.toml
      leedctl evaluate crossing --controllers max-wave --sensing crossing.sensing.toml --seeds 3

    Exit codes: 0 written, 2 unusable scenario or option, 4 a file cannot be written there.
    """
    from leed_traffic.simulation.network.network_import import import_network
    from leed_traffic.simulation.scenario.places import read_places
    from leed_traffic.simulation.sumo.detector_file import render_additional

    if kind is SensingKind.IDEAL:
        raise UsageError("--kind ideal: reads no detectors; choose camera or loops")
    if sensing is None:
        sensing = out.with_name(out.name.removesuffix(".xml").removesuffix(".add") + SENSING_ENDING)
    loaded = load_scenario(scenario)
    network = import_network(loaded.net_file, loaded.additional_files, begin_s=loaded.begin_s)
    placed = tuple(d for i in network.intersections for d in (*place_zones(i, reach), *place_loops(i)))
    try:
        write_whole(out, render_additional(placed))
    except OSError as err:
        raise UsageError(f"--out {out}: cannot be written ({err.strerror}); choose another place") from err
    reach_m = reach if kind is SensingKind.CAMERA else BY_NAME[kind].reach_m
    write_sensing_file(sensing, replace(BY_NAME[kind], reach_m=reach_m, detectors=placed))
    messages.print(f"{out}, {sensing}: review where they lie before a site is equipped so", markup=False)
    counts = Counter((d.signal, d.kind) for d in placed)
    signals = [{"signal": i.id, **{k.value: counts[i.id, k] for k in DetectorKind}} for i in network.intersections]
    if as_json:
        print_json({"scenario": loaded.name, "additional": str(out), "sensing": str(sensing), "signals": signals})
        return
    names = name_signals(
        (i.id for i in network.intersections), read_places(loaded.net_file, network.intersections)
    )
    columns = [*names.columns(), "zones", "exits", "stop loops", "advance loops"]
    rows = [[*names.cells(i.id), *(str(counts[i.id, k]) for k in DetectorKind)] for i in network.intersections]
    print_table(f"Detectors of {loaded.name}", columns, rows, least_width=WITH_STREETS)
