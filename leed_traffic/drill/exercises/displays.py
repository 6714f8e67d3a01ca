"""Exercises on displays: all states enumerated, cut clearances before the monitor, hand-back at every tick, starvation."""

import math
import signal
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import Timing
from leed_traffic.domain.safety.verification import question, verify_timing
from leed_traffic.drill.rig.place import Place, sumo, wait_for_end, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.serve.safety.monitor import Monitor
from leed_traffic.simulation.network.network_import import import_network

Display = tuple[str, int]  # letters, seconds


def enumerate_states(setting: DrillSetting) -> Finding:
    """Walk through every state that each different junction of the shipped scenarios can reach."""
    faults: list[str] = []
    states = 0
    asked = set()
    for name in setting.scenarios:
        scenario = load_scenario(name)
        network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
        site = load_site(None, scenario, network)
        for intersection, timing in zip(network.intersections, site.timings, strict=True):
            key = question(intersection, timing)
            if key not in asked:
                asked.add(key)
                found = verify_timing(intersection, timing)
                states += found.states
                faults += [f"{name}/{intersection.id}: {violation}" for violation in found.violations]
    return Finding(count=states, faults=faults, detail=f"{len(asked)} different junctions")


def cut_displays(setting: DrillSetting) -> Finding:
    """Show every clearance of the crossing, each part cut by a second or left out, foes green together: the monitor must trip."""
    (intersection,), (timing,) = setting.crossing.network.intersections, setting.crossing.site.timings
    faults = []
    count = 0
    stages = range(intersection.n_stages)
    for i, j in product(stages, stages):
        if i == j:
            continue
        way = _way(intersection, timing, i, j)
        if tripped := _trips(intersection, timing, way):
            faults.append(f"the sound way from stage {i} to {j} trips: {tripped}")
        for what, broken in _broken_ways(intersection, way):
            count += 1
            if not _trips(intersection, timing, broken):
                faults.append(f"stage {i} to {j}: {what} goes unnoticed")
    return Finding(count=count, faults=faults, detail="each within the tick that shows it; sound ways never trip")


def hand_back_at_every_tick(setting: DrillSetting) -> Finding:
    """SIGTERM at each tick of a cycle of the crossing, in a simulation of its own."""
    place = setting.crossing
    faults = []
    latest_s = 0.0
    ticks = range(20, 20 + 120, 1 if setting.full else 6)
    for at in ticks:
        record = place.folder / "hand-back"
        wrong, after_s = _hand_back(place, record, float(at))
        faults += [f"stop at {at} s: {wrong}"] if wrong else []
        latest_s = max(latest_s, after_s)
    return Finding(count=len(ticks), faults=faults, detail=f"the last hand-back {latest_s:g} s after the signal")


def _hand_back(place: Place, record: Path, at_s: float) -> tuple[str, float]:
    stop = StopRequest()

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        if time_s == at_s:
            stop(signal.SIGTERM)

    for old in record.glob("*.xml"):
        old.unlink()
    with sumo(place, record) as (port, server):
        config = ServeConfig(bundle=place.bundle.path, port=port)
        outcome = watch(
            lambda: serve(config, clock=time.perf_counter, stop=stop, on_tick=on_tick, decider=_restless),
            server.kill,
        )
        wait_for_end(server)
    if (
        outcome.summary is None
        or outcome.summary.exit_code != 128 + signal.SIGTERM
        or not outcome.summary.handed_back
    ):
        return f"ended with {outcome.error or outcome.summary}", math.inf
    runs = place.runs(record)
    for intersection in place.network.intersections:
        ours = [k for k, run in enumerate(runs[intersection.id]) if is_marked(run.program)]
        last = ours[-1] if ours else -1
        if last + 1 >= len(runs[intersection.id]) or runs[intersection.id][last + 1].program == "online":
            return f"{intersection.id} was not handed back", math.inf
        if ours and runs[intersection.id][last + 1].state != runs[intersection.id][last].state:
            return f"{intersection.id}: the display changed at the hand-back", math.inf
    unsafe = place.unsafe_changes(record)
    return (f"{unsafe} unsafe changes" if unsafe else ""), outcome.summary.end_s - at_s


def _restless(bundle: Bundle, ids: object) -> "_EverNextStage":
    return _EverNextStage(bundle.network.intersections[0].n_stages)


class _EverNextStage:
    """Wants the next stage at every decision: a cycle full of clearances."""

    def __init__(self, n_stages: int) -> None:
        self._n_stages = n_stages
        self._k = 0

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """The next one in turn, every second time."""
        self._k += 1
        return [float(self._k // 2 % self._n_stages)] * len(legal)


def _way(intersection: Intersection, timing: Timing, i: int, j: int) -> list[Display]:
    """A long stage i, the clearance, and stage j."""
    program = build_program(intersection, timing)
    shown = [(intersection.stages[i].state, math.ceil(timing.min_green_s[i]) + 2)]
    phase = program.entries[i][j]
    while program.phases[phase].is_clearance:
        shown.append((program.phases[phase].state, round(program.phases[phase].duration_s)))
        phase = program.phases[phase].next
    return [*shown, (intersection.stages[j].state, math.ceil(timing.min_green_s[j]) + 2)]


def _broken_ways(intersection: Intersection, way: list[Display]) -> list[tuple[str, list[Display]]]:
    broken = []
    for k in range(1, len(way) - 1):
        state, seconds = way[k]
        if "y" not in state and k < len(way) - 2:
            continue  # vehicles still have green while walkers clear: yellow and all-red count towards it
        broken.append((f"{state} a second short", [*way[:k], (state, seconds - 1), *way[k + 1 :]]))
        broken.append((f"no {state}", [*way[:k], *way[k + 1 :]]))
    broken.append(("a green cut short", [(way[0][0], 2), (way[-1][0], 2), *way[1:]]))
    for a, b in intersection.foes:
        if way[0][0][a] == "G":
            both = way[0][0][:b] + "G" + way[0][0][b + 1 :]
            broken.append((f"links {a} and {b} both G", [way[0], (both, 1), *way[1:]]))
    broken.append(("all green", [way[0], ("G" * intersection.n_links, 1), *way[1:]]))
    broken.append(("unknown letters", [way[0], ("X" * intersection.n_links, 1), *way[1:]]))
    broken.append(("too few letters", [way[0], (way[0][0][:-1], 1), *way[1:]]))
    return [(what, [shown for shown in displays if shown[1] > 0]) for what, displays in broken]


def _trips(intersection: Intersection, timing: Timing, way: list[Display]) -> str:
    monitor = Monitor(intersection, replace(timing))
    time_s = 0.0
    for state, seconds in way:
        for _ in range(seconds):
            if found := monitor.judge(time_s, state):
                return f"{found[0].fault}: {found[0].detail}"
            time_s += 1.0
    return ""
