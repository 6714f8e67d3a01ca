"""Work in parallel processes: a simulation is one process, results come back in the order of the tasks."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from leed_traffic.errors import WorkerError

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerPool:
    """Spawned processes that stay up between calls; with 0 workers everything runs in this process."""

    def __init__(self, workers: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(workers, mp_context=spawn) if workers > 0 else None

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        on_done: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """Call `function` on every task.

        Args:
            function: importable by name; so are its arguments and results picklable.
            tasks: in the order in which the results are wanted.
            on_done: told (index, result) as each one ends.

        Raises:
            WorkerError: a worker process died (out of memory, killed).
        """
        if self._executor is None:
            return [self._in_turn(function, k, task, on_done) for k, task in enumerate(tasks)]
        futures = {self._executor.submit(function, task): k for k, task in enumerate(tasks)}
        results: dict[int, Result] = {}
        try:
            for future in as_completed(futures):
                results[futures[future]] = future.result()
                if on_done:
                    on_done(futures[future], results[futures[future]])
        except BrokenProcessPool as err:
            raise WorkerError("a worker process died (killed, or out of memory); use fewer --workers and run again") from err
        return [results[k] for k in range(len(tasks))]

    @staticmethod
    def _in_turn(
        function: Callable[[Task], Result], k: int, task: Task, on_done: Callable[[int, Result], None] | None
    ) -> Result:
        result = function(task)
        if on_done:
            on_done(k, result)
        return result

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._executor:
            self._executor.shutdown(wait=True, cancel_futures=True)


def run_parallel(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int,
    on_done: Callable[[int, Result], None] | None = None,
) -> list[Result]:
    """One batch of tasks in a pool of its own; see `WorkerPool.run`."""
    with WorkerPool(workers) as pool:
        return pool.run(function, tasks, on_done)
