from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates
from leed_traffic.domain.detectors.sensing import IDEAL
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.train.actor_critic import ActorCritic
from leed_traffic.train.config import EnvConfig
from leed_traffic.train.export import PARITY, export_policy
from leed_traffic.train.parallel.workers import PooledRollouts
from leed_traffic.train.rollout import RolloutTask, roll_out

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def spec():
    scenario = replace(load_scenario("crossing"), end_s=300.0)
    network = import_network(scenario.net_file, scenario.additional_files)
    site = load_site(None, scenario, network)
    return EnvSpec(
        scenario=scenario, network=network, site=site, decision_interval_s=5.0, reach_m=100.0, reward=Reward.TIME_LOSS
    )  # fmt: skip


def drawn(spec):
    (intersection,) = spec.network.intersections
    size = observation_spec(intersection, decision_interval_s=5.0).size
    return ActorCritic([size], intersection.n_stages, 64, seed=5).weights()


def plans(spec):
    return {i.id: max_wave_plan(i.id) for i in spec.network.intersections}


def test_the_same_task_gives_the_same_hour_here_and_in_a_worker(spec):
    tasks = [RolloutTask(weights=drawn(spec), seed=3, sample_seed=k, plans=plans(spec)) for k in (1, 2)]
    told = []
    with PooledRollouts(spec, 1) as pool:
        elsewhere = pool.run(tasks, lambda: told.append(1))
    here = roll_out(spec, tasks[0])
    assert len(told) == 2
    np.testing.assert_array_equal(here.episode.stage, elsewhere[0].episode.stage)
    np.testing.assert_array_equal(here.label, elsewhere[0].label)
    assert (elsewhere[0].episode.stage != elsewhere[1].episode.stage).any()


def test_with_faults_the_policies_see_broken_detectors_and_the_expert_the_truth(spec):
    broken = replace(IDEAL, faults=FaultRates(faults_per_lane_hour=50.0))
    task = RolloutTask(weights=None, seed=3, plans=plans(spec))
    told = roll_out(replace(spec, sensing=broken), replace(task, weights=drawn(spec), sample_seed=1))
    n_lanes = spec.network.intersections[0].n_lanes
    assert (told.episode.observation[:, 0, : 2 * n_lanes] == -1.0).any()
    blind = replace(IDEAL, faults=FaultRates(one_per_intersection=DetectorFault.DEAD))
    labels = [
        roll_out(replace(spec, sensing=s), replace(task, weights=drawn(spec), sample_seed=1)).label[0]
        for s in (IDEAL, blind)
    ]
    np.testing.assert_array_equal(labels[0], labels[1])


def test_a_policy_asks_only_for_what_is_legal(spec):
    rollout = roll_out(spec, RolloutTask(weights=drawn(spec), seed=3, sample_seed=1))
    episode = rollout.episode
    assert episode.overrides == 0
    assert np.take_along_axis(episode.legal, episode.stage[..., None], axis=2).all()
    assert rollout.label is None


def test_an_expert_that_drives_agrees_with_its_own_labels(spec):
    driven = roll_out(spec, RolloutTask(weights=None, seed=3, plans=plans(spec), is_scored=True))
    assert driven.episode.score.unsafe_changes == 0
    with pytest.raises(ValueError, match="need weights or plans"):
        roll_out(spec, RolloutTask(weights=None, seed=3))


def test_onnxruntime_and_torch_agree_on_real_observations(spec):
    weights = drawn(spec)
    weights = weights._replace(w3=100.0 * weights.w3)  # as decided as a trained policy
    episode = roll_out(spec, RolloutTask(weights=weights, seed=4, sample_seed=1)).episode
    (intersection,) = spec.network.intersections
    exported = export_policy(
        0, intersection, EnvConfig(scenario="crossing"), weights, episode.observation[:, 0], episode.legal[:, 0]
    )
    expected = np.stack([weights.logits(row)[0] for row in episode.observation])
    np.testing.assert_allclose(np.array(exported.golden.logits), expected, atol=PARITY)
