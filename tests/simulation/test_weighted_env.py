from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.simulation.env.signal_env import Reward, SignalEnv
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo


def drive(weights, *, reward=Reward.TIME_LOSS, over="libsumo", end_s=600.0):
    """Observations, rewards, and what a plan with the same reach counts, while the stages are asked for in turn."""
    scenario = replace(load_scenario("crossing"), end_s=end_s)
    network = import_network(scenario.net_file)
    seen = []
    with SignalEnv(
        scenario, network, replace(derive_site(network), weights=weights), reward=reward, over=over
    ) as env:
        plan = env.watch([100.0])
        situation, ended, k = env.reset(1), False, 0
        while not ended:
            transition = env.step([k // 6 % env.intersections[0].n_stages])
            situation, ended, k = transition.situation, transition.ended, k + 1
            counted = plan.measure(env.vehicles).count_veh.sum(), situation.readings.count_veh.sum()
            seen.append((situation.observation[0], transition.reward[0], *counted))
    return [np.stack(part) for part in zip(*seen, strict=True)]


def test_heavy_classes_count_more_in_the_reward_and_in_the_counts_of_plans_and_the_observation_stays():
    plain, heavy = drive(CARS), drive(Weights(classes=(("truck", 10.0),)))
    np.testing.assert_array_equal(plain[0], heavy[0])
    assert heavy[1].sum() < 1.1 * plain[1].sum()  # both are negative
    assert (heavy[3] == plain[3]).all()
    extra = heavy[2] - plain[2]
    assert (extra >= 0.0).all()
    np.testing.assert_allclose(extra % 9.0, 0.0, atol=1e-9)  # a truck counts ten instead of one
    assert extra.max() >= 9.0


def test_weights_count_the_same_over_libsumo_and_traci():
    weights = Weights(classes=(("truck", 3.0),), persons=1.0)
    inside, outside = (drive(weights, over=over, end_s=150.0) for over in ("libsumo", "traci"))
    for here, there in zip(inside, outside, strict=True):
        np.testing.assert_array_equal(here, there)


def test_persons_who_wait_are_observed_by_crossing_and_cost_their_weight():
    plain, walkers = drive(CARS), drive(Weights(persons=2.0))
    n_crossings = walkers[0].shape[1] - plain[0].shape[1]
    waiting = 10.0 * walkers[0][:, -n_crossings:]
    assert n_crossings == 4
    np.testing.assert_array_equal(walkers[0][:, :-n_crossings], plain[0])
    np.testing.assert_allclose(plain[1] - walkers[1], 2.0 * waiting.sum(axis=1), atol=1e-4)
    assert waiting.max() >= 1.0
    assert waiting[:3].sum() == 0.0  # nobody has come yet
