"""Workers of a training run: rollouts and blocks of the learner behind small interfaces, here or on a cluster."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any, Protocol

import torch

from leed_traffic.errors import TrainingError
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.pool import WorkerPool
from leed_traffic.train.config import Backend, ComputeConfig
from leed_traffic.train.learner import Learner
from leed_traffic.train.parallel.blocks import Block, BlockWorkers, Result
from leed_traffic.train.rollout import ActorWeights, Rollout, RolloutTask, roll_out


class RolloutWorkers(Protocol):
    """Processes, here or elsewhere, that drive episodes."""

    def run(self, tasks: Sequence[RolloutTask], on_done: Callable[[], None] | None = None) -> list[Rollout]:
        """Drive one episode per task; rollouts in the order of the tasks. `on_done` is called as each one ends."""


class PooledRollouts:
    """Rollouts in processes of this machine, one simulation each; with 0 workers in this process."""

    def __init__(self, spec: EnvSpec, workers: int) -> None:
        self._pool = WorkerPool(workers)
        self._function = partial(roll_out, spec)

    def run(self, tasks: Sequence[RolloutTask], on_done: Callable[[], None] | None = None) -> list[Rollout]:
        """See `RolloutWorkers`.

        Raises:
            WorkerError: a worker process died.
        """
        return self._pool.run(self._function, tasks, None if on_done is None else lambda _k, _result: on_done())

    def __enter__(self) -> "PooledRollouts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)


class ThreadedBlocks:
    """Blocks in threads of this process: the simulations stand still while it learns, so their cores are idle."""

    def __init__(self, threads: int) -> None:
        self._threads = max(1, threads)
        self._learners: list[Learner] = []

    def begin(self, blocks: Sequence[Block]) -> None:
        """See `BlockWorkers`."""
        self._learners = [block.new_learner() for block in blocks]

    def run(self, tasks: Sequence[Callable[[Learner], Result]]) -> list[Result]:
        """See `BlockWorkers`."""
        if len(tasks) == 1 or self._threads == 1:
            return [task(learner) for task, learner in zip(tasks, self._learners, strict=True)]
        with ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(_run, tasks, self._learners))

    def states(self) -> list[dict[str, Any]]:
        """See `BlockWorkers`."""
        return [learner.state() for learner in self._learners]

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """See `BlockWorkers`."""
        for learner, state in zip(self._learners, states, strict=True):
            learner.load_state(state)

    def weights(self) -> list[ActorWeights]:
        """See `BlockWorkers`."""
        return [learner.model.weights() for learner in self._learners]


def _run(task: Callable[[Learner], Result], learner: Learner) -> Result:
    return task(learner)


@contextmanager
def open_workers(config: ComputeConfig, spec: EnvSpec) -> Iterator[tuple[RolloutWorkers, BlockWorkers]]:
    """Start the workers that the settings ask for, and end them on leaving.

    Raises:
        TrainingError: there is no such cluster, or Ray is not installed.
    """
    if config.backend is Backend.LOCAL:
        with PooledRollouts(spec, config.workers) as rollouts:
            yield rollouts, ThreadedBlocks(config.workers)
        return
    try:
        from leed_traffic.train.parallel import ray_backend
    except ModuleNotFoundError as err:
        raise TrainingError("Ray is not installed; pip install '.[cluster]'") from err
    with ray_backend.connect(config.address, config.workers):
        yield ray_backend.RayRollouts(spec), ray_backend.RayBlocks()
