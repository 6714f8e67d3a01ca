"""Rollouts and blocks of the learner on a Ray cluster: the one file that knows ray.

Everything is a task: an hour to drive, or a call of a block's learner with its last state. A
task depends on its arguments alone, so Ray runs it again where a worker or a machine died, to the same bits;
nothing is counted twice. The driver keeps the states. Arguments and results are pickled by ourselves: arrays that
Ray hands out are read-only views of its object store, and would hold that memory as long as an episode lives.
"""

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.errors import LeedError, TrainingError, WorkerError
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.simulation.pool import WorkerPool
from leed_traffic.train.learner import Learner
from leed_traffic.train.parallel.blocks import Block, Result
from leed_traffic.train.rollout import ActorWeights, Rollout, RolloutTask, roll_out

RETRIES = 5  # of a task whose worker or machine died; one that kills every worker ends the run
_CONNECT_S = 10.0  # for a head to answer
_PACKAGES = ("leed-traffic", "libsumo", "torch", "numpy")


@contextmanager
def connect(address: str | None, workers: int) -> Iterator[None]:
    """Join a cluster, or start one on this machine, for a while.

    Args:
        address: HOST:PORT of the head, or `auto`; None: this machine alone.
        workers: processors to use on this machine where there is no address.

    Raises:
        TrainingError: nothing answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            ray.init("local", num_cpus=max(1, workers), include_dashboard=False, **quiet)
        else:
            _check_listens(address)
            ray.init(address, **quiet)
    except (OSError, ValueError, RuntimeError) as err:
        first = str(err).strip().splitlines()[0]
        raise TrainingError(f"no Ray cluster at {address}: {first}; start one with `ray start --head`") from err
    try:
        yield
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Fail at once where nothing listens: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()


class RayRollouts:
    """Rollouts on any idle processor of the cluster, one simulation per process."""

    def __init__(self, spec: EnvSpec) -> None:
        self._spec = _share((spec, _PackedFiles.of(spec.scenario)))

    def run(self, tasks: Sequence[RolloutTask], on_done: Callable[[], None] | None = None) -> list[Rollout]:
        """See `RolloutWorkers`.

        Raises:
            WorkerError: a task died again and again, or the cluster is gone.
        """
        return _run(_drive, self._spec, tasks, on_done)


class RayBlocks:
    """Blocks of the learner, spread over the cluster; their states come home after every call."""

    def __init__(self) -> None:
        self._states: list[dict[str, Any]] = []
        self._weights: list[ActorWeights] = []
        self._shared: ray.ObjectRef | None = None

    def begin(self, blocks: Sequence[Block]) -> None:
        """See `BlockWorkers`."""
        self._shared = _share(tuple(blocks))
        learners = [block.new_learner() for block in blocks]
        self._states = [learner.state() for learner in learners]
        self._weights = [learner.model.weights() for learner in learners]
        self._blocks = tuple(blocks)

    def run(self, tasks: Sequence[Callable[[Learner], Result]]) -> list[Result]:
        """See `BlockWorkers`.

        Raises:
            WorkerError: a task died again and again, or the cluster is gone.
        """
        calls = [(k, state, task) for k, (state, task) in enumerate(zip(self._states, tasks, strict=True))]
        outcomes: list[_Outcome[Result]] = _run(_learn, self._shared, calls, None)
        self._states = [outcome.state for outcome in outcomes]
        self._weights = [outcome.weights for outcome in outcomes]
        return [outcome.result for outcome in outcomes]

    def states(self) -> list[dict[str, Any]]:
        """See `BlockWorkers`."""
        return self._states

    def load_states(self, states: Sequence[dict[str, Any]]) -> None:
        """See `BlockWorkers`."""
        self._states = list(states)
        self._weights = []
        for block, state in zip(self._blocks, states, strict=True):
            learner = block.new_learner()
            learner.load_state(state)
            self._weights.append(learner.model.weights())

    def weights(self) -> list[ActorWeights]:
        """See `BlockWorkers`."""
        return self._weights


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome(Generic[Result]):
    result: Result
    state: dict[str, Any]
    weights: ActorWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class _PackedFiles:
    """Files that a scenario names, so that the machines of a cluster need no common disk."""

    contents: tuple[tuple[str, bytes], ...]  # net, then routes, then additional files

    @classmethod
    def of(cls, scenario: Scenario) -> "_PackedFiles":
        """Read all of a scenario's files."""
        paths = (scenario.net_file, *scenario.route_files, *scenario.additional_files)
        return cls(contents=tuple((f"{k}-{path.name}", path.read_bytes()) for k, path in enumerate(paths)))

    def unpack(self, scenario: Scenario, folder: Path) -> Scenario:
        """Write the files into a folder; the scenario that names them there."""
        paths = tuple(folder / name for name, _ in self.contents)
        for path, (_, content) in zip(paths, self.contents, strict=True):
            path.write_bytes(content)
        first = 1 + len(scenario.route_files)
        return replace(scenario, net_file=paths[0], route_files=paths[1:first], additional_files=paths[first:])


