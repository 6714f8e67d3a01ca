"""Random junctions with random demand, as scenarios of our own: what a planner learns from, and is examined on.

Each has one signal, three or four legs of different widths, speeds and bays, and demand that changes from one
quarter hour to the next. Its volume is scaled so that the fullest quarter has a drawn critical flow ratio: from
light traffic to nearly full.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.recipe import (
    RECIPE_NAME,
    DemandRecipe,
    FlowRecipe,
    NetRecipe,
    ScenarioRecipe,
    StreetRecipe,
)
from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.artifacts.toml_file import render_toml
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import ScenarioError
from leed_traffic.generate.brief import write_briefs
from leed_traffic.simulation.demand.turning_counts import PERIOD_S
from leed_traffic.simulation.incumbents.webster import flow_ratios
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.scenario.build import build_scenario

LEG_M = (200.0, 350.0)  # from the rim to the stop line
N_PERIODS = (1, 2)
N_PERIODS_SHARE = (0.7, 0.3)  # quarter hours; short ones cost less to simulate
FULLNESS = (0.3, 0.8)  # critical flow ratio of the fullest quarter: Webster's Y
TRIES = 20  # draws until netconvert's program leaves every through stage a green
SIGNAL = "J"

Rng = np.random.Generator


def build_junction(folder: Path, rng: Rng) -> Scenario:
    """Draw a junction and write its scenario; a folder that holds one already is read.

    Raises:
        ScenarioError: SUMO's tools are missing, or no draw can be built.
    """
    if (folder / RECIPE_NAME).is_file():
        return load_scenario(str(folder / RECIPE_NAME))
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "draft"
    draft.mkdir(exist_ok=True)
    for _ in range(TRIES):
        recipe = draw_junction(rng)
        _write_recipe(draft, recipe)
        try:
            net_file, routes_file = build_scenario(draft, draft)
            fullest = _fullest(load_scenario(str(draft / RECIPE_NAME)))
        except ScenarioError:
            continue  # for example a cycle too short for its crossings: draw again
        scaled = _scaled(recipe, float(rng.uniform(*FULLNESS)) / fullest)
        net_file.rename(folder / net_file.name)
        routes_file.rename(folder / routes_file.name)
        (draft / RECIPE_NAME).unlink()
        draft.rmdir()
        _write_recipe(folder, scaled)
        return load_scenario(str(folder / RECIPE_NAME))
    raise ScenarioError(
        f"{folder}: none of {TRIES} drawn junctions could be built; is SUMO installed (leedctl doctor)?"
    )


def draw_junction(rng: Rng) -> ScenarioRecipe:
    """Geometry, program and relative demand of one junction."""
    legs = ("W", "E", "S", "N")[: 4 if rng.random() < 0.6 else 3]
    main = int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
    side = int(rng.choice([1, 2], p=[0.7, 0.3]))
    n_periods = int(rng.choice(N_PERIODS, p=N_PERIODS_SHARE))
    crossings = rng.random() < 0.3
    bay_m = (float(rng.choice([0, 50, 80, 110])), float(rng.choice([0, 0, 50, 80])))
    streets = (
        StreetRecipe(
            nodes=("W", SIGNAL, "E"),
            lanes=main,
            speed_kmh=float(rng.choice([40, 50, 60, 70, 80])),
            left_bay_m=bay_m[0],
        ),
        StreetRecipe(
            nodes=("S", SIGNAL, "N") if len(legs) == 4 else ("S", SIGNAL),
            lanes=side,
            speed_kmh=float(rng.choice([30, 40, 50, 60])),
            left_bay_m=bay_m[1],
        ),
    )
    net = NetRecipe(
        signals={SIGNAL: (0.0, 0.0)},
        rim=_rim(legs, rng),
        streets=streets,
        crossings=frozenset({SIGNAL} if crossings else ()),
        cycle_s=int(rng.integers(70, 121)),
        left_green_s=int(rng.integers(6, 13)),
        permissive_left_below_kmh=float(rng.choice([0, 45, 65])),
    )
    width = {leg: main if leg in "WE" else side for leg in legs}
    return ScenarioRecipe(
        title="A random junction to learn from",
        end_s=PERIOD_S * n_periods,
        net=net,
        demand=DemandRecipe(period_s=PERIOD_S, flows=_flows(width, n_periods, rng)),
    )


def _rim(legs: tuple[str, ...], rng: Rng) -> dict[str, tuple[float, float]]:
    """Ends of the legs, the whole turned by any angle: so each letter of a brief may be any leg."""
    turned = rng.uniform(0.0, 360.0)
    bearing = {"E": 0.0, "N": 90.0, "W": 180.0, "S": 270.0}
    points = {}
    for leg in legs:
        angle = math.radians(turned + bearing[leg] + rng.uniform(-12.0, 12.0))
        length_m = rng.uniform(*LEG_M)
        points[leg] = (round(length_m * math.cos(angle), 1), round(length_m * math.sin(angle), 1))
    return points


def _flows(width: Mapping[str, int], n_periods: int, rng: Rng) -> tuple[FlowRecipe, ...]:
    """Relative demand: per leg by its lanes and a factor of its own, split among the exits, changing by period."""
    flows = []
    for origin, lanes in width.items():
        volume = lanes * rng.uniform(150.0, 600.0) * rng.uniform(0.6, 1.4, n_periods)  # veh/h before scaling
        exits = [leg for leg in width if leg != origin]
        straight = {"W": "E", "E": "W", "N": "S", "S": "N"}[origin]
        share = rng.dirichlet([6.0 * width[leg] if leg == straight else 1.5 for leg in exits])
        for leg, part in zip(exits, share, strict=True):
            flows.append(
                FlowRecipe(origin=origin, destination=leg, per_hour=tuple(np.round(volume * part, 1).tolist()))
            )
    return tuple(flows)


def _fullest(scenario: Scenario) -> float:
    """Critical flow ratio Y of the fullest quarter."""
    network = import_network(scenario.net_file)
    (brief,) = write_briefs(scenario, network, load_site(None, scenario, network).timings, (1,))
    return max(0.05, *(sum(flow_ratios(brief, p)) for p in range(len(brief.period_starts_s))))


def _scaled(recipe: ScenarioRecipe, factor: float) -> ScenarioRecipe:
    flows = tuple(
        flow.model_copy(update={"per_hour": tuple(round(rate * factor, 1) for rate in flow.per_hour)})
        for flow in recipe.demand.flows
    )
    return recipe.model_copy(update={"demand": recipe.demand.model_copy(update={"flows": flows})})


def _write_recipe(folder: Path, recipe: ScenarioRecipe) -> None:
    write_whole(folder / RECIPE_NAME, render_toml(recipe.model_dump(mode="json")))
