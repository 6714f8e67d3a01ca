from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import PlanError
from leed_traffic.simulation.env.episode import PlanController, run_episode, trajectories_of
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo

SHORT_S = 300.0


@pytest.fixture(scope="module")
def crossing():
    scenario = replace(load_scenario("crossing"), end_s=SHORT_S)
    network = import_network(scenario.net_file, scenario.additional_files)
    return scenario, network, load_site(None, scenario, network)


def test_an_episode_has_one_row_per_decision_and_a_score_when_recorded(crossing, tmp_path):
    scenario, network, site = crossing
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, site, record=tmp_path) as env:
        episode = run_episode(env, PlanController(plans), seed=1)
        (trajectory,) = trajectories_of(episode, env)
    assert episode.observation.shape == (SHORT_S / 5, *env.shape)
    assert len(trajectory) == SHORT_S / 5
    assert trajectory.observation.shape[1] == env.specs[0].size
    assert episode.score is not None
    assert episode.score.unsafe_changes == 0
    assert episode.score.scheduled > 0


def test_a_plan_controller_without_a_plan_for_a_signal_says_which(crossing):
    with SignalEnv(*crossing) as env, pytest.raises(PlanError, match="no plan for intersection"):
        run_episode(env, PlanController({}), seed=1)
