"""Names of finished runs on disk, so that an evaluation that was killed goes on where it stood.

The digest covers everything that a run depends on: net, demand and options, the site's limits, the controller's
content, the seed, SUMO's version and our source. What changed is run again; what did not gives the same bytes.
"""

from dataclasses import asdict
from pathlib import Path

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.plans_file import plans_file
from leed_traffic.artifacts.result_store import ResultStore, digest_of, file_digest, source_digest
from leed_traffic.evaluate.controllers import Choice, ControllerKind
from leed_traffic.evaluate.one_run import RunTask
from leed_traffic.evaluate.runs import ControllerRun

RUNS_NAME = "runs"


def kept_runs(out: Path | None) -> ResultStore[ControllerRun]:
    """The store of finished runs in an evaluation's folder; without one nothing is kept."""
    return ResultStore(None if out is None else out / RUNS_NAME, ControllerRun)


def run_digest(task: RunTask) -> str:
    """sha256 over everything that a run depends on: its key in the store."""
    return digest_of(
        task.setting.digest(),
        source_digest("evaluate"),
        _controller_facts(task.choice),
        task.seed,
        None if task.plotted is None else asdict(task.plotted),
    )


def _controller_facts(choice: Choice) -> list[str]:
    if choice.pair is not None:
        return [str(choice.kind), *(part for one in choice.pair for part in _controller_facts(one))]
    if choice.path is None:
        return [str(choice.kind)]
    if choice.kind is ControllerKind.BUNDLE:
        return [str(choice.kind), read_bundle(choice.path).digest]
    return [str(choice.kind), file_digest(plans_file(choice.path))]
