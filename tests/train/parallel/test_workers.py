import sys
import threading
from functools import partial

import pytest

from leed_traffic.errors import TrainingError
from leed_traffic.train.config import ComputeConfig, LearnerConfig
from leed_traffic.train.learner import Learner
from leed_traffic.train.parallel.blocks import cut_into_blocks
from leed_traffic.train.parallel.workers import PooledRollouts, ThreadedBlocks, open_workers
from tests.train.fakes import S_MAX, SIZES


def begun(threads):
    workers = ThreadedBlocks(threads)
    workers.begin(cut_into_blocks(SIZES, S_MAX, LearnerConfig(hidden=8), seed=1, size=1))
    return workers


def width(learner, extra):
    return learner.model.actor.w1.shape[1] + extra


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_each_task_gets_the_learner_of_its_block(threads):
    assert begun(threads).run([partial(width, extra=0), partial(width, extra=1000)]) == [SIZES[0], SIZES[1] + 1000]


def test_two_threads_work_at_the_same_time():
    barrier = threading.Barrier(2, timeout=20.0)
    assert sorted(begun(2).run([lambda _: barrier.wait(), lambda _: barrier.wait()])) == [0, 1]


def test_a_task_too_few_is_the_callers_mistake():
    with pytest.raises(ValueError, match="longer"):
        begun(1).run([Learner.state])


def test_states_are_taken_up():
    first, second = begun(1), begun(1)
    first.run([lambda learner: learner.model.actor.w3.data.zero_()] * 2)
    second.load_states(first.states())
    assert not any(weights.w3.any() for weights in second.weights())


def test_this_machine_needs_no_cluster_and_a_cluster_needs_ray(monkeypatch):
    with open_workers(ComputeConfig(workers=0), None) as (rollouts, blocks):
        assert isinstance(rollouts, PooledRollouts)
        assert isinstance(blocks, ThreadedBlocks)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "leed_traffic.train.parallel.ray_backend", raising=False)
    monkeypatch.delattr("leed_traffic.train.parallel.ray_backend", raising=False)
    with (
        pytest.raises(TrainingError, match="Ray is not installed"),
        open_workers(ComputeConfig(backend="ray"), None),
    ):
        pass
