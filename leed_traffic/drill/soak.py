"""Hours of service with faults thrown in at random: no violation, and neither memory nor open files grow.

Policies answer nonsense or break, detectors of random lanes vanish, simulators are killed. What counts is SUMO's
own record of every step beside the monitor's word; a killed simulator's record is judged as far as it reached the
disk, and seconds that are in no record are counted.
"""

import gc
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy
from leed_traffic.domain.document import Document
from leed_traffic.drill.rig.field_device import PassingOn, new_simulators, through
from leed_traffic.drill.rig.place import Place, make_place
from leed_traffic.serve.control.loop import ServeSummary, StopRequest
from leed_traffic.serve.device.contract import SignalDevice, Snapshot
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.score.audit import count_unsafe_changes

SCENARIO = "grid4x4"
N_JUNCTIONS = 9
NONSENSE_SHARE = 0.05
BREAK_SHARE = 0.002
KILL_SHARE = 0.3  # of requests, of decisions, of hours
MISSING_SHARE = 0.02  # of minutes in which a lane's detector is gone
GROWTH_MB = 20.0
GROWTH_FILES = 2  # allowed from the second hour to the last
SLOPE_MB, SLOPE_FILES = (
    0.5,
    0.05,
)  # allowed an hour, judged from so many hours on: a day's leak of 12 MB or one file
HOURS_FOR_A_SLOPE = 6
UNJUDGED_S = 120.0  # allowed per killed simulator: what had not reached the disk
_NONSENSE: tuple[float | None, ...] = (None, math.nan, math.inf, -1.0, 0.5, 99.0)


class Hour(Document):
    """Result of one simulated hour."""

    ticks: int
    violations: int
    unsafe_changes: int
    records: int  # simulators whose own record was judged
    judged_s: float  # simulated seconds in these records
    reconnections: int
    detector_faults: int
    resident_mb: float
    open_files: int
    seconds: float


class SoakReport(Document):
    """The --json document of `leedctl soak`."""

    holds: bool
    simulated_hours: float
    junction_hours: float
    rulings: int
    violations: int  # of the monitor, and unsafe changes in SUMO's record
    bound_per_junction_hour: float  # 3 / n at 95 %, where there was none in n
    judged_share: float  # of the served seconds, by SUMO's own records
    growth_mb: float
    growth_files: int
    slope_mb_per_hour: (
        float  # median of all pairs of hours; the first hour, in which everything is loaded, does not count
    )
    slope_files_per_hour: float
    hours: tuple[Hour, ...]


def soak(
    hours: int, seed: int, folder: Path, on_hour: Callable[[Hour], None], *, hour_s: float = 3600.0
) -> SoakReport:
    """Serve hour after hour, each with another day's demand.

    Args:
        hours: how many.
        seed: of demand and faults.
        folder: for records.
        on_hour: after each.
        hour_s: its length.
    """
    rng = np.random.default_rng(seed)
    done: list[Hour] = []
    rulings = 0
    for k in range(hours):
        place = make_place(SCENARIO, folder / "place", seed=seed + k, seconds=hour_s)
        begin_s = time.monotonic()
        summary, records = _serve_hour(place, folder / "record", rng)
        rulings += sum(summary.rulings.values())
        done.append(_hour(summary, place, records, time.monotonic() - begin_s))
        on_hour(done[-1])
    return _report(done, rulings, hour_s)


def _report(done: Sequence[Hour], rulings: int, hour_s: float) -> SoakReport:
    violations = sum(hour.violations + hour.unsafe_changes for hour in done)
    warm = done[1:] or done
    growth_mb = warm[-1].resident_mb - warm[0].resident_mb
    growth_files = warm[-1].open_files - warm[0].open_files
    slope_mb = slope([hour.resident_mb for hour in warm])
    slope_files = slope([float(hour.open_files) for hour in warm])
    is_flat = growth_mb <= GROWTH_MB and growth_files <= GROWTH_FILES
    if len(warm) >= HOURS_FOR_A_SLOPE:
        is_flat = is_flat and slope_mb <= SLOPE_MB and slope_files <= SLOPE_FILES
    served_s = sum(hour.ticks for hour in done)
    judged_s = sum(hour.judged_s for hour in done)
    is_judged = judged_s >= served_s - UNJUDGED_S * sum(hour.records for hour in done)
    junction_hours = len(done) * hour_s / 3600.0 * N_JUNCTIONS
    return SoakReport(
        holds=violations == 0 and is_flat and is_judged,
        simulated_hours=len(done) * hour_s / 3600.0,
        junction_hours=junction_hours,
        rulings=rulings,
        violations=violations,
        bound_per_junction_hour=3.0 / junction_hours,
        judged_share=round(min(1.0, judged_s / served_s), 4),
        growth_mb=round(growth_mb, 1),
        growth_files=growth_files,
        slope_mb_per_hour=round(slope_mb, 3),
        slope_files_per_hour=round(slope_files, 3),
        hours=tuple(done),
    )


