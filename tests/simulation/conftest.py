import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.importing import import_scenario
from tests.networks.dual_carriageways import build_dual_carriageways


@pytest.fixture(scope="module")
def carriageways(tmp_path_factory):
    folder = tmp_path_factory.mktemp("carriageways")
    import_scenario(ImportConfig(source=build_dual_carriageways(folder), out=folder / "town"))
    return load_scenario(str(folder / "town"))
