"""A real Ray cluster of three node processes on this machine."""

import os
import signal
import threading
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import ScenarioError, TrainingError
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.parallel.blocks import BlockedLearner, cut_into_blocks
from leed_traffic.train.parallel.workers import PooledRollouts, ThreadedBlocks
from leed_traffic.train.records.run_folder import RunSetting
from leed_traffic.train.rollout import RolloutTask
from leed_traffic.train.run import train_with
from tests.train.test_run import result_of

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install '.[cluster]'")
from leed_traffic.train.parallel import ray_backend  # noqa: E402

pytestmark = [
    pytest.mark.ray,
    pytest.mark.sumo,
    pytest.mark.slow,
    # Ray leaves its node processes' pipes and sockets to the garbage collector
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MB = 2**20
NODES = 3


@pytest.fixture(scope="module")
def address():
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own start
        cluster = Cluster()
        for _ in range(NODES):
            cluster.add_node(num_cpus=1, object_store_memory=100 * MB, include_dashboard=False)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def joined(address):
    with ray_backend.connect(address, 0):
        assert sum(node["Alive"] for node in ray.nodes()) == NODES
        yield


@pytest.fixture(scope="module")
def spec():
    scenario = replace(load_scenario("arterial5"), end_s=300.0)
    network = import_network(scenario.net_file, scenario.additional_files)
    site = load_site(None, scenario, network)
    return EnvSpec(
        scenario=scenario,
        network=network,
        site=site,
        decision_interval_s=5.0,
        reach_m=100.0,
        reward=Reward.TIME_LOSS,
    )


def config(out, **settings):
    small = {"scenario": "arterial5", "episodes": 4, "episodes_per_update": 2, "epochs": 2, "validation_seeds": 2}
    return TrainConfig.from_flat({"out": out, **small, **settings})


def run(out, spec, rollouts, work):
    setting = RunSetting(
        scenario="arterial5", intersections=spec.network.intersections, site_name=spec.site.name,
        timings=spec.site.timings, sumo_version="1", torch_version="2",
    )  # fmt: skip
    told = []
    train_with(config(out), setting, None, rollouts, lambda n, note: told.append(n), work)
    return result_of(out), sum(told)


def workers_of(name):
    """Processes under this one in which Ray carries out a function of that name."""
    parents, found = {}, []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if (entry / "cmdline").read_bytes().startswith(f"ray::{name}".encode()):
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue

    def is_ours(pid):
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [pid for pid in found if is_ours(pid)]


class Killer(threading.Thread):
    """Kills one worker in the middle of its task."""

    def __init__(self, after_s):
        super().__init__(daemon=True)
        self._after_s, self.killed = after_s, 0

    def run(self):
        until = time.monotonic() + 60.0
        while time.monotonic() < until and not self.killed:
            for pid in workers_of("_call")[:1]:
                time.sleep(self._after_s)
                if pid in workers_of("_call"):
                    os.kill(pid, signal.SIGKILL)
                    self.killed = pid
            time.sleep(0.02)


def test_a_cluster_gives_the_bytes_of_this_machine_though_a_worker_dies_in_an_hour(
    joined, spec, tmp_path, monkeypatch
):
    in_three = partial(cut_into_blocks, size=2)  # five signals
    monkeypatch.setattr("leed_traffic.train.runner.cut_into_blocks", in_three)
    with PooledRollouts(spec, 1) as pool:
        here, told_here = run(tmp_path / "here", spec, pool, ThreadedBlocks(1))
    killer = Killer(after_s=0.2)
    killer.start()
    there, told_there = run(tmp_path / "there", spec, ray_backend.RayRollouts(spec), ray_backend.RayBlocks())
    killer.join()
    assert killer.killed
    assert told_there == told_here == config("x").total_episodes
    assert there == here


def test_a_block_of_the_learner_survives_the_death_of_its_worker(joined, spec):
    rollouts = ray_backend.RayRollouts(spec)
    settings = config("x", epochs=80, minibatch=10)
    sizes = [observation_spec(i, decision_interval_s=5.0).size for i in spec.network.intersections]
    cut = cut_into_blocks(
        sizes, max(i.n_stages for i in spec.network.intersections), settings.learner, seed=settings.seed, size=2
    )
    results = []
    for work, kill in ((ThreadedBlocks(1), False), (ray_backend.RayBlocks(), True)):
        learner = BlockedLearner(cut, work)
        task = RolloutTask(weights=learner.weights(), seed=10_001, sample_seed=1)
        episodes = [rollout.episode for rollout in rollouts.run([task])]
        killer = Killer(after_s=0.3)
        if kill:
            killer.start()
        losses = learner.update(
            episodes, None, 0.0 * episodes[0].reward[0], settings.ppo, settings.ppo.rates(is_cloned=False)
        )
        if kill:
            killer.join()
            assert killer.killed
        results.append((losses, [w.tobytes() for w in learner.weights()]))
    assert results[0] == results[1]


def test_a_fault_of_the_scenario_is_told_as_such(joined, spec, tmp_path):
    routes = tmp_path / "lost.rou.xml"
    routes.write_text('<routes><trip id="a" depart="1" from="nowhere" to="nowhere"/></routes>')
    lost = replace(spec, scenario=replace(spec.scenario, demand=None, route_files=(routes,)))
    plans = {i.id: max_wave_plan(i.id) for i in spec.network.intersections}
    with pytest.raises(ScenarioError, match="nowhere"):
        ray_backend.RayRollouts(lost).run([RolloutTask(weights=None, seed=1, plans=plans)])


def test_machines_with_other_versions_are_refused(joined, spec, monkeypatch):
    monkeypatch.setattr(ray_backend, "_versions", lambda: {"libsumo": "0"})
    with pytest.raises(TrainingError, match="install the same on every machine"):
        ray_backend.RayRollouts(spec).run([RolloutTask(weights=None, seed=1)])


def test_a_cluster_that_is_not_there_is_one_line():
    with (
        pytest.raises(TrainingError, match="start one with `ray start --head`"),
        ray_backend.connect("127.0.0.1:1", 0),
    ):
        pass
