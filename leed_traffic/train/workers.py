"""Rollouts in parallel processes behind a small interface, so that a cluster can stand in for the pool."""

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Protocol

from leed_traffic.simulation.pool import WorkerPool
from leed_traffic.train.rollout import EnvSpec, Rollout, RolloutTask, roll_out


class Rollouts(Protocol):
    """Drives episodes, here or elsewhere."""

    def run(self, tasks: Sequence[RolloutTask], on_done: Callable[[], None] | None = None) -> list[Rollout]:
        """One rollout per task, in the order of the tasks; `on_done` is told as each one ends."""


class PooledRollouts:
    """One simulation per process on this machine; with 0 workers in this process."""

    def __init__(self, spec: EnvSpec, workers: int) -> None:
        self._pool = WorkerPool(workers)
        self._function = partial(roll_out, spec)

    def run(self, tasks: Sequence[RolloutTask], on_done: Callable[[], None] | None = None) -> list[Rollout]:
        """See `Rollouts`.

        Raises:
            TrainingError: a worker process died.
        """
        return self._pool.run(self._function, tasks, None if on_done is None else lambda _k, _result: on_done())

    def __enter__(self) -> "PooledRollouts":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.__exit__(kind, error, trace)
