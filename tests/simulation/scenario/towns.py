"""A small town as an extract, and a foreign configuration of it."""

from pathlib import Path

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.importing import import_scenario

TOWN = Path(__file__).parents[2] / "networks" / "town.osm.xml"


CROSSING = load_scenario("crossing").net_file


def bring_in(source, out, **options):
    return import_scenario(ImportConfig(source=source, out=out, **options))
