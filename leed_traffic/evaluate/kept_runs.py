"""Finished runs are kept on disk, so that an evaluation that was killed goes on where it stood.

A run's file is named by a digest of everything that it depends on: the net, demand and options, the site's limits,
the controller's content, the seed, SUMO's version and our own source. What changed is run again; what did not
gives the same bytes.
"""

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.plans_file import plans_file
from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.controllers import Choice, ControllerKind
from leed_traffic.evaluate.one_run import RunTask
from leed_traffic.evaluate.runs import ControllerRun
from leed_traffic.simulation.sumo.engine import sumo_version

RUNS_NAME = "runs"
_SOURCES = ("domain", "artifacts", "simulation", "evaluate")  # packages whose code decides a run
_run: TypeAdapter[ControllerRun] = TypeAdapter(ControllerRun)


class KeptRuns:
    """The folder of finished runs; without one nothing is kept."""

    def __init__(self, out: Path | None) -> None:
        self._folder = None if out is None else out / RUNS_NAME

    def find(self, task: RunTask) -> ControllerRun | None:
        """The finished run of a task; None where there is none, or its file is damaged."""
        if self._folder is None:
            return None
        try:
            kept = _run.validate_json(self._path(task).read_bytes())
        except (OSError, ValidationError):
            return None
        return kept.named(task.choice.name)  # the same bundle may have another path today

    def keep(self, task: RunTask, run: ControllerRun) -> None:
        """Write a finished run, whole or not at all.

        Raises:
            UsageError: it cannot be written there.
        """
        if self._folder is None:
            return
        path = self._path(task)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, _run.dump_json(run) + b"\n")
        except OSError as err:
            raise UsageError(f"{path}: cannot be written ({err.strerror}); choose another --out") from err

    def _path(self, task: RunTask) -> Path:
        return (self._folder or Path()) / f"{digest_of(task)}.json"


def digest_of(task: RunTask) -> str:
    """sha256 over everything that a run depends on."""
    parts = {
        "scenario": _scenario_digest(task.scenario),
        "network": task.network.digest(),
        "site": [task.site.name, task.site.digest, repr(task.site.priority), repr(task.site.weights)],
        "controller": _controller_digest(task.choice),
        "seed": task.seed,
        "decision_interval_s": task.decision_interval_s,
        "reach_m": task.reach_m,
        "sensing": task.sensing.digest(),
        "plotted": None if task.plotted is None else asdict(task.plotted),
        "sumo": sumo_version(),
        "source": _source_digest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _controller_digest(choice: Choice) -> list[str]:
    if choice.pair is not None:
        return [str(choice.kind), *(part for one in choice.pair for part in _controller_digest(one))]
    if choice.path is None:
        return [str(choice.kind)]
    return [
        str(choice.kind),
        read_bundle(choice.path).digest
        if choice.kind is ControllerKind.BUNDLE
        else _file(plans_file(choice.path)),
    ]


def _scenario_digest(scenario: Scenario) -> list[object]:
    named = [Path(option) for option in scenario.options if not option.startswith("--")]
    files = [
        scenario.net_file,
        *scenario.route_files,
        *scenario.additional_files,
        *(p for p in named if p.is_file()),
    ]
    hour = [scenario.begin_s, scenario.end_s, scenario.step_length_s, list(scenario.options)]
    demand = None if scenario.demand is None else asdict(scenario.demand)
    return [scenario.name, hour, demand, scenario.spread, *(_file(path) for path in files)]


def _file(path: Path) -> str:
    stat = path.stat()
    return _file_digest(path, stat.st_mtime_ns, stat.st_size)


@cache
def _file_digest(path: Path, changed_ns: int, size: int) -> str:
    """Read once as long as it does not change: every task of a comparison names the same files."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _source_digest() -> str:
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