def _drive(shared: tuple[EnvSpec, _PackedFiles], task: RolloutTask) -> Rollout:
    spec, files = shared
    with tempfile.TemporaryDirectory(prefix="leed-scenario-") as folder:
        unpacked = replace(spec, scenario=files.unpack(spec.scenario, Path(folder)))
        (rollout,) = _pool().run(partial(roll_out, unpacked), [task])
    return rollout


@cache
def _pool() -> WorkerPool:
    """Pool for all tasks of this worker of Ray; it ends with it."""
    return WorkerPool(1)


def _learn(
    blocks: tuple[Block, ...], call: tuple[int, dict[str, Any], Callable[[Learner], Result]]
) -> _Outcome[Result]:
    torch.set_num_threads(1)
    k, state, task = call
    learner = blocks[k].new_learner()
    learner.load_state(state)
    result = task(learner)
    return _Outcome(result=result, state=learner.state(), weights=learner.model.weights())


def _run(
    function: Callable[[Any, Any], Any],
    shared: "ray.ObjectRef | None",
    tasks: Sequence[Any],
    on_done: Callable[[], None] | None,
) -> list[Any]:
    """Call `function(shared, task)` for every task on any idle processor; results in the order of the tasks."""
    versions = _versions()
    running = {_REMOTE.remote(versions, function, shared, pickle.dumps(task)): k for k, task in enumerate(tasks)}
    results: dict[int, Any] = {}
    try:
        while running:
            (ended,), _ = ray.wait(list(running), num_returns=1)
            k = running.pop(ended)
            results[k] = pickle.loads(ray.get(ended))
            if on_done:
                on_done()
    except RayTaskError as err:
        if isinstance(err.cause, LeedError):
            raise err.cause from err
        raise
    except RayError as err:
        first = str(err).strip().splitlines()[0]
        raise WorkerError(
            f"the cluster lost a task {RETRIES + 1} times or is gone itself: {first}; go on with --resume"
        ) from err
    finally:
        for left in running:
            ray.cancel(left, force=True)
    return [results[k] for k in range(len(tasks))]


def _call(versions: dict[str, str], function: Callable[[Any, Any], Any], shared: bytes, task: bytes) -> bytes:
    if versions != _versions():
        raise TrainingError(
            f"{ray.util.get_node_ip_address()}: has {_versions()}, this run {versions}; "
            "install the same on every machine"
        )
    try:
        return pickle.dumps(function(pickle.loads(shared), pickle.loads(task)))
    except WorkerError:  # what simulates for us was killed: so are we, and Ray runs the task again
        os._exit(1)


_REMOTE: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)


def _share(something: object) -> "ray.ObjectRef":
    """Put into the object store, once per machine however many tasks use it."""
    return ray.put(pickle.dumps(something))


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}
