"""A scenario: a net, who drives through it, and when.

Three kinds: our own (a folder with `scenario.toml`, whose demand a seed draws anew), an imported one (a folder,
too, with the files that `leedctl scenario import` put there) and anybody's `.sumocfg`; the last two have route
files, the given day, around which a seed draws another where days are to differ. Reading one needs no SUMO.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.home import expanded
from leed_traffic.artifacts.imported import ImportedScenario, read_imported
from leed_traffic.artifacts.recipe import (
    NET_NAME,
    RECIPE_NAME,
    ROUTES_NAME,
    FlowRecipe,
    ScenarioRecipe,
    read_recipe,
)
from leed_traffic.artifacts.sumo.config import read_sumo_config
from leed_traffic.artifacts.sumo.inputs import SumoInputs
from leed_traffic.artifacts.xml_file import check_readable, root_tag, top_level
from leed_traffic.errors import ScenarioError

SITE_NAME = "site.toml"
SCENARIOS_VARIABLE = "LEED_SCENARIOS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Trips along one fixed way, with a mean rate per period."""

    name: str
    edges: tuple[str, ...]
    per_hour: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.edges:
            raise ValueError(f"flow {self.name}: need at least one edge, got none")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSpec:
    """Demand from which a seed draws a day: mean trips per hour and period, and how much days differ."""

    period_s: float
    spread: float  # standard deviation of the logarithm of a day's volume factor per flow and period
    truck_share: float
    vehicles: tuple[Flow, ...]
    pedestrians: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(SumoInputs):
    """A net, its demand and its hour; files exist when it is loaded."""

    route_files: tuple[Path, ...]  # the given day of a foreign or imported one; empty when `demand` is set
    site_file: Path | None
    demand: DemandSpec | None  # our own scenarios: another seed is another demand
    set_aside: tuple[
        str, ...
    ] = ()  # of a configuration: `name=value` of what every run of ours sets in its own way
    spread: float = 0.0  # of a seed's day around the given one (`simulation/demand/drawn_day.py`); 0: none

    def __post_init__(self) -> None:
        SumoInputs.__post_init__(self)
        if not 0.0 <= self.spread <= 1.0:
            raise ValueError(f"need 0 <= spread <= 1, got {self.spread}")


def load_scenario(name_or_path: str) -> Scenario:
    """Load a scenario by its name, its folder or its `.sumocfg`.

    Raises:
        ScenarioError: nothing there, or what is there is broken or incomplete.
    """
    path = expanded(name_or_path)
    if path.name == RECIPE_NAME:
        return _checked(_own(path.parent))
    if path.suffix == ".sumocfg" or path.is_file():
        return _checked(_foreign(path))
    return _checked(_own(find_folder(name_or_path)))


def with_spread(scenario: Scenario, spread: float | None) -> Scenario:
    """Return the scenario whose days differ so much; None leaves it as it is."""
    if spread is None:
        return scenario
    if scenario.demand is None:
        return replace(scenario, spread=spread)
    return replace(scenario, demand=replace(scenario.demand, spread=spread))


def list_scenarios() -> list[Scenario]:
    """Our own scenarios, by name.

    Raises:
        ScenarioError: one of them is broken.
    """
    return [_checked(_own(folder)) for _, folder in sorted(_known_folders().items())]


def find_folder(name_or_path: str) -> Path:
    """Return the folder of one of our own scenarios, built or not.

    Raises:
        ScenarioError: there is none by that name.
    """
    folders = _known_folders()
    for folder in (expanded(name_or_path), folders.get(name_or_path)):
        if folder is not None and (folder / RECIPE_NAME).is_file():
            return folder
    known = ", ".join(sorted(folders)) or f"none found; set {SCENARIOS_VARIABLE}"
    raise ScenarioError(
        f"{name_or_path}: no such scenario; give a .sumocfg, a folder with {RECIPE_NAME}, or one of: {known}"
    )


def signal_ids(scenario: Scenario) -> tuple[str, ...]:
    """Traffic signals in the net file, in its order."""
    ids = [item.get("id", "") for item in top_level(scenario.net_file) if item.tag == "tlLogic"]
    return tuple(dict.fromkeys(ids))


