"""A copy of a scenario whose signal programs have what they lack: `leedctl scenario check --fix`."""

import gzip
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from leed_traffic.artifacts.imported import (
    DemandOrigin,
    ImportedScenario,
    ImportRecord,
    read_imported,
    render_imported,
)
from leed_traffic.artifacts.recipe import NET_NAME, RECIPE_NAME
from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.sumo.time import clock_seconds
from leed_traffic.artifacts.xml_file import read_root
from leed_traffic.domain.network import Intersection, Network
from leed_traffic.errors import UsageError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.network.program_faults import CorrectedPhase, correct_program
from leed_traffic.simulation.network.signal_programs import NAMELESS
from leed_traffic.simulation.scenario.importing import copy_files, make_folder


def write_corrected(scenario: Scenario, network: Network, out: Path, seed: int) -> tuple[str, ...]:
    """Make a scenario folder of the corrected copy; the source stays as it is.

    Args:
        scenario: to copy; of one of our own the seed's day is kept, of another the given day and how much days
            differ.
        network: its signals.
        out: the folder to make.
        seed: of the day.

    Returns:
        Each correction, and each fault left as it is, in a sentence.

    Raises:
        UsageError: the folder is there already, or nothing needs a correction.
        ScenarioError: a file cannot be copied.
    """
    faulty = [i for i in network.intersections if correct_program(i)[1]]
    if not faulty:
        raise UsageError(f"--fix {out}: no signal of {scenario.name} lacks anything; nothing was written")
    sentences: list[str] = []
    with make_folder(out) as folder, tempfile.TemporaryDirectory(prefix="leed-day-") as day:
        route_files = scenario.route_files or write_demand(scenario, seed, Path(day))
        routes = copy_files(route_files, folder)
        additional = copy_files(scenario.additional_files, folder)
        root = read_root(scenario.net_file)
        trees = {name: read_root(folder / name) for name in additional}
        for intersection in faulty:
            sentences += _correct(intersection, [*reversed(trees.values()), root])
        _write(folder / NET_NAME, root)
        for name, tree in trees.items():
            _write(folder / name, tree)
        _write_recipe(scenario, folder, routes, additional)
    return tuple(sentences)


def _correct(intersection: Intersection, trees: list[ET.Element]) -> list[str]:
    """Put the corrected phases into the last file that holds the program in force."""
    phases, faults = correct_program(intersection)
    logic = next((found for tree in trees if (found := _find(tree, intersection)) is not None), None)
    reason = "its program was not found in a file" if logic is None else _hindrance(logic)
    if logic is None or reason:
        return [f"{intersection.id}: left as it is ({reason}): {fault.sentence}" for fault in faults]
    _rewrite(logic, phases)
    return [f"{intersection.id}: {fault.kind} corrected: {fault.sentence}" for fault in faults]


def _find(tree: ET.Element, intersection: Intersection) -> ET.Element | None:
    for logic in tree.iter("tlLogic"):
        if (logic.get("id"), logic.get("programID", NAMELESS)) == (
            intersection.id,
            intersection.own_program_id,
        ) and len(logic):
            return logic
    return None


def _hindrance(logic: ET.Element) -> str:
    """Reason why a program cannot be corrected by putting phases in."""
    if logic.get("type") == "NEMA":
        return "a NEMA program keeps its clearances in attributes of each ring"
    if any(phase.get("next") for phase in logic.iter("phase")):
        return "its phases name the ones that follow"
    return ""


def _rewrite(logic: ET.Element, phases: tuple[CorrectedPhase, ...]) -> None:
    own = list(logic.iter("phase"))
    others = [item for item in logic if item.tag != "phase"]
    rows = []
    for phase in phases:
        row = ET.Element("phase", dict(own[phase.source].attrib) if phase.source is not None else {})
        if (
            phase.source is None
            or row.get("state") != phase.state
            or clock_seconds(row.get("duration", "0")) != phase.duration_s
        ):
            row.set("duration", f"{phase.duration_s:g}")
            row.set("state", phase.state)
            if "y" in phase.state and row.get("minDur"):
                row.set("minDur", f"{phase.duration_s:g}")
                row.set("maxDur", f"{phase.duration_s:g}")
        rows.append(row)
    logic[:] = [*rows, *others]


def _write(path: Path, root: ET.Element) -> None:
    content = (ET.tostring(root, encoding="unicode") + "\n").encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _write_recipe(scenario: Scenario, folder: Path, routes: tuple[str, ...], additional: tuple[str, ...]) -> None:
    imported = read_imported(scenario.net_file.parent)
    demand = (
        imported.imported.demand
        if imported and scenario.net_file.name == imported.imported.net
        else DemandOrigin.GIVEN
    )
    record = ImportRecord(
        source=scenario.name,
        demand=demand,
        net=NET_NAME,
        routes=routes,
        additional=additional,
        options=scenario.options,
        fitted=imported.imported.fitted if demand is DemandOrigin.INVENTED and imported else "",
        spread=scenario.spread,
    )
    copy = ImportedScenario(
        title=f"Corrected copy of {scenario.name}",
        begin_s=scenario.begin_s,
        end_s=scenario.end_s,
        step_length_s=scenario.step_length_s,
        imported=record,
    )
    (folder / RECIPE_NAME).write_text(render_imported(copy), encoding="utf-8")
