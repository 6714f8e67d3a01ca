"""A scenario folder made of what people have: a `.sumocfg`, a net with routes or counts, or an OpenStreetMap extract.

The folder holds copies and needs nothing from elsewhere. It is there as a whole or not at all.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from leed_traffic.artifacts.home import expanded
from leed_traffic.artifacts.imported import DemandOrigin, ImportedScenario, ImportRecord, render_imported
from leed_traffic.artifacts.recipe import NET_NAME, RECIPE_NAME
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.sumo.config import DEFAULT_HOUR_S, read_sumo_config
from leed_traffic.artifacts.xml_file import check_readable, root_tag
from leed_traffic.domain.network import Network
from leed_traffic.errors import ScenarioError, UsageError
from leed_traffic.simulation.demand.route_order import left_out
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.network.streets import read_streets
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.counted_demand import COUNTED_NAME, CountedDemand, read_counts, sample_demand
from leed_traffic.simulation.scenario.fitted_demand import Fitted, fit_to_net
from leed_traffic.simulation.scenario.invented_demand import INVENTED_NAME, Trips, invent_demand
from leed_traffic.simulation.scenario.osm_net import OsmOptions, build_net_from_osm
from leed_traffic.simulation.sumo.foreign_file import as_bytes, freestanding, may_stay

_OWN_NAMES = (NET_NAME, RECIPE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Report of what was made."""

    folder: Path
    demand: DemandOrigin
    vehicles: int | None  # of invented or counted traffic
    counted: CountedDemand | None
    fitted: Fitted | None  # of invented traffic whose volume nobody asked for
    network: Network
    warnings: tuple[str, ...]  # netconvert's
    unsorted: str = ""  # whom SUMO leaves out of the given routes, in a sentence
    not_taken: tuple[str, ...] = ()  # options of a configuration that every run of ours sets in its own way


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Parts that lie in the folder so far."""

    net: str
    routes: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    begin_s: float = 0.0
    end_s: float | None = None  # None: the source names none
    step_length_s: float = 1.0
    warnings: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


def import_scenario(config: ImportConfig) -> ImportReport:
    """Make the folder.

    Raises:
        ScenarioError: the source is missing or broken, has no signal to control, or SUMO's tools refuse it.
        UsageError: the folder is there already, or two options exclude each other.
    """
    if config.counts is not None and config.routes:
        raise UsageError("--counts and --routes: traffic comes from one of them; leave one out")
    with make_folder(config.out) as folder:
        report = _fill(config, folder)
    return replace(report, folder=config.out)


@contextmanager
def make_folder(out: Path) -> Iterator[Path]:
    """A folder to fill that takes its place when it is complete, and leaves nothing behind if it is not.

    Raises:
        UsageError: it is there already, or cannot be written.
        ScenarioError: a file that is to go into it cannot be read.
    """
    place = expanded(out).resolve()
    try:
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise UsageError(f"{out}: exists and is not empty; choose another folder or remove it")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as name:
            folder = Path(name) / place.name
            folder.mkdir()
            with _sources_named(folder):
                yield folder
            if place.exists():
                place.rmdir()
            folder.rename(place)
    except OSError as err:
        raise UsageError(f"{out}: cannot be written ({err.strerror or err}); choose another folder") from err


@contextmanager
def _sources_named(folder: Path) -> Iterator[None]:
    """Only what concerns the folder itself goes on as an `OSError`; a file from elsewhere is a source that cannot be read."""
    try:
        yield
    except OSError as err:
        name = err.filename2 or err.filename  # of a copy the target, where there is no room for it
        if name is None or Path(name).is_relative_to(folder):
            raise
        raise ScenarioError(f"{name}: cannot be read ({err.strerror or err})") from err


def _fill(config: ImportConfig, folder: Path) -> ImportReport:
    if config.begin_s is not None and config.end_s is not None:
        _check_hour(config.begin_s, config.end_s)
    parts = _take_source(config, folder)
    counted = None
    vehicles = None
    demand = DemandOrigin.GIVEN
    if config.counts is not None:
        counts = read_counts(config.counts, read_streets(folder / parts.net))
        counted = sample_demand(folder / parts.net, counts, folder / COUNTED_NAME, seed=config.seed)
        parts = replace(parts, routes=(COUNTED_NAME,), begin_s=counted.begin_s, end_s=counted.end_s)
        vehicles = counted.vehicles
        demand = DemandOrigin.COUNTED
    begin_s, end_s = _hour(config, parts)
    if not parts.routes:
        trips = Trips(begin_s=begin_s, end_s=end_s, seed=config.seed, per_hour=config.per_hour)
        vehicles = invent_demand(folder / parts.net, folder / INVENTED_NAME, trips)
        demand = DemandOrigin.INVENTED
        parts = replace(parts, routes=(INVENTED_NAME,))
    parts = replace(parts, begin_s=begin_s, end_s=end_s)
    _write_record(config, parts, demand, folder)
    scenario = load_scenario(str(folder))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    fitted = None
    if demand is DemandOrigin.INVENTED and config.per_hour is None:
        fitted = fit_to_net(scenario, network, folder / INVENTED_NAME)
        vehicles = fitted.kept
        _write_record(config, parts, demand, folder, fitted.sentence)
    return ImportReport(
        folder=folder,
        demand=demand,
        vehicles=vehicles,
        counted=counted,
        fitted=fitted,
        network=network,
        warnings=parts.warnings,
        unsorted=left_out(scenario.route_files),
        not_taken=parts.set_aside,
    )


def _take_source(config: ImportConfig, folder: Path) -> _Parts:
    """Copy or convert the source into the folder."""
    kind = _kind(config.source)
    if kind == "configuration":
        if config.routes or config.additional:
            raise UsageError(
                f"{config.source}: a SUMO configuration names its own files; --routes and --additional go with a net"
            )
        loaded = load_scenario(str(config.source))
        return _Parts(
            net=_copy_net(loaded.net_file, folder),
            routes=() if config.counts else copy_files(loaded.route_files, folder),
            additional=copy_files(loaded.additional_files, folder),
            options=loaded.options,
            set_aside=loaded.set_aside,
            begin_s=loaded.begin_s,
            end_s=loaded.end_s if read_sumo_config(config.source).names_end else None,
            step_length_s=loaded.step_length_s,
        )
    net = NET_NAME
    warnings: tuple[str, ...] = ()
    if kind == "net":
        net = _copy_net(config.source, folder)
    elif kind == "osm":
        options = OsmOptions(
            drives_left=config.drives_left,
            guesses_signals=config.guesses_signals,
            guesses_walkers=config.guesses_walkers,
        )
        warnings = build_net_from_osm(config.source, folder / NET_NAME, options)
    else:
        raise ScenarioError(
            f"{config.source}: expected a SUMO configuration, a net or an OpenStreetMap extract, got <{kind}>"
        )
    return _Parts(
        net=net,
        routes=copy_files(config.routes, folder),
        additional=copy_files(config.additional, folder),
        warnings=warnings,
    )


def _kind(source: Path) -> str:
    """The outermost element of the source."""
    if not source.is_file():
        raise ScenarioError(f"{source}: no such file; give a .sumocfg, a .net.xml or an .osm.xml, plain or .gz")
    if source.suffix == ".pbf":
        raise ScenarioError(
            f"{source}: netconvert reads no .pbf; convert it first: osmium cat {source.name} -o extract.osm"
        )
    check_readable(source)
    return re.sub(r"^(sumoC|c)onfiguration$", "configuration", root_tag(source))


def _hour(config: ImportConfig, parts: _Parts) -> tuple[float, float]:
    """Begin and end: as asked, else as the source says, else an hour."""
    begin_s = parts.begin_s if config.begin_s is None else config.begin_s
    end_s = parts.end_s if config.end_s is None else config.end_s
    if end_s is None:
        end_s = begin_s + DEFAULT_HOUR_S
    _check_hour(begin_s, end_s)
    return begin_s, end_s


def _check_hour(begin_s: float, end_s: float) -> None:
    if not begin_s < end_s:
        raise UsageError(f"--begin {begin_s:g} --end {end_s:g}: need begin < end")


def _copy_net(net_file: Path, folder: Path) -> str:
    if not may_stay(net_file):
        (folder / NET_NAME).write_bytes(as_bytes(freestanding(net_file)))
        return NET_NAME
    name = NET_NAME + (".gz" if net_file.suffix == ".gz" else "")
    shutil.copyfile(net_file, folder / name)
    return name


def copy_files(files: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """Copies that need nothing beside them, in their order; of two with one name the second gets a number."""
    names: list[str] = []
    for file in files:
        if not file.is_file():
            raise ScenarioError(f"{file}: no such file")
        stays = may_stay(file)
        name = _free_name(folder, file.name if stays else file.name.removesuffix(".gz"))
        if stays:
            shutil.copyfile(file, folder / name)
        else:
            (folder / name).write_bytes(as_bytes(freestanding(file)))
        names.append(name)
    return tuple(names)


def _free_name(folder: Path, wanted: str) -> str:
    """The name, or one with a number before it: nothing that lies in the folder, or comes into it by itself, has it."""
    name = wanted
    for number in count(2):
        if name not in _OWN_NAMES and not (folder / name).exists():
            break
        name = f"{number}.{wanted}"
    return name


def _write_record(
    config: ImportConfig, parts: _Parts, demand: DemandOrigin, folder: Path, fitted: str = ""
) -> None:
    traffic = {
        DemandOrigin.GIVEN: "with its own traffic",
        DemandOrigin.COUNTED: "traffic sampled from turning counts",
        DemandOrigin.INVENTED: "traffic invented, not measured",
    }[demand]
    record = ImportRecord(
        source=config.source.name,
        demand=demand,
        net=parts.net,
        routes=parts.routes,
        additional=parts.additional,
        options=parts.options,
        spread=config.spread,
        fitted=fitted,
    )
    scenario = ImportedScenario(
        title=f"Imported from {config.source.name}, {traffic}",
        begin_s=parts.begin_s,
        end_s=parts.end_s,
        step_length_s=parts.step_length_s,
        imported=record,
    )
    (folder / RECIPE_NAME).write_text(render_imported(scenario), encoding="utf-8")
