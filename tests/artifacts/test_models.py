"""The bundles under models/ serve the scenarios under scenarios/ as both are today."""

from pathlib import Path

import pytest

from leed_traffic.artifacts.bundle import check_bundle_fits
from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("name", ["crossing", "arterial5", "grid4x4"])
def test_a_shipped_bundle_is_sound_and_fits_its_scenario(name):
    bundle = verify_bundle(MODELS / name)
    scenario = load_scenario(name)
    network = import_network(scenario.net_file, scenario.additional_files)
    check_bundle_fits(bundle, network, load_site(None, scenario, network), 5.0)
    assert set(bundle.ids) == {i.id for i in network.intersections}
    assert bundle.manifest.training.author == "search"