def _known_folders() -> dict[str, Path]:
    """Scenario folders by name; of equal names, the first place searched wins."""
    package = Path(__file__).resolve().parent.parent
    places = [Path("scenarios"), package.parent / "scenarios", package / "_scenarios"]
    if chosen := os.environ.get(SCENARIOS_VARIABLE):
        places.insert(0, expanded(chosen))
    folders: dict[str, Path] = {}
    for place in places:
        for recipe_file in sorted(place.glob(f"*/{RECIPE_NAME}")):
            folders.setdefault(recipe_file.parent.name, recipe_file.parent.resolve())
    return folders


def _own(folder: Path) -> Scenario:
    folder = folder.resolve()
    if (imported := read_imported(folder)) is not None:
        return _imported(folder, imported)
    recipe = read_recipe(folder)
    net_file = folder / NET_NAME
    routes_file = folder / ROUTES_NAME
    site_file = folder / SITE_NAME
    for file in (net_file, routes_file):
        if not file.is_file():
            raise ScenarioError(f"{file}: missing; run `leedctl scenario build {folder.name}`")
    return Scenario(
        name=folder.name,
        net_file=net_file,
        route_files=(),
        additional_files=(),
        begin_s=recipe.begin_s,
        end_s=recipe.end_s,
        step_length_s=recipe.step_length_s,
        site_file=site_file if site_file.is_file() else None,
        demand=_demand(recipe, routes_file),
        options=(),
    )


def _imported(folder: Path, scenario: ImportedScenario) -> Scenario:
    record = scenario.imported
    site_file = folder / SITE_NAME
    return Scenario(
        name=folder.name,
        net_file=folder / record.net,
        route_files=tuple(folder / name for name in record.routes),
        additional_files=tuple(folder / name for name in record.additional),
        begin_s=scenario.begin_s,
        end_s=scenario.end_s,
        step_length_s=scenario.step_length_s,
        site_file=site_file if site_file.is_file() else None,
        demand=None,
        options=record.options,
        spread=record.spread,
    )


def _demand(recipe: ScenarioRecipe, routes_file: Path) -> DemandSpec:
    ways = {(item.tag, item.get("id")): tuple(item.get("edges", "").split()) for item in top_level(routes_file)}

    def flow(element: str, asked: FlowRecipe) -> Flow:
        edges = ways.get((element, asked.name))
        if not edges:
            raise ScenarioError(
                f"{routes_file}: no {element} {asked.name}, which scenario.toml asks for; build it again"
            )
        return Flow(name=asked.name, edges=edges, per_hour=asked.per_hour)

    return DemandSpec(
        period_s=recipe.demand.period_s,
        spread=recipe.demand.spread,
        truck_share=recipe.demand.truck_share,
        vehicles=tuple(flow("route", asked) for asked in recipe.demand.flows),
        pedestrians=tuple(flow("walk", asked) for asked in recipe.demand.walks),
    )


def _foreign(path: Path) -> Scenario:
    config = read_sumo_config(path)
    site_file = path.parent / SITE_NAME
    try:
        return Scenario(
            name=path.stem,
            net_file=config.net_file,
            route_files=config.route_files,
            additional_files=config.additional_files,
            begin_s=config.begin_s,
            end_s=config.end_s,
            step_length_s=config.step_length_s,
            site_file=site_file if site_file.is_file() else None,
            demand=None,
            options=config.options,
            set_aside=config.set_aside,
        )
    except ValueError as err:
        raise ScenarioError(f"{path}: {err}") from err


def _checked(scenario: Scenario) -> Scenario:
    """Return the scenario, if its files are there, its net looks like one and nothing packed is too large."""
    for file in (scenario.net_file, *scenario.route_files, *scenario.additional_files):
        if not file.is_file():
            raise ScenarioError(f"{scenario.name}: {file} is missing")
        check_readable(file)
    root = root_tag(scenario.net_file)
    if root != "net":
        raise ScenarioError(f"{scenario.net_file}: expected a SUMO net (<net>), got <{root}>")
    return scenario
