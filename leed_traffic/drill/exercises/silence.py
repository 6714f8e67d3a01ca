"""The controller falls silent at a random moment, frozen (SIGSTOP) or killed (SIGKILL): the signal must walk on by itself."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.drill.rig.holder import Holder
from leed_traffic.drill.rig.place import Place, sumo, wait_for_end
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.simulation.score.audit import StateRun

LEASE_S = 4.0  # of `serve`, without a renewal
STEPS_ALONE = 120
START_S = 60.0
_SERVE = "import sys; from leed_traffic.cli.main import run; run()"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceResult:
    """Behaviour of the signals without their controller."""

    runs: int
    faults: tuple[str, ...]
    unsafe_changes: int
    longest_s: float  # from the silence to the end of the stage that stood, beyond its minimum green


def try_silences(place: Place, folder: Path, count: int, seed: int) -> SilenceResult:
    """Freeze or kill the controller again and again, each time in a new simulation.

    Args:
        place: with its bundle.
        folder: for records.
        count: how many times; the two ways take turns.
        seed: of the moments.
    """
    rng = np.random.default_rng(seed)
    faults: list[str] = []
    unsafe = 0
    longest_s = 0.0
    for k in range(count):
        number = (signal.SIGSTOP, signal.SIGKILL)[k % 2]
        record = folder / "record"
        for old in record.glob("*.xml"):
            old.unlink()
        after_steps = int(rng.integers(10, 200))
        silent_s = _silence(place, record, number, after_steps, pause_s=float(rng.uniform(0.0, 0.01)))
        if silent_s is None:
            faults.append(f"{number.name} after {after_steps} steps: the simulation did not come to its end")
            continue
        unsafe += place.unsafe_changes(record)
        runs = place.runs(record)
        for intersection, timing in zip(place.network.intersections, place.site.timings, strict=True):
            walked = judge_walk(runs.get(intersection.id, []), intersection, timing, silent_s)
            if isinstance(walked, str):
                faults.append(f"{number.name} at {silent_s:g} s: {intersection.id}: {walked}")
            else:
                longest_s = max(longest_s, walked)
    return SilenceResult(runs=count, faults=tuple(faults), unsafe_changes=unsafe, longest_s=longest_s)


def judge_walk(runs: list[StateRun], intersection: Intersection, timing: Timing, silent_s: float) -> float | str:
    """Seconds beyond the minimum green for which the stage outlived its controller, or what is wrong with the way after it.

    Args:
        runs: what SUMO recorded of the signal.
        intersection: the signal.
        timing: its limits.
        silent_s: when the controller fell silent.
    """
    stages = {stage.state: k for k, stage in enumerate(intersection.stages)}
    ours = [run for run in runs if is_marked(run.program) and run.end_s > silent_s]
    if not ours:
        return 0.0  # its own program ran, and went on running
    first = next((run for run in ours if run.state in stages), None)
    if first is None:
        return "no stage is shown any more"
    outlived_s = 0.0
    if first.begin_s <= silent_s:  # SUMO sees a change a step after it was due
        stage = stages[first.state]
        if not _was_never_held(first, timing, stage, silent_s):
            outlived_s = max(0.0, first.end_s - max(silent_s, first.begin_s + timing.min_green_s[stage]))
        if outlived_s > LEASE_S + 1.0:
            return f"stage {stage} of {first.begin_s:g} s stood for {outlived_s:g} s beyond its minimum green"
    shown = [stages[run.state] for run in ours if run.state in stages]
    wrong = [(a, b) for a, b in pairwise(shown) if timing.next_in_fallback(a) != b]
    if wrong:
        return f"went from stage {wrong[0][0]} to {wrong[0][1]}, which is not its fallback order"
    if len(set(shown)) < timing.n_stages:
        return f"served only stages {sorted(set(shown))}"
    return outlived_s


def _was_never_held(run: StateRun, timing: Timing, stage: int, silent_s: float) -> bool:
    """Return whether a stage began in the very step before the silence and stood for its fallback green: no lease had been given."""
    return silent_s - run.begin_s <= 2.0 and run.duration_s <= timing.fallback_green_s[stage] + 1.0


def _silence(
    place: Place, record: Path, number: signal.Signals, after_steps: int, *, pause_s: float
) -> float | None:
    """Serve, fall silent, let the simulation go on; the simulated second of the silence, or None if something hung."""
    with sumo(place, record) as (port, server), Holder(port) as holder:
        command = [
            sys.executable,
            "-c",
            _SERVE,
            "serve",
            str(place.bundle.path),
            "--connect",
            f"127.0.0.1:{holder.port}",
        ]
        command += ["--state", str(record.parent / "state")]
        client = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            give_up_s = time.monotonic() + START_S
            while holder.steps < after_steps:
                if client.poll() is not None or time.monotonic() > give_up_s:
                    return None
                time.sleep(0.0005)
            time.sleep(pause_s)
            os.kill(client.pid, number)
            time.sleep(0.05)  # what it had said reaches the simulation
            silent_s = place.scenario.begin_s + holder.steps * place.scenario.step_length_s
            holder.take_over(STEPS_ALONE)
            if not (holder.wait_until_done(30.0) and wait_for_end(server)):
                return None
        finally:
            client.kill()
            client.wait()
    return silent_s
