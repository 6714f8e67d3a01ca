import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.search.starts import field_starts
from leed_traffic.simulation.network.network_import import import_network


@pytest.mark.parametrize("name", ["crossing", "arterial5", "grid4x4"])
def test_the_starts_fit_every_scenario_that_ships(name):
    scenario = load_scenario(name)
    network = import_network(scenario.net_file)
    briefs = write_briefs(scenario, network, load_site(None, scenario, network).timings, (11,))
    starts = field_starts(briefs)
    assert len(starts) == 7
    assert all(set(plans) == {i.id for i in network.intersections} for plans in starts.values())
    assert all(turn.flow_vehph for brief in briefs for turn in brief.turns)
