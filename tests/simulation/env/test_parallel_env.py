import pytest
from pettingzoo.test import parallel_api_test

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.simulation.env.parallel_env import ParallelSignals
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo


def test_the_env_passes_the_parallel_contract_of_pettingzoo():
    scenario = load_scenario("crossing")
    network = import_network(scenario.net_file, scenario.additional_files)
    with SignalEnv(scenario, network, load_site(None, scenario, network)) as env:
        parallel_api_test(ParallelSignals(env), num_cycles=60)
