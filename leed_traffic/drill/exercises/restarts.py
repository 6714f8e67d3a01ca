"""SUMO dies under a controller that may try again; a new one is started, as `serve --scenario` does."""

import time
from pathlib import Path

import numpy as np

from leed_traffic.drill.rig.field_device import new_simulators
from leed_traffic.drill.rig.place import Place, ServeOutcome, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, serve

RESUME_S = 10.0
UNTIL_S = 200.0


def lost_simulators(setting: DrillSetting) -> Finding:
    """One kill in each run; the run then goes to its end in a new simulation."""
    rng = np.random.default_rng(setting.seed)
    faults: list[str] = []
    resumes_s: list[float] = []
    count = setting.many(10, 60)
    for _ in range(count):
        at_s = float(rng.integers(2, 150))
        outcome = _lose(setting.crossing, setting.crossing.folder / "restart", at_s)
        summary = outcome.summary
        if summary is None or summary.reconnections != 1 or summary.violations or not summary.handed_back:
            faults.append(f"killed at {at_s:g} s: {outcome.error or summary}")
        else:
            resumes_s.append(summary.resume.max_ms / 1000.0)
    p95_s = float(np.percentile(resumes_s, 95.0)) if resumes_s else float("inf")
    faults += [f"resumed after {p95_s:.1f} s at p95, allowed {RESUME_S:g} s"] if p95_s > RESUME_S else []
    return Finding(count=count, faults=faults, detail=f"resumed after {p95_s:.1f} s at p95")


def _lose(place: Place, record: Path, at_s: float) -> ServeOutcome:
    with new_simulators(place, lambda k: record) as (connect, servers):

        def on_tick(time_s: float, end_s: float, note: str) -> None:
            if time_s == at_s and len(servers) == 1:
                servers[0].kill()

        config = ServeConfig(bundle=place.bundle.path, port=1, until_s=UNTIL_S, retry_s=RESUME_S, deadline_s=1.0)
        return watch(
            lambda: serve(config, clock=time.perf_counter, stop=StopRequest(), on_tick=on_tick, connect=connect),
            lambda: servers[-1].kill(),
        )
