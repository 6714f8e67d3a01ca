from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import PlanError
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.env.episode import PlanController, run_episode

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def setting():
    spec = env_spec(load_scenario("crossing"))
    return replace(spec, scenario=replace(spec.scenario, end_s=spec.scenario.begin_s + 120.0))


def test_an_episode_holds_every_decision_and_the_state_behind_the_last(setting):
    with setting.open() as env:
        episode = run_episode(env, PlanController({"C": max_wave_plan("C")}), seed=1)
        shape = env.shape
    assert episode.observation.shape == (24, *shape)
    assert episode.stage.shape == episode.reward.shape == (24, 1)
    assert episode.last_observation.shape == shape
    assert episode.simulated_s == 120.0
    assert episode.total_reward == pytest.approx(episode.reward.sum(axis=0))
    assert np.all(episode.legal.any(axis=2))
    assert episode.score is None  # nothing was recorded


def test_a_plan_controller_without_a_plan_for_a_signal_says_which(setting):
    with setting.open() as env, pytest.raises(PlanError, match="no plan for intersection"):
        run_episode(env, PlanController({}), seed=1)
