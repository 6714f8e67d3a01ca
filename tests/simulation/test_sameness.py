"""The same inputs give the same result, whatever this process simulated, allocated or freed before."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import Scenario
from leed_traffic.simulation.pool import WorkerPool
from tests.simulation.carriageways import Job, drive

pytestmark = pytest.mark.sumo


def make_holes(rng: np.random.Generator) -> list[bytes]:
    """Leave the heap as a program does that ran for a while; it stays so as long as the result is kept."""
    blocks = [bytes(int(size)) for size in rng.integers(400, 3000, 20_000)]
    rng.shuffle(blocks)
    return blocks[::2]


def test_a_run_repeats_after_other_runs_and_other_work_in_the_same_process(carriageways, tmp_path):
    rng, kept, trips = np.random.default_rng(1), [], []
    for k in range(4):
        trips.append(drive(carriageways, Job(7, tmp_path / f"a{k}")))
        kept = make_holes(rng)
        drive(carriageways, Job(8, tmp_path / f"b{k}"))
    assert kept
    assert trips[1:] == trips[:1] * 3


def test_a_task_of_a_pool_and_a_simulation_of_its_own_agree(carriageways, tmp_path):
    alone = drive(carriageways, Job(7, tmp_path / "alone"))
    kept = make_holes(np.random.default_rng(2))
    with WorkerPool(1) as pool:
        pooled = pool.run(partial(drive, carriageways), [Job(8, tmp_path / "p8"), Job(7, tmp_path / "p7")])
    assert kept
    assert (
        pooled[1] == alone
    )  # not plain SUMO's: its heap holds other things besides, and so its junctions other orders


def twice(scenario: Scenario, folder: Path) -> list[str]:
    return [drive(scenario, Job(7, folder / name)) for name in ("first", "second")]


def test_a_second_simulation_of_a_task_is_as_the_first(carriageways, tmp_path):
    with WorkerPool(1) as pool:
        ((first, second),) = pool.run(partial(twice, carriageways), [tmp_path])
    assert first == second


def write_and_stay(ready: Path) -> None:
    """A task in the middle of its work, with files of its own."""
    Path(tempfile.mkdtemp(prefix="leed-evaluate-"), "trips.xml").write_text("half")
    ready.touch()
    time.sleep(600)
