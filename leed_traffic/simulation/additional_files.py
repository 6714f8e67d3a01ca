"""Additional and route files of other people: they may write outputs beside themselves, or draw in further files.

We read detectors ourselves and leave nothing in anybody's folder: every output that such a file asks for goes nowhere. A weekly
plan (WAUT) would change a signal's program under us: see `signal_programs`.
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.xml_file import UNREADABLE, open_plain_or_gzip, read_root
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.signal_programs import program_in_force

NOWHERE = "NUL"  # SUMO's name for it on every system
_WRITES = {  # element: its attribute that names an output
    "inductionLoop": "file", "e1Detector": "file", "instantInductionLoop": "file", "laneAreaDetector": "file",
    "e2Detector": "file", "entryExitDetector": "file", "e3Detector": "file", "edgeData": "file", "laneData": "file",
    "routeProbe": "file", "vTypeProbe": "file", "timedEvent": "dest", "calibrator": "output",
}  # fmt: skip
_READS = {"rerouter": "file", "variableSpeedSign": "file", "calibrator": "file"}  # further input beside itself
_INTERESTING = (*(tag.encode() for tag in _WRITES), b"include", b"WAUT")


@dataclass(frozen=True, slots=True, kw_only=True)
class StillPlans:
    """What becomes of weekly plans: the program in force at the begin stands, or none of theirs."""

    begin_s: float
    keeps: bool


def freestanding(path: Path, plans: StillPlans | None = None) -> bytes | None:
    """The file's content without outputs, what it includes put in its place; None where it is that already.

    Args:
        path: of the file.
        plans: how weekly plans stand still; None: they stay as they are.

    Raises:
        ScenarioError: it, or what it includes, cannot be read.
    """
    try:
        with open_plain_or_gzip(path) as stream:
            content = stream.read()
        if not any(b"<" + tag in content for tag in _INTERESTING):
            return None
        root = ET.fromstring(content)
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: not readable as XML ({err})") from err
    _silence(root, path.parent, (path.resolve(),))
    if plans is not None:
        _still(root, plans, path)
    return (ET.tostring(root, encoding="unicode") + "\n").encode()


def silenced(scenario: Scenario, folder: Path, *, has_programs: bool) -> Scenario:
    """The scenario with copies, in a folder, of those additional files that would write something or change programs.

    Args:
        scenario: whose files they are.
        folder: for the copies.
        has_programs: the run brings programs of its own for the signals, loaded after these files.
    """
    files = []
    plans = StillPlans(begin_s=scenario.begin_s, keeps=not has_programs)
    for k, path in enumerate(scenario.additional_files):
        content = freestanding(path, plans)
        if content is not None:
            path = folder / f"{k}.{path.name.removesuffix('.gz')}"
            path.write_bytes(content)
        files.append(path)
    return replace(scenario, additional_files=tuple(files))


def _still(root: ET.Element, plans: StillPlans, path: Path) -> None:
    for parent in list(root.iter()):
        for item in list(parent):
            if item.tag in ("WAUT", "wautJunction") and not plans.keeps:
                parent.remove(item)
            elif item.tag == "WAUT":
                item.set("startProg", program_in_force(path, item, plans.begin_s))
                item[:] = []


def _silence(parent: ET.Element, folder: Path, within: tuple[Path, ...] = ()) -> None:
    children: list[ET.Element] = []
    for item in parent:
        if item.tag == "include":
            children += _included((folder / item.get("href", "")).resolve(), within)
            continue
        if (output := _WRITES.get(item.tag)) and item.get(output):
            item.set(output, NOWHERE)
        if (source := _READS.get(item.tag)) and item.get(source):
            item.set(source, str((folder / item.get(source, "")).resolve()))
        _silence(item, folder, within)
        children.append(item)
    parent[:] = children


def _included(path: Path, within: tuple[Path, ...]) -> list[ET.Element]:
    """What stands in the place of an include: the file's elements, or its outermost one where that is none for others."""
    if path in within:
        raise ScenarioError(f"{path}: includes itself, directly or through others; take one <include> out")
    root = read_root(path)
    wrapper = ET.Element("included")
    wrapper.append(root)
    _silence(wrapper, path.parent, (*within, path))
    return [root] if root.get("id") or root.get("wautID") else list(root)