def slope(values: Sequence[float]) -> float:
    """Growth from one value to the next: the median over all pairs, which single jumps do not move (Theil 1950, Sen 1968)."""
    pairs = [(b - a) / (j - i) for i, a in enumerate(values) for j, b in enumerate(values) if j > i]
    return float(np.median(pairs)) if pairs else 0.0


def _serve_hour(place: Place, folder: Path, rng: np.random.Generator) -> tuple[ServeSummary, list[Path]]:
    """One hour; what the controller says of it, and the records of the simulators that it took."""
    shutil.rmtree(folder, ignore_errors=True)
    begin_s = place.scenario.begin_s
    end_s = place.scenario.end_s
    kill_at_s = (
        begin_s + float(rng.integers(10, round(0.8 * (end_s - begin_s))))
        if rng.uniform() < KILL_SHARE
        else math.inf
    )
    with new_simulators(place, lambda k: folder / str(k)) as (connect, servers):

        def on_tick(time_s: float, end_s: float, note: str) -> None:
            if time_s >= kill_at_s and len(servers) == 1:
                servers[0].kill()

        config = ServeConfig(
            bundle=place.bundle.path,
            port=1,
            retry_s=30.0,
            intersections=place.bundle.ids[:N_JUNCTIONS],
            until_s=end_s - 60.0,
        )
        summary = serve(
            config,
            clock=time.perf_counter,
            stop=StopRequest(),
            on_tick=on_tick,
            connect=through(lambda device: _Patchy(device, rng), connect),
            decider=lambda bundle, ids: _Erratic(bundle, ids, rng),
        )
    return summary, [folder / str(k) for k in range(len(servers))]


class _Erratic:
    """The bundle's policies on a bad day."""

    def __init__(self, bundle: Bundle, ids: Sequence[str], rng: np.random.Generator) -> None:
        self._policy = Policy(bundle, ids)
        self._rng = rng

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """Mostly what they want."""
        if self._rng.uniform() < BREAK_SHARE:
            raise ZeroDivisionError("a policy that breaks")
        requests = self._policy.decide(observation, legal)
        for n in range(len(requests)):
            if self._rng.uniform() < NONSENSE_SHARE:
                requests[n] = _NONSENSE[int(self._rng.integers(len(_NONSENSE)))]
        return requests


class _Patchy(PassingOn):
    """A device some of whose detectors are gone now and then."""

    def __init__(self, device: SignalDevice, rng: np.random.Generator) -> None:
        super().__init__(device)
        self._rng = rng
        self._missing: frozenset[int] = frozenset()

    def read(self) -> Snapshot | None:
        """Read with other lanes missing every minute."""
        snapshot = self._device.read()
        if snapshot is None:
            return None
        if snapshot.time_s % 60.0 == 0.0:
            gone = self._rng.uniform(size=len(self.lane_index)) < MISSING_SHARE
            self._missing = frozenset(np.flatnonzero(gone).tolist())
        return replace(snapshot, missing=self._missing)


def _judge(place: Place, records: Sequence[Path]) -> tuple[int, float]:
    """Unsafe changes in all records, the killed simulators' too, and the simulated seconds that these records hold."""
    unsafe_changes = 0
    judged_s = 0.0
    for record in records:
        runs = place.runs(record)
        unsafe_changes += count_unsafe_changes(runs, place.network, place.site.timings)
        judged_s += max((shown[-1].end_s - shown[0].begin_s for shown in runs.values()), default=0.0)
    return unsafe_changes, judged_s


def _hour(summary: ServeSummary, place: Place, records: Sequence[Path], seconds: float) -> Hour:
    unsafe_changes, judged_s = _judge(place, records)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Hour(
        ticks=summary.ticks,
        violations=len(summary.violations),
        unsafe_changes=unsafe_changes,
        records=len(records),
        judged_s=judged_s,
        reconnections=summary.reconnections,
        detector_faults=sum(summary.detector_faults.values()),
        resident_mb=round(pages * os.sysconf("SC_PAGESIZE") / 1e6, 1),
        open_files=len(os.listdir("/proc/self/fd")),
        seconds=round(seconds, 1),
    )
