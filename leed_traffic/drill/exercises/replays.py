"""Recorded runs decided again: with faults, reloads and changes of mode at random, whole and cut off."""

from pathlib import Path

import numpy as np

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy
from leed_traffic.drill.exercises.swaps import two_bundles
from leed_traffic.drill.rig.place import sumo
from leed_traffic.drill.rig.walking_device import WalkingDevice, walking
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.commands import Command, CommandQueue, Reload, Rollback, SetOperatingMode
from leed_traffic.serve.control.hot_swap import Generation
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.logs.recording import RECORDING_NAME
from leed_traffic.serve.replay.replay import replay
from leed_traffic.serve.run import ServeConfig, connect_traci, serve
from leed_traffic.serve.safety.supervisor import OperatingMode

RUN_S = 600.0


def decide_again(setting: DrillSetting) -> Finding:
    """Replay every run as a whole and cut off at a random byte; one is a real SUMO's."""
    rng = np.random.default_rng(setting.seed)
    folder = setting.crossing.folder / "replays"
    bundles = two_bundles(setting.crossing, folder / "bundles")
    faults: list[str] = []
    decisions = size = 0
    count = setting.many(6, 60)
    for k in range(count):
        logs = folder / f"run{k}"
        if k == 0:
            _serve_sumo(setting, logs)
        else:
            _serve_in_memory(bundles, logs, rng)
        path = logs / RECORDING_NAME
        report = replay(path)
        decisions += report.decisions
        size += path.stat().st_size
        if report.differ or report.is_cut_off or report.ticks < 100:
            faults.append(f"run {k}: {report.differ} differ, the first: {report.first}")
        path.write_bytes(path.read_bytes()[: int(rng.uniform(0.3, 1.0) * path.stat().st_size)])
        report = replay(path)
        if report.differ or not report.is_cut_off:
            faults.append(f"run {k}, cut off: {report.differ} differ, the first: {report.first}")
    detail = f"{decisions:,} decisions with faults, reloads, modes and a rollback: 0 differ, cut off or not"
    return Finding(count=count, faults=faults, detail=detail)


def _serve_sumo(setting: DrillSetting, logs: Path) -> None:
    with sumo(setting.crossing, setting.crossing.folder / "record") as (port, _):
        config = ServeConfig(
            bundle=setting.crossing.bundle.path,
            port=port,
            events=logs,
            until_s=setting.crossing.scenario.begin_s + 200.0,
        )
        serve(config, clock=lambda: 0.0, stop=StopRequest(), connect=connect_traci)


def _serve_in_memory(bundles: tuple[Bundle, Bundle], logs: Path, rng: np.random.Generator) -> None:
    commands = CommandQueue()
    devices: list[WalkingDevice] = []
    connect = walking(devices, end_s=RUN_S, seed=int(rng.integers(1000)))

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        devices[0].shown_instead = {1: "G" * 200} if rng.uniform() < 0.001 else {}
        if rng.uniform() < 0.02:
            commands.put(_any_order(bundles, rng), "drill")

    config = ServeConfig(bundle=bundles[0].path, port=1, events=logs, probation_s=60.0)
    serve(config, clock=lambda: 0.0, stop=StopRequest(), connect=connect, commands=commands, on_tick=on_tick)


def _any_order(bundles: tuple[Bundle, Bundle], rng: np.random.Generator) -> Command:
    if rng.uniform() < 0.5:
        bundle = bundles[int(rng.integers(2))]
        return Reload(generation=Generation(bundle=bundle, decider=Policy(bundle, bundle.ids)))
    return Rollback() if rng.uniform() < 0.3 else SetOperatingMode(mode=list(OperatingMode)[int(rng.integers(3))])
