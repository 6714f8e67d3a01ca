"""A small network of two unequal signals, an expert that is right, and hours that no simulator drives."""

import numpy as np

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Demonstrations
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.action import choose_at_random, choose_best
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.domain.trajectory import Trajectory
from leed_traffic.simulation.env.episode import Episode
from leed_traffic.simulation.score.score import SeedScore
from leed_traffic.train.records.run_folder import RunSetting
from leed_traffic.train.rollout import Rollout
from tests.intersections import flat_timing, star

NETWORK = Network(intersections=(star(2, "A"), star(3, "B")))
SITE = make_site("test", [flat_timing(2, name="A"), flat_timing(3, name="B")])
N_STAGES = (2, 3)
SIZES = tuple(observation_spec(i, decision_interval_s=5.0).size for i in NETWORK.intersections)
SHAPE, S_MAX, T = (2, max(SIZES)), 3, 40


def hour(seed, choose):
    """An hour in which the right stage is the one with the longest queue: reward 0 for it, -1 for another."""
    rng = np.random.default_rng(seed)
    observation = rng.uniform(0.0, 1.0, (T + 1, *SHAPE)).astype(np.float32)
    for n, size in enumerate(SIZES):
        observation[:, n, size:] = 0.0
    legal = np.zeros((T + 1, 2, S_MAX), dtype=bool)
    for n, s in enumerate(N_STAGES):
        legal[:, n, :s] = True
        legal[::4, n, 1:] = False  # every fourth step is forced
    right = np.stack(
        [np.where(legal[:, n], observation[:, n, :S_MAX], -9.0).argmax(axis=1) for n in range(2)], axis=1
    )
    stage = np.stack([choose(observation[t], legal[t], right[t]) for t in range(T)])
    reward = -(stage != right[:T]).astype(float)
    score = SeedScore(
        seed=seed, scheduled=1, departed=1, finished=1, never_departed=0, delay_s=float(-reward.mean() * 100.0),
        trip_time_s=1.0, waiting_s=0.0, queue_veh=0.0, unsafe_changes=0, emergency_stops=0, collisions=0, teleports=0,
    )  # fmt: skip
    return Episode(
        seed=seed, observation=observation[:T], legal=legal[:T], stage=stage, reward=reward, last_observation=observation[T],
        last_legal=legal[T], overrides=0, score=score, cpu_s=0.0, simulated_s=3600.0,
    ), right[:T]  # fmt: skip


class FakeRollouts:
    """Drives hours from the weights and the seeds alone."""

    def __init__(self, before_each=lambda tasks: None):
        self._before_each = before_each

    def run(self, tasks, on_done=None):
        self._before_each(tasks)
        rollouts = []
        for task in tasks:
            rng = np.random.default_rng(task.sample_seed or 0)

            def choose(observation, legal, right, task=task, rng=rng):
                if task.weights is None:
                    return right
                logits = task.weights.logits(observation)
                return (
                    choose_best(logits, legal)
                    if task.sample_seed is None
                    else choose_at_random(logits, legal, rng)
                )

            episode, right = hour(task.seed, choose)
            rollouts.append(Rollout(episode=episode, label=right if task.plans and task.weights else None))
            if on_done:
                on_done()
        return rollouts


def demonstrations(seeds=(101, 102, 103)):
    """Hours of the expert that is right."""
    trajectories = []
    for seed in seeds:
        episode, _ = hour(seed, lambda observation, legal, right: right)
        for n, i in enumerate(NETWORK.intersections):
            trajectories.append(
                Trajectory(
                    intersection=i.id,
                    seed=seed,
                    observation=episode.observation[:, n, : SIZES[n]],
                    stage=episode.stage[:, n],
                    reward=episode.reward[:, n] - 0.01,
                    legal=episode.legal[:, n, : i.n_stages],
                )
            )
    manifest = DemonstrationManifest(
        author="test", scenario="fake", network_digest=NETWORK.digest(), site_name=SITE.name, site_digest=SITE.digest,
        decision_interval_s=5.0, reach_m=100.0, reward="time-loss", seeds=tuple(seeds), sumo_version="1", leed_version="1",
        baseline_delay_s=1.0, delay_s=1.0, demonstrated_delay_s=1.0, simulated_hours=3.0,
    )  # fmt: skip
    plans = {i.id: max_wave_plan(i.id) for i in NETWORK.intersections}
    return Demonstrations(manifest=manifest, plans=plans, trajectories=tuple(trajectories))


SETTING = RunSetting(
    scenario="fake", intersections=NETWORK.intersections, site_name=SITE.name, timings=SITE.timings, author="test",
    demonstrations_digest="0", demonstration_hours=3.0, sumo_version="1", torch_version="2",
)  # fmt: skip
