"""An OpenStreetMap extract made into a SUMO net by netconvert, with the options that its signals need."""

import contextlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.scenario.osm_crossings import street_kinds, without_stray_crossings
from leed_traffic.simulation.sumo.additional_files import readable_path
from leed_traffic.simulation.sumo.tools import ToolKilledError, run_tool, sumo_home

SHOWN = 3  # nodes named in a message
ALL_RED_S = 2  # s, netconvert has none of its own accord
TYPEMAPS = (
    "osmNetconvert.typ.xml",
    "osmNetconvertUrbanDe.typ.xml",
)  # speeds and lanes of streets that the map leaves open
_WALKERS_TYPEMAP = "osmNetconvertPedestrians.typ.xml"
_COMMENT = re.compile(rb"<!--.*?-->\s*", re.DOTALL)
_OPTIONS = (
    # streets: bends are no junctions, lanes turn where the map says, what leads nowhere is left out
    "--geometry.remove", "--ramps.guess", "--roundabouts.guess", "--osm.turn-lanes", "--osm.lane-access",
    "--remove-edges.isolated", "--no-turnarounds.except-deadend", "--output.street-names",
    # signals: the map's nodes on the arms of a junction are one signal, and a junction of several nodes is one,
    # too
    "--junctions.join", "--tls.guess-signals", "--tls.discard-simple", "--tls.join", "--tls.default-type=static",
    f"--tls.allred.time={ALL_RED_S}",
    "--xml-validation=never", "--no-warnings=false", "--seed=1",
)  # fmt: skip
_CROSSINGS = "--osm.crossings"


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmOptions:
    """Facts that the map itself does not state."""

    drives_left: bool = False  # left-hand traffic
    guesses_signals: bool = False  # give signals to large junctions that the map has none at
    guesses_walkers: bool = False  # pavements and crossings where the map draws none


def build_net_from_osm(osm_file: Path, net_file: Path, options: OsmOptions) -> tuple[str, ...]:
    """Convert an extract; return the warnings, each a line.

    Crossings that netconvert cannot bear are left out, and a warning says so. The same extract and SUMO version
    give the same bytes: netconvert's comment, which holds a date, is left out.

    Raises:
        ScenarioError: SUMO is missing, or netconvert finds no streets in the extract.
    """
    typemaps = [*TYPEMAPS, *([_WALKERS_TYPEMAP] if options.guesses_walkers else [])]
    map_files = [sumo_home() / "data" / "typemap" / name for name in typemaps]
    wanted = [f"--type-files={','.join(map(str, map_files))}", "--output-file=net.xml", *_OPTIONS]
    wanted += ["--lefthand"] if options.drives_left else []
    wanted += ["--tls.guess"] if options.guesses_signals else []
    wanted += (
        ["--sidewalks.guess", "--crossings.guess"] if options.guesses_walkers else ["--osm.sidewalks", _CROSSINGS]
    )
    with tempfile.TemporaryDirectory(prefix="leed-osm-") as name:
        folder = Path(name)
        try:
            source = readable_path(osm_file.absolute(), folder / "extract.osm.xml")
            said = _convert(source, wanted, map_files, folder)
        except ScenarioError as err:
            raise ScenarioError(f"{osm_file}: no net can be made of this extract: {err}") from err
        write_whole(net_file, _COMMENT.sub(b"", (folder / "net.xml").read_bytes(), count=1))
    return said


def _convert(source: Path, wanted: list[str], map_files: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """Run netconvert, and again with less where it crashes on the map's crossings; return its warnings and ours."""
    try:
        return _warnings(run_tool("netconvert", [f"--osm-files={source}", *wanted], folder))
    except ToolKilledError:
        if _CROSSINGS not in wanted:
            raise
    # SUMO 1.28 dies of SIGSEGV on a crossing node that lies on none of the streets that it converts
    kept = folder / "kept.osm.xml"
    left_out = without_stray_crossings(source, kept, street_kinds(map_files))
    if left_out:
        named = ", ".join(left_out[:SHOWN]) + (", ..." if len(left_out) > SHOWN else "")
        told = f"crossings left out that lie on no street, for netconvert crashes on them: {len(left_out)} (node {named})"
        with contextlib.suppress(ToolKilledError):
            return (told, *_warnings(run_tool("netconvert", [f"--osm-files={kept}", *wanted], folder)))
    told = "the map's crossings are left out, for netconvert crashes on them; --walkers guesses crossings"
    fewer = [option for option in wanted if option != _CROSSINGS]
    return (told, *_warnings(run_tool("netconvert", [f"--osm-files={source}", *fewer], folder)))


def _warnings(said: str) -> tuple[str, ...]:
    return tuple(
        line.removeprefix("Warning:").strip() for line in said.splitlines() if line.startswith("Warning:")
    )
