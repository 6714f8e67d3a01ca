"""The other form of `scenario.toml`: a network that was imported, with the files that lie beside it.

title = "Imported from town.osm.xml"
begin_s = 0.0
end_s = 3600.0
step_length_s = 1.0
[imported]
source = "town.osm.xml"
demand = "invented"
net = "net.net.xml"
routes = ["invented.rou.xml"]
"""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from leed_traffic.artifacts.recipe import NET_NAME, RECIPE_NAME
from leed_traffic.artifacts.sumo.config import check_taken
from leed_traffic.artifacts.toml_file import read_toml, render_toml
from leed_traffic.artifacts.validation import first_fault
from leed_traffic.domain.document import Document
from leed_traffic.errors import ScenarioError

FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]


class DemandOrigin(StrEnum):
    """Where an imported scenario's traffic comes from."""

    GIVEN = "given"  # route files of its own
    COUNTED = "counted"  # sampled so that turning counts are met
    INVENTED = "invented"  # random trips: nobody measured them


class ImportRecord(Document):
    """What was imported, and the files in the folder that it became."""

    source: str
    """Name of the file that it came from."""
    demand: DemandOrigin
    """Whether its traffic is anybody's measurement."""
    net: FileName = NET_NAME
    """The net."""
    routes: tuple[FileName, ...] = ()
    """Route, trip and flow files, in SUMO's order."""
    additional: tuple[FileName, ...] = ()
    """Additional files, in SUMO's order."""
    options: tuple[str, ...] = ()
    """Further SUMO options that shape the traffic, option and value in turn."""
    fitted: str = ""
    """How invented traffic was thinned out to what the signals can carry; empty: not at all."""
    spread: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """How much a seed's day differs from the one in the route files; 0: not at all."""


class ImportedScenario(Document):
    """The whole file."""

    title: str
    """What the scenario is, in one sentence."""
    begin_s: float = 0.0
    """First simulated second."""
    end_s: float = 3600.0
    """Last simulated second."""
    step_length_s: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Simulation step."""
    imported: ImportRecord

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if not self.begin_s < self.end_s:
            raise ValueError(f"need begin_s < end_s, got {self.begin_s} and {self.end_s}")
        return self


def read_imported(folder: Path) -> ImportedScenario | None:
    """The folder's import record; None where its `scenario.toml` is a recipe, or cannot be read as TOML at all.

    Raises:
        ScenarioError: it is an import record, and says something impossible.
    """
    path = folder / RECIPE_NAME
    try:
        document = read_toml(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None  # `recipe.read_recipe` says what is wrong
    if "imported" not in document:
        return None
    try:
        scenario = ImportedScenario.model_validate(document)
    except ValidationError as err:
        raise ScenarioError(f"{path}: {first_fault(err, whole='file')}; import the network again") from err
    options = scenario.imported.options
    if len(options) % 2 or not all(option.startswith("--") for option in options[::2]):
        raise ScenarioError(f"{path}: options: need an option and its value in turn; import the network again")
    for option, value in zip(options[::2], options[1::2], strict=True):
        check_taken(path, option.removeprefix("--"), value)
    return scenario


def render_imported(scenario: ImportedScenario) -> str:
    """The text of its `scenario.toml`."""
    return render_toml(scenario.model_dump(mode="json"))
