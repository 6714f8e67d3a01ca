"""`scenario.toml`: how one of our own scenarios is made, its streets and its demand.

A street is a chain of nodes that traffic runs along in both directions; where two streets share a node, they meet.
Everything else (edges, turn bays, connections, crossings) follows from that in `simulation/scenario/build.py`.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from leed_traffic.artifacts.toml_file import read_toml
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.document import Document
from leed_traffic.errors import ScenarioError

RECIPE_NAME = "scenario.toml"
NET_NAME = "net.net.xml"
ROUTES_NAME = "routes.xml"

Point = tuple[float, float]


class StreetRecipe(Document):
    """One two-way street through several nodes."""

    nodes: Annotated[tuple[str, ...], Field(min_length=2)]
    """Node ids in order; the two ends are on the rim or the street ends at a T-junction."""
    lanes: Annotated[int, Field(ge=1, le=4)] = 1
    """Lanes per direction between the junctions."""
    speed_kmh: Annotated[float, Field(gt=0.0, le=130.0)] = 50.0
    """Speed limit."""
    left_bay_m: Annotated[float, Field(ge=0.0)] = 0.0
    """Length of the extra left-turn lane before each signal; 0: lefts share the leftmost lane."""


class NetRecipe(Document):
    """Geometry and the signals' own fixed program."""

    signals: dict[str, Point]
    """Signal junctions: x and y in metres."""
    rim: dict[str, Point]
    """Where traffic enters and leaves: x and y in metres."""
    streets: tuple[StreetRecipe, ...]
    """All streets."""
    crossings: frozenset[str] = frozenset()
    """Signals with a pedestrian crossing on every leg; any of them gives all streets a sidewalk."""
    cycle_s: Annotated[int, Field(ge=30, le=180)] = 90
    """Cycle of the fixed program, the same at every signal; the through stages share what the rest leaves."""
    left_green_s: Annotated[int, Field(ge=4, le=60)] = 8
    """Green of the fixed program's protected left stages."""
    all_red_s: Annotated[int, Field(ge=1, le=6)] = 2
    """All-red of the fixed program after every yellow."""
    permissive_left_below_kmh: Annotated[float, Field(ge=0.0)] = 0.0
    """Lefts across oncoming traffic no faster than this may run permissively; else they are protected."""

    @model_validator(mode="after")
    def _streets_name_known_nodes(self) -> Self:
        known = self.signals.keys() | self.rim.keys()
        for street in self.streets:
            if unknown := [node for node in street.nodes if node not in known]:
                raise ValueError(f"street {'-'.join(street.nodes)} passes unknown nodes {', '.join(unknown)}")
        if unknown_crossings := sorted(self.crossings - self.signals.keys()):
            raise ValueError(f"crossings at {', '.join(unknown_crossings)}, which are no signals")
        return self

    @property
    def points(self) -> dict[str, Point]:
        """All nodes: x and y in metres."""
        return {**self.signals, **self.rim}


class FlowRecipe(Document):
    """Trips from one rim node to another."""

    origin: str
    """Rim node where they start."""
    destination: str
    """Rim node where they end."""
    per_hour: tuple[Annotated[float, Field(ge=0.0)], ...]
    """Mean trips per hour, one figure per period."""

    @property
    def name(self) -> str:
        """Name of the flow in the route files."""
        return f"{self.origin}_{self.destination}"


class DemandRecipe(Document):
    """Mean demand over the hour; a seed draws one day from it."""

    period_s: Annotated[float, Field(gt=0.0)] = 1200.0
    """Length of a period; the last one may be cut short by the end."""
    spread: Annotated[float, Field(ge=0.0, le=1.0)] = 0.15
    """Standard deviation of the logarithm of a seed's volume factor, drawn per flow and period."""
    truck_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    """Share of vehicles that are trucks."""
    flows: tuple[FlowRecipe, ...]
    """Vehicles."""
    walks: tuple[FlowRecipe, ...] = ()
    """Pedestrians."""


class ScenarioRecipe(Document):
    """The whole file."""

    title: str
    """What the scenario is, in one sentence."""
    begin_s: float = 0.0
    """First simulated second."""
    end_s: float = 3600.0
    """Last simulated second."""
    step_length_s: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Simulation step."""
    net: NetRecipe
    demand: DemandRecipe

    @model_validator(mode="after")
    def _demand_fits_the_net(self) -> Self:
        if not self.begin_s < self.end_s:
            raise ValueError(f"need begin_s < end_s, got {self.begin_s} and {self.end_s}")
        n_periods = -int(-(self.end_s - self.begin_s) // self.demand.period_s)
        for flows in (self.demand.flows, self.demand.walks):
            if len({flow.name for flow in flows}) < len(flows):
                raise ValueError("two flows share origin and destination; add their figures up")
        for flow in (*self.demand.flows, *self.demand.walks):
            name = f"flow {flow.origin} to {flow.destination}"
            if not {flow.origin, flow.destination} <= self.net.rim.keys():
                raise ValueError(f"{name}: both ends must be rim nodes ({', '.join(sorted(self.net.rim))})")
            if len(flow.per_hour) != n_periods:
                raise ValueError(f"{name}: need {n_periods} figures, one per period, got {len(flow.per_hour)}")
        if self.demand.walks and not self.net.crossings:
            raise ValueError("the demand has walks, the net has no crossings and therefore no sidewalks")
        return self


def read_recipe(folder: Path) -> ScenarioRecipe:
    """Read the checked `scenario.toml` of a folder.

    Raises:
        ScenarioError: the file is missing, is no TOML, or says something impossible.
    """
    path = folder / RECIPE_NAME
    try:
        return ScenarioRecipe.model_validate(read_toml(path))
    except (OSError, UnicodeDecodeError) as err:
        raise ScenarioError(f"{path}: cannot be read ({err})") from err
    except tomllib.TOMLDecodeError as err:
        raise ScenarioError(f"{path}: not TOML: {err}") from err
    except ValidationError as err:
        more = f" (and {err.error_count() - 1} more)" if err.error_count() > 1 else ""
        raise ScenarioError(f"{path}: {first_fault(err, whole='file')}{more}") from err
