from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates
from leed_traffic.domain.detectors.layout import place_loops, place_zones
from leed_traffic.domain.detectors.sensing import CAMERA, IDEAL, LOOPS, Sensing, SensingKind
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.simulation.env.episode import PlanController
from leed_traffic.simulation.env.signal_env import Reward, SignalEnv
from leed_traffic.simulation.network.network_import import import_network

pytestmark = pytest.mark.sumo

SHORT_S = 600.0


@pytest.fixture(scope="module")
def crossing():
    scenario = replace(load_scenario("crossing"), end_s=SHORT_S)
    network = import_network(scenario.net_file)
    return scenario, network, load_site(None, scenario, network)


def drive(crossing, sensing, *, over="libsumo", reward=Reward.TIME_LOSS, end_s=SHORT_S):
    """Observations, rewards, true and reported counts while the stages are asked for in turn, whatever is seen."""
    scenario, network, site = crossing
    seen = []
    with SignalEnv(
        replace(scenario, end_s=end_s), network, site, sensing=sensing, over=over, reward=reward
    ) as env:
        truth = env.watch([100.0], truly=True)
        situation, ended, k = env.reset(5), False, 0
        while not ended:
            transition = env.step([k // 5 % env.intersections[0].n_stages])
            situation, ended, k = transition.situation, transition.ended, k + 1
            counts = truth.measure(env.vehicles).count_veh, situation.readings.count_veh
            seen.append((situation.observation[0], transition.reward[0], *counts))
    return [np.stack(part) for part in zip(*seen, strict=True)]


@pytest.mark.parametrize("sensing", [CAMERA, LOOPS], ids=["camera", "loops"])
def test_the_same_seed_gives_the_same_bytes_and_the_traffic_is_what_it_was(crossing, sensing):
    ideal, first, again = (drive(crossing, s) for s in (IDEAL, sensing, sensing))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[0].tobytes() != ideal[0].tobytes()
    np.testing.assert_array_equal(first[1], ideal[1])  # rewards are measured from the truth
    np.testing.assert_array_equal(first[2], ideal[2])


def test_loops_see_the_same_world_over_libsumo_and_traci(crossing):
    inside, outside = (drive(crossing, LOOPS, over=over, end_s=200.0)[0] for over in ("libsumo", "traci"))
    np.testing.assert_allclose(outside, inside, atol=1e-6)


def test_loops_follow_the_traffic_and_never_tell_of_more_than_fits_between_them(crossing):
    sound = replace(LOOPS, miss=0.0, faults=FaultRates())
    _, _, truth, reported = drive(crossing, sound)
    near = np.minimum(truth, 6.0)  # 45 m hold six
    assert reported.max() <= 6.0
    assert np.corrcoef(near.ravel(), reported.ravel())[0, 1] > 0.8
    assert np.abs(near - reported).mean() < 0.7


def test_a_camera_tells_less_than_there_is(crossing):
    _, _, truth, reported = drive(crossing, replace(CAMERA, miss=0.2, faults=FaultRates()))
    assert 0.5 < reported.sum() / truth.sum() < 0.85


def test_a_dead_detector_is_minus_one_in_the_observation_and_calls(crossing):
    dead = Sensing(faults=FaultRates(one_per_intersection=DetectorFault.DEAD))
    observation, _, _, reported = drive(crossing, dead, end_s=60.0)
    n_lanes = reported.shape[1]
    (lane,) = set(np.flatnonzero(np.isnan(reported[0])))
    assert (observation[:, [lane, n_lanes + lane]] == -1.0).all()
    assert (np.delete(observation[:, : 2 * n_lanes], [lane, n_lanes + lane], axis=1) >= 0.0).all()


def test_rewards_by_exits_stay_finite_where_no_exit_is_watched(crossing):
    _, reward, *_ = drive(crossing, LOOPS, reward=Reward.PRESSURE, end_s=100.0)
    assert np.isfinite(reward).all()


@pytest.mark.parametrize("kind", [SensingKind.CAMERA, SensingKind.LOOPS])
def test_listed_detectors_are_read_as_if_an_installer_had_put_them(crossing, kind):
    junction = crossing[1].intersections[0]
    bare = Sensing(kind=kind, reach_m=80.0)
    listed = replace(bare, detectors=(*place_zones(junction, 80.0), *place_loops(junction)))
    np.testing.assert_allclose(drive(crossing, listed, end_s=200.0)[3], drive(crossing, bare, end_s=200.0)[3])


def test_a_plan_sees_what_the_detectors_report_unless_it_teaches(crossing):
    """Who sees nobody keeps the stage that stands."""
    scenario, network, site = crossing
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    teacher, pupil = PlanController(plans, sees_truth=True), PlanController(plans)
    empty = Sensing(
        kind=SensingKind.CAMERA, faults=FaultRates(one_per_intersection=DetectorFault.STUCK_OFF), miss=0.99
    )
    moves = []
    with SignalEnv(replace(scenario, end_s=300.0), network, site, sensing=empty) as env:
        teacher.reset(env, 1)
        pupil.reset(env, 1)
        situation, ended = env.reset(1), False
        while not ended:
            wanted = teacher.decide(env, situation), pupil.decide(env, situation)
            moves.append([stage != situation.states[0].stage for (stage,) in wanted])
            transition = env.step(wanted[0])
            situation, ended = transition.situation, transition.ended
    assert np.mean(moves, axis=0)[0] > 0.1
    assert np.mean(moves, axis=0)[1] < 0.05
