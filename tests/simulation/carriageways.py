"""Dual carriageways, on which SUMO's results depend on what a process did before."""

from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import TRIPS_NAME


@dataclass(frozen=True)
class Job:
    seed: int
    record: Path


def drive(scenario: Scenario, job: Job) -> str:
    """Every trip of ten minutes under the net's own program."""
    engine = Engine()
    engine.start(scenario, seed=job.seed, route_files=scenario.route_files, record=job.record)
    engine.advance(scenario.end_s)
    engine.close()
    text = (job.record / TRIPS_NAME).read_text()
    return text[text.index("<tripinfos") :]


def children(pid: int) -> list[int]:
    own = [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for word in (task / "children").read_text().split()
    ]
    return [*own, *(further for child in own for further in children(child))]
