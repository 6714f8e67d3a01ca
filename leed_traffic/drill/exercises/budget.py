"""Exercises without a simulator: a tick's cost for 100 junctions, its pace under stalls, and the latch over a restart."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.drill.rig.place import Place
from leed_traffic.drill.rig.walking_device import WalkingDevice, copies, walking
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.loop import ServeSummary, StopRequest
from leed_traffic.serve.control.pace import Pace
from leed_traffic.serve.control.tally import ServeTally
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.latch import reset_latches

N_JUNCTIONS = 100
TICK_BUDGET_MS = 20.0
WINDOW_TICKS = 10
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def tick_budget(setting: DrillSetting) -> Finding:
    """100 junctions: the processor time of a tick, all logs on, without the simulator's own."""
    folder = setting.crossing.folder
    summary = serve_many(
        setting.crossing, folder / "hundred", N_JUNCTIONS, setting.many(400, 3600), events=folder / "logs"
    )
    tick = summary.tick
    faults = [] if tick.p99_ms < TICK_BUDGET_MS else [f"p99 {tick.p99_ms:.1f} ms, allowed {TICK_BUDGET_MS:g} ms"]
    detail = f"{N_JUNCTIONS} junctions: p50 {tick.p50_ms:.1f}, p99 {tick.p99_ms:.1f}, max {tick.max_ms:.1f} ms"
    return Finding(count=summary.ticks, faults=faults, detail=detail)


def serve_many(place: Place, folder: Path, n: int, seconds: float, events: Path | None = None) -> ServeSummary:
    """Serve n copies of a place's first intersection in memory, with all logs where a folder for them is given."""
    (intersection, *_), (timing, *_) = place.network.intersections, place.site.timings
    many = copies(intersection, n)
    site = make_site("copies", [replace(timing, intersection=i.id) for i in many])
    bundle = write_linear_bundle(folder, "copies", Network(intersections=many), site)
    return _serve(ServeConfig(bundle=bundle.path, port=1, events=events), seconds, lambda device, time_s: None)


def latch_survives(setting: DrillSetting) -> Finding:
    """The display breaks; the controller is started again, and again after a reset."""
    place = setting.crossing
    state = setting.crossing.folder / "latches"
    signal = place.network.intersections[0].id
    n_links = place.network.intersections[0].n_links
    config = ServeConfig(bundle=place.bundle.path, port=1, state=state)

    def break_at(device: WalkingDevice, time_s: float) -> None:
        device.shown_instead = {0: "G" * n_links} if time_s == 60.0 else {}

    broken = _serve(config, 120.0, break_at)
    held = _serve(config, 120.0, lambda device, time_s: None)
    reset_latches(state, [signal], who="drill", now=lambda: NOON)
    freed = _serve(config, 120.0, lambda device, time_s: None)
    codes = (broken.exit_code, held.exit_code, freed.exit_code)
    expected = (ExitCode.MONITOR_VIOLATION, ExitCode.FALLBACK_AT_END, ExitCode.OK)
    faults = (
        []
        if codes == expected
        else [f"exit codes {[int(c) for c in codes]}, expected {[int(c) for c in expected]}"]
    )
    first_s = float(broken.violations[0].split()[0]) if broken.violations else -1.0
    if first_s != 61.0:
        faults.append(f"tripped at {first_s:g} s, the display broke at 61 s")
    if held.rulings or held.latched.keys() != {signal}:
        faults.append(f"a latched signal was ruled on: {held.rulings}")
    return Finding(
        count=3, faults=faults, detail="trips within the tick; exit codes 6, 7 while latched, 0 after the reset"
    )


def _serve(config: ServeConfig, seconds: float, meddle: Callable[[WalkingDevice, float], None]) -> ServeSummary:
    devices: list[WalkingDevice] = []

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        meddle(devices[0], time_s)

    connect = walking(devices, end_s=seconds)
    return serve(
        config, clock=time.process_time, stop=StopRequest(), on_tick=on_tick, connect=connect, now=lambda: NOON
    )


def stalls(setting: DrillSetting) -> Finding:
    """Ticks by the wall clock under stalls at random: nothing is made up in a burst."""
    rng = np.random.default_rng(setting.seed)
    tick_s = 1.0
    count = setting.many(20_000, 200_000)
    now_s = 0.0
    shortest_s = float("inf")

    def sleep(seconds: float) -> None:
        nonlocal now_s, shortest_s
        shortest_s = min(shortest_s, seconds)
        now_s += seconds

    tally = ServeTally()
    begun_s = np.zeros(count)
    pace = Pace(tick_s, lambda: now_s, sleep, tally)
    for k in range(count):
        pace.wait()
        begun_s[k] = now_s
        now_s += float(rng.exponential(0.2) if rng.uniform() < 0.98 else rng.uniform(0.5, 100.0))
    lengths_s = begun_s[WINDOW_TICKS:] - begun_s[:-WINDOW_TICKS]
    faults = [] if shortest_s > 0.0 else [f"a pause of {shortest_s:g} s"]
    if lengths_s.min() < (WINDOW_TICKS - 1) * tick_s - 1e-6:
        faults.append(f"{WINDOW_TICKS} ticks within {lengths_s.min():.2f} s")
    if not tally.missed_ticks:
        faults.append("no tick was ever missed: nothing was tried")
    detail = f"{tally.missed_ticks:,} missed ticks dropped; never {WINDOW_TICKS} ticks within {lengths_s.min():.2f} s or less"
    return Finding(count=count, faults=faults, detail=detail)
