"""An OpenStreetMap extract made into a SUMO net by netconvert, with the options that its signals need."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo_tools import run_tool, sumo_home

ALL_RED_S = 2  # s, netconvert has none of its own accord
TYPEMAPS = ("osmNetconvert.typ.xml", "osmNetconvertUrbanDe.typ.xml")  # speeds and lanes of streets that the map leaves open
_WALKERS_TYPEMAP = "osmNetconvertPedestrians.typ.xml"
_COMMENT = re.compile(rb"<!--.*?-->\s*", re.DOTALL)
_OPTIONS = (
    # streets: bends are no junctions, lanes turn where the map says, what leads nowhere is left out
    "--geometry.remove", "--ramps.guess", "--roundabouts.guess", "--osm.turn-lanes", "--osm.lane-access",
    "--remove-edges.isolated", "--no-turnarounds.except-deadend", "--output.street-names",
    # signals: the map's nodes on the arms of a junction are one signal, and a junction of several nodes is one, too
    "--junctions.join", "--tls.guess-signals", "--tls.discard-simple", "--tls.join", "--tls.default-type=static",
    f"--tls.allred.time={ALL_RED_S}",
    "--xml-validation=never", "--no-warnings=false", "--seed=1",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmOptions:
    """What the map itself does not say."""

    drives_left: bool = False  # left-hand traffic
    guesses_signals: bool = False  # give signals to large junctions that the map has none at
    guesses_walkers: bool = False  # pavements and crossings where the map draws none


def build_net_from_osm(osm_file: Path, net_file: Path, options: OsmOptions) -> tuple[str, ...]:
    """Convert an extract; return netconvert's warnings, each a line.

    The same extract and SUMO version give the same bytes: netconvert's comment, which holds a date, is left out.

    Raises:
        ScenarioError: SUMO is missing, or netconvert finds no streets in the extract.
    """
    typemaps = [*TYPEMAPS, *([_WALKERS_TYPEMAP] if options.guesses_walkers else [])]
    maps = ",".join(str(sumo_home() / "data" / "typemap" / name) for name in typemaps)
    wanted = [f"--osm-files={osm_file.resolve()}", f"--type-files={maps}", "--output-file=net.xml", *_OPTIONS]
    wanted += ["--lefthand"] if options.drives_left else []
    wanted += ["--tls.guess"] if options.guesses_signals else []
    wanted += ["--sidewalks.guess", "--crossings.guess"] if options.guesses_walkers else ["--osm.sidewalks", "--osm.crossings"]
    with tempfile.TemporaryDirectory(prefix="leed-osm-") as folder:
        try:
            said = run_tool("netconvert", wanted, Path(folder))
        except ScenarioError as err:
            raise ScenarioError(f"{osm_file}: no net can be made of this extract: {err}") from err
        write_whole(net_file, _COMMENT.sub(b"", (Path(folder) / "net.xml").read_bytes(), count=1))
    return tuple(line.removeprefix("Warning:").strip() for line in said.splitlines() if line.startswith("Warning:"))
