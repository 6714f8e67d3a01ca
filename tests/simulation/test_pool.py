import os
import signal

import pytest

from leed_traffic.errors import ExitCode, ScenarioError, WorkerError
from leed_traffic.simulation.pool import WorkerPool, run_parallel


def double(number: int) -> int:
    return 2 * number


def complain(number: int) -> int:
    raise ScenarioError(f"net {number}: broken")


def divide(number: int) -> float:
    return number / 0


def unreadable(number: int) -> int:
    raise FileNotFoundError(f"file {number}")


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_back_in_the_order_of_the_tasks(workers):
    done = []
    assert run_parallel(double, [3, 1, 2], workers=workers, on_done=lambda k, r: done.append((k, r))) == [6, 2, 4]
    assert sorted(done) == [(0, 6), (1, 2), (2, 4)]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_in_a_worker_reaches_the_caller_as_it_was(workers):
    with pytest.raises(ScenarioError, match="net 7: broken"):
        run_parallel(complain, [7], workers=workers)


def test_a_killed_worker_is_one_clear_error():
    with WorkerPool(1) as pool, pytest.raises(WorkerError, match="worker process died") as caught:
        pool.run(die, [1])
    assert caught.value.exit_code is ExitCode.BACKEND_LOST


@pytest.mark.parametrize(
    ("work", "said"), [(divide, "ZeroDivisionError"), (unreadable, r"FileNotFoundError\('file 3'\)")]
)
def test_an_error_that_nobody_expects_tells_where_in_the_worker_it_happened(work, said):
    with WorkerPool(1) as pool:
        with pytest.raises(RuntimeError, match=f"{said}.* in a process of its own(.|\n)*in {work.__name__}\n"):
            pool.run(work, [3])
        assert pool.run(double, [4]) == [8]
