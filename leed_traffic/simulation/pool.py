"""Work in parallel processes: every task begins in the same state, results come back in the order of the tasks."""

from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, TypeVar

from leed_traffic.errors import WorkerError
from leed_traffic.simulation.sumo.copies import Template
from leed_traffic.simulation.sumo.running import Failure

Task = TypeVar("Task")
Result = TypeVar("Result")
_DIED = "a worker process died (killed, or out of memory); use fewer --workers and run again"


class WorkerPool:
    """So many tasks at a time, each in a process that is copied for it; with 0 workers everything runs in this process."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._module = ""
        self._template: Template | None = None

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
        if not self._workers:
            return [self._in_turn(function, k, task, on_done) for k, task in enumerate(tasks)]
        left = list(enumerate(tasks))[::-1]
        running: dict[Connection, int] = {}
        results: dict[int, Result] = {}
        try:
            while left or running:
                while left and len(running) < self._workers:
                    k, task = left.pop()
                    running[self._begin(function, task)] = k
                for connection in wait(list(running)):
                    k = running.pop(connection)  # type: ignore[call-overload]  # those that we gave it
                    results[k] = _result(connection)  # type: ignore[arg-type]
                    if on_done:
                        on_done(k, results[k])
        finally:
            for connection in running:
                connection.close()
        return [results[k] for k in range(len(tasks))]

    def _begin(self, function: Callable[[Task], Result], task: Task) -> Connection:
        module = function.func.__module__ if isinstance(function, partial) else function.__module__
        if self._template is None or self._module != module:
            self._close()
            self._template = Template([module])
            self._module = module
        try:
            connection = self._template.copy()
            connection.send((function, task))
        except OSError as err:
            raise WorkerError(_DIED) from err
        return connection

    def _close(self) -> None:
        if self._template is not None:
            self._template.close()
            self._template = None

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


def _result(connection: Connection) -> Any:  # noqa: ANN401  # what the task's function returns
    with connection:
        try:
            answer = connection.recv()
        except (EOFError, OSError) as err:
            raise WorkerError(_DIED) from err
    if isinstance(answer, Failure):
        raise answer.error
    return answer


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
