import gzip
import json
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.sensing import LOOPS
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Weights
from leed_traffic.generate.bench import Bench, Result
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.env.signal_env import Reward
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.pool import WorkerPool
from tests.generate.short_hour import SHORT_S


class CountingPool(WorkerPool):
    """Makes up a result for every run and counts the runs."""

    def __init__(self):
        super().__init__(0)
        self.runs = []

    def run(self, function, tasks, on_done=None):
        self.runs += tasks
        for k, task in enumerate(tasks):
            on_done(k, (Result(delay_s=float(task.seed), returns=(-1.0,), simulated_s=240.0), b""))
        return []


def bench(short, folder, pool):
    scenario = load_scenario(short)
    network = import_network(scenario.net_file)
    setting = EnvSpec(
        scenario=scenario, network=network, site=load_site(None, scenario, network), decision_interval_s=5.0, reach_m=100.0,
        reward=Reward.QUEUE,
    )  # fmt: skip
    return Bench(setting, pool, folder, lambda what: None)


def test_the_bench_asks_nothing_twice(short, tmp_path):
    pool = CountingPool()
    plans = {"C": max_wave_plan("C")}
    first = bench(short, tmp_path, pool)
    (trial, again) = first.try_out([plans, dict(plans)], (11, 12), "x")
    assert (trial.delay_s, again.delay_s, len(pool.runs)) == (11.5, 11.5, 2)
    assert bench(short, tmp_path, pool).try_out([plans], (12, 13), "x")[0].delay_s == 12.5
    assert [run.seed for run in pool.runs] == [11, 12, 13]
    assert first.simulated_hours == pytest.approx(2 * SHORT_S / 3600.0)


def test_a_trial_on_a_demonstrated_seed_keeps_its_trajectories(short, tmp_path):
    pool, plans = CountingPool(), {"C": max_wave_plan("C")}
    setting = bench(short, tmp_path, pool).setting
    both = Bench(setting, pool, tmp_path, lambda what: None, shown_seeds=(12, 13))
    both.try_out([plans, None], (11, 12), "x")
    assert [(run.seed, run.wants_trajectories) for run in pool.runs] == [
        (11, False),
        (12, True),
        (11, False),
        (12, False),
    ]


def test_the_bench_asks_again_when_plans_or_limits_change(short, tmp_path):
    pool = CountingPool()
    first = bench(short, tmp_path, pool)
    first.try_out([{"C": max_wave_plan("C")}], (11,), "x")
    first.try_out([{"C": max_wave_plan("C", reach_m=60.0)}, None], (11,), "x")
    assert len(pool.runs) == 3
    scenario, network = first.setting.scenario, first.setting.network
    setting = EnvSpec(
        scenario=scenario, network=network, site=load_site("as-net", scenario, network), decision_interval_s=5.0, reach_m=100.0,
        reward=Reward.QUEUE,
    )  # fmt: skip
    Bench(setting, pool, tmp_path, lambda what: None).try_out([{"C": max_wave_plan("C")}], (11,), "x")
    assert len(pool.runs) == 4


def test_the_bench_asks_again_when_detectors_priorities_or_weights_change(short, tmp_path):
    pool = CountingPool()
    setting = bench(short, tmp_path, pool).setting
    rule = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=8.0, lockout_s=60.0)
    for changed in (
        setting,
        replace(setting, sensing=LOOPS),
        replace(setting, site=replace(setting.site, priority=(rule,))),
        replace(setting, site=replace(setting.site, weights=Weights(persons=1.0))),
    ):
        for _ in range(2):
            Bench(changed, pool, tmp_path, lambda what: None).try_out([None], (11,), "x")
    assert len(pool.runs) == 4


def test_a_half_written_result_is_asked_again(short, tmp_path):
    pool = CountingPool()
    bench(short, tmp_path, pool).try_out([None], (11,), "x")
    (file,) = tmp_path.glob("*.json.gz")
    assert json.loads(gzip.decompress(file.read_bytes()))["delay_s"] == 11.0
    file.write_bytes(file.read_bytes()[:-1])
    bench(short, tmp_path, pool).try_out([None], (11,), "x")
    assert len(pool.runs) == 2
