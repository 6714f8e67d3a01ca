from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.errors import SiteError
from leed_traffic.simulation.env.signal_env import Reward, SignalEnv
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo

SHORT_S = 300.0


@pytest.fixture(scope="module")
def crossing():
    scenario = replace(load_scenario("crossing"), end_s=SHORT_S)
    network = import_network(scenario.net_file, scenario.additional_files)
    return scenario, network, load_site(None, scenario, network)


def drive(env, seed, request):
    """(observations, rewards, stages shown) of an episode in which `request(situation)` decides."""
    situation, ended = env.reset(seed), False
    observations, rewards, shown = [situation.observation], [], []
    while not ended:
        transition = env.step(request(situation))
        situation, ended = transition.situation, transition.ended
        observations.append(situation.observation)
        rewards.append(transition.reward)
        shown += [state.stage for state in situation.states if not state.is_clearing]
    return np.stack(observations), np.stack(rewards), shown


def longest_wait(situation):
    return [int(np.argmax(state.wait_s)) for state in situation.states]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_traffic(crossing):
    with SignalEnv(*crossing) as env:
        first, rewards, _ = drive(env, 1, longest_wait)
        again, rewards_again, _ = drive(env, 1, longest_wait)
        other, _, _ = drive(env, 2, longest_wait)
    assert first.tobytes() == again.tobytes()
    assert rewards.tobytes() == rewards_again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_libsumo_and_traci_show_the_same_world(crossing):
    with SignalEnv(*crossing) as inside:
        expected, rewards, _ = drive(inside, 3, longest_wait)
    with SignalEnv(*crossing, over="traci") as outside:
        observed, rewards_outside, _ = drive(outside, 3, longest_wait)
    np.testing.assert_array_equal(observed, expected)
    np.testing.assert_array_equal(rewards_outside, rewards)


def test_a_signal_that_nobody_asks_serves_every_stage_by_itself(crossing):
    with SignalEnv(*crossing) as env:
        _, _, shown = drive(env, 1, lambda situation: [None])
    assert set(shown) == set(range(crossing[1].intersections[0].n_stages))


def test_a_request_before_the_minimum_green_changes_nothing(crossing):
    with SignalEnv(*crossing) as env:
        situation = env.reset(1)
        assert situation.states[0].green_s < env.timings[0].min_green_s[0]
        transition = env.step([1])
        assert transition.stage.tolist() == [0]
        assert transition.overrides == 1
        assert not transition.situation.states[0].is_clearing


def test_the_last_step_of_an_episode_ends_with_the_scenario(crossing):
    scenario, network, site = crossing
    with SignalEnv(replace(scenario, end_s=33.0), network, site) as env:
        situation, ended, times = env.reset(1), False, []
        while not ended:
            transition = env.step(longest_wait(situation))
            situation, ended = transition.situation, transition.ended
            times.append(situation.time_s)
    assert times == [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 33.0]


@pytest.mark.parametrize("reward", list(Reward))
def test_rewards_are_finite_and_a_red_light_for_everybody_costs(crossing, reward):
    with SignalEnv(*crossing, reward=reward) as env:
        _, rewards, _ = drive(env, 1, lambda situation: [situation.states[0].stage])
    assert np.isfinite(rewards).all()
    assert rewards[-10:].mean() < rewards[:3].mean()


def test_an_interval_that_leaves_no_decision_between_minimum_and_maximum_green_is_refused(crossing):
    scenario, network, site = crossing
    with pytest.raises(SiteError, match="decide more often"):
        SignalEnv(scenario, network, site, decision_interval_s=55.0)


def test_recording_a_run_changes_nothing_in_it(crossing, tmp_path):
    """Collisions are looked for in recorded runs only."""
    scenario, network, site = crossing
    with SignalEnv(scenario, network, site) as env:
        plain = drive(env, 4, longest_wait)
    with SignalEnv(scenario, network, site, record=tmp_path) as env:
        recorded = drive(env, 4, longest_wait)
    assert np.array_equal(plain[0], recorded[0])
    assert np.array_equal(plain[1], recorded[1])
