"""The files of a scenario as SUMO gets them: harmless, with signal programs that stand still, under names that it can read.

A weekly plan (WAUT) would change a signal's program under us: see `signal_programs`. SUMO parts lists of files at
commas and puts variables in for `${NAME}`: a file whose path has such a character is linked under a plain name.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.sumo.inputs import SumoInputs
from leed_traffic.artifacts.sumo.weekly_plan import program_in_force
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo.foreign_file import as_bytes, freestanding, may_stay

_PLAIN_PATH = re.compile(r"[\w./+@~=() -]+")
_OUTPUT_PATH = re.compile(r"[^,$:\r\n]+")  # SUMO opens a connection where an output's name has a colon


@dataclass(frozen=True, slots=True, kw_only=True)
class StillPlans:
    """Fates of weekly plans: the program in force at the begin stands, or none of theirs."""

    begin_s: float
    keeps: bool


def silenced(
    scenario: SumoInputs,
    route_files: Sequence[Path],
    folder: Path,
    *,
    has_programs: bool,
    plans_switch: bool = False,
) -> tuple[SumoInputs, tuple[Path, ...]]:
    """The scenario and its route files, with copies in a folder of what would write something or change programs.

    Args:
        scenario: whose net and additional files they are.
        route_files: the demand.
        folder: for the copies.
        has_programs: the run brings programs of its own for the signals, loaded after these files.
        plans_switch: weekly plans do what they do in the street: nobody else leads the signals.

    Raises:
        ScenarioError: a file cannot be read, or the folder has a name that SUMO cannot read files under.
    """
    plans = None if plans_switch else StillPlans(begin_s=scenario.begin_s, keeps=not has_programs)
    net = quiet(scenario.net_file, folder / "net.net.xml", plans)
    additional = [quiet(path, folder / f"{k}.add.xml", plans) for k, path in enumerate(scenario.additional_files)]
    routes = [quiet(path, folder / f"{k}.rou.xml") for k, path in enumerate(route_files)]
    return replace(scenario, net_file=net, additional_files=tuple(additional)), tuple(routes)


def readable_path(path: Path, link: Path) -> Path:
    """The path, or a link to it where SUMO or one of its tools would misread the path.

    Raises:
        ScenarioError: the link's own folder has such a name.
    """
    if _PLAIN_PATH.fullmatch(str(path)):
        return path
    if not _PLAIN_PATH.fullmatch(str(link)):
        raise ScenarioError(
            f"{link.parent}: SUMO cannot read files in a folder of this name; set TMPDIR to a plain one"
        )
    link.symlink_to(path.resolve())
    return link


def check_own_folder(folder: Path) -> None:
    """Refuse a folder for our own files of a run whose name SUMO takes for something else than a place.

    Raises:
        ScenarioError: its path has a comma, a colon, a dollar sign or a line break.
    """
    if not _OUTPUT_PATH.fullmatch(str(folder)):
        odd = "a comma, a colon, a dollar sign or a line break"
        raise ScenarioError(
            f"{str(folder)!r}: SUMO cannot use a folder whose path has {odd}; choose another (TMPDIR)"
        )


def quiet(path: Path, copy: Path, plans: StillPlans | None = None) -> Path:
    """The file under a name that SUMO can read, or a copy of it that writes nothing and draws nothing in.

    Args:
        path: of the file.
        copy: where a copy or a link may lie.
        plans: how weekly plans stand still; None: they stay as they are.

    Raises:
        ScenarioError: it cannot be read, or the copy's folder has a name that SUMO cannot read files under.
    """
    if may_stay(path):
        return readable_path(path, copy)
    root = freestanding(path)
    if plans is not None:
        _still(root, plans, path)
    copy.write_bytes(as_bytes(root))
    return readable_path(copy, copy)


def _still(root: ET.Element, plans: StillPlans, path: Path) -> None:
    for parent in list(root.iter()):
        for item in list(parent):
            if item.tag in ("WAUT", "wautJunction") and not plans.keeps:
                parent.remove(item)
            elif item.tag == "WAUT":
                item.set("startProg", program_in_force(path, item, plans.begin_s))
                item[:] = []
