"""Bundles swapped under a running controller again and again: no limit broken, nothing left behind, bad ones demoted."""

import gc
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.policy import Policy
from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.network import Network
from leed_traffic.drill.rig.linear_policy import longest_wait, write_linear_bundle
from leed_traffic.drill.rig.place import Place
from leed_traffic.drill.rig.walking_device import WalkingDevice, copies, walking
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import LeedError
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.commands import CommandQueue, Reload
from leed_traffic.serve.control.hot_swap import Decider
from leed_traffic.serve.control.loop import ServeSummary, StopRequest
from leed_traffic.serve.logs.events import ChangeKind
from leed_traffic.serve.operations.command_server import CommandServer
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.run import ServeConfig, serve

N_SIGNALS = 3
GROWTH_MB = 10.0
GROWTH_FILES = 0  # from a tenth of the swaps to the last
BAD_EVERY = 10  # every tenth order names an altered bundle
_FOR_EVER_S = 1e7

OnTick = Callable[[float, WalkingDevice], None]


def swap_again_and_again(setting: DrillSetting) -> Finding:
    """Two bundles take turns as fast as stages begin; every tenth order is refused."""
    folder = setting.crossing.folder / "swaps"
    count = setting.many(100, 1000)
    first, second = two_bundles(setting.crossing, folder)
    altered = _altered(second, folder / "altered")
    commands = CommandQueue()
    board = StatusBoard()
    stop = StopRequest()
    marks = []
    config = ServeConfig(bundle=first.path, port=1)
    server = CommandServer(assign(first, None), first, config, Policy, commands, board)
    faults: list[str] = []
    done = 0
    refused = 0

    def on_tick(time_s: float, device: WalkingDevice) -> None:
        nonlocal done, refused
        latest = board.latest
        if latest is None or latest.n_waiting or stop.number is not None:
            return
        expected = (first, second)[done % 2].digest
        if latest.bundle != expected:
            faults.append(f"swap {done}: {latest.bundle[:12]} runs, expected {expected[:12]}")
        if done in (count // 10, count):
            marks.append(_footprint())
        if done == count:
            stop(15)
            return
        if done % BAD_EVERY == 0:
            refused += _is_refused(server, altered)
        done += 1
        commands.put(Reload(generation=server.check((first, second)[done % 2].path)), "drill")

    summary = serve_walking(config, on_tick, commands=commands, board=board, stop=stop)
    grown_mb, grown_files = (
        (after - before for before, after in zip(*marks, strict=True)) if len(marks) == 2 else (math.nan,) * 2
    )
    faults += [f"{len(summary.violations)} violations"] if summary.violations else []
    faults += [] if summary.steps.get(ChangeKind.COMPLETE) == count else [f"{summary.steps} of {count} swaps"]
    faults += [] if refused == math.ceil(count / BAD_EVERY) else [f"{refused} altered bundles refused"]
    if not (grown_mb <= GROWTH_MB and grown_files <= GROWTH_FILES):
        faults.append(f"memory {grown_mb:+.1f} MB, open files {grown_files:+g}")
    detail = f"{summary.steps.get(ChangeKind.MOVED, 0):,} moves at stage boundaries, {refused} altered bundles refused meanwhile, "
    return Finding(
        count=done, faults=faults, detail=f"{detail}memory {grown_mb:+.1f} MB, open files {grown_files:+g}"
    )


def demote_bad_bundles(setting: DrillSetting) -> Finding:
    """Nonsense, an exception, or a display that breaks, at several moments after the swap."""
    first, second = two_bundles(setting.crossing, setting.crossing.folder / "demotion")
    faults = []
    count = 0
    for what in ("none", "nan", "unknown stage", "exception", "monitor"):
        for after_s in (40.0, 123.0, *((200.0, 301.0) if setting.full else ())):
            count += 1
            faults += [f"{what} {after_s:g} s after: {said}" for said in _demote(first, second, what, after_s)]
    return Finding(
        count=count,
        faults=faults,
        detail="back to the bundle before by the next decision; no other signal falls back",
    )


def _demote(first: Bundle, second: Bundle, what: str, after_s: float) -> list[str]:
    commands = CommandQueue()
    board = StatusBoard()
    begin_s = 30.0
    fault_s = 30.0 + after_s
    seen: dict[float, str] = {}

    def decider(bundle: Bundle, ids: Sequence[str]) -> Decider:
        policy = Policy(bundle, ids)
        return (
            _Failing(policy, what, lambda: board.latest is not None and board.latest.time_s >= fault_s - 1.0)
            if (bundle.digest == second.digest and what != "monitor")
            else policy
        )

    server = CommandServer(
        assign(first, None), first, ServeConfig(bundle=first.path, port=1), decider, commands, board
    )

    def on_tick(time_s: float, device: WalkingDevice) -> None:
        seen[time_s] = board.latest.bundle if board.latest else ""
        if time_s == begin_s:
            commands.put(Reload(generation=server.check(second.path)), "drill")
        if what == "monitor":
            device.shown_instead = {0: "G" * 200} if time_s == fault_s else {}

    config = ServeConfig(bundle=first.path, port=1, until_s=fault_s + 60.0)
    summary = serve_walking(config, on_tick, commands=commands, board=board, decider=decider)
    said = [] if seen[fault_s - 1.0] == second.digest else ["the new bundle did not run before the fault"]
    said += [] if summary.bundle_digest == first.digest else ["the bad bundle still runs"]
    back = [time_s for time_s, digest in seen.items() if time_s >= fault_s - 1.0 and digest == first.digest]
    said += [] if back and min(back) <= fault_s + 6.0 else [f"back at {min(back, default=math.inf):g} s"]
    fallen = [id_ for id_, mode in summary.modes.items() if mode == "fallback"]
    return said + ([] if fallen == (["C0"] if what == "monitor" else []) else [f"fell back: {fallen}"])


class _Failing:
    """A policy that is sound until its time has come."""

    def __init__(self, policy: Decider, how: str, is_due: Callable[[], bool]) -> None:
        self._policy = policy
        self._how = how
        self._is_due = is_due

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """Request of the policy, or its fault."""
        requests = self._policy.decide(observation, legal)
        if self._is_due():
            if self._how == "exception":
                raise ZeroDivisionError("a fault of the policy")
            requests[-1] = {"none": None, "nan": math.nan, "unknown stage": 99.0}[self._how]
        return requests


def two_bundles(place: Place, folder: Path) -> tuple[Bundle, Bundle]:
    """The same junctions, two sets of policies."""
    (intersection, *_), (timing, *_) = place.network.intersections, place.site.timings
    many = copies(intersection, N_SIGNALS)
    network = Network(intersections=many)
    site = make_site("copies", [replace(timing, intersection=i.id) for i in many])
    keen = {i.id: 2.0 * longest_wait(i) for i in many}
    return (
        write_linear_bundle(folder / "first", "copies", network, site),
        write_linear_bundle(folder / "second", "copies", network, site, keen),
    )


def _altered(bundle: Bundle, path: Path) -> Path:
    """A copy with one bit flipped in a policy."""
    shutil.copytree(bundle.path, path)
    victim = sorted(path.glob("*/policy.onnx"))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(bytes(content))
    return path


def _is_refused(server: CommandServer, path: Path) -> bool:
    try:
        server.check(path)
    except LeedError:
        return True
    return False


def _footprint() -> tuple[float, int]:
    """Resident MB and open files of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6, len(os.listdir("/proc/self/fd"))


def serve_walking(
    config: ServeConfig,
    on_tick: OnTick,
    *,
    commands: CommandQueue,
    board: StatusBoard | None = None,
    stop: StopRequest | None = None,
    decider: Callable[[Bundle, Sequence[str]], Decider] = Policy,
    clock: Callable[[], float] = lambda: 0.0,
) -> ServeSummary:
    """Serve signals in memory; `on_tick` hears the time and the device."""
    devices: list[WalkingDevice] = []

    return serve(
        config,
        clock=clock,
        stop=stop or StopRequest(),
        connect=walking(devices, end_s=_FOR_EVER_S),
        decider=decider,
        commands=commands,
        board=board,
        on_tick=lambda time_s, end_s, note: on_tick(time_s, devices[0]),
    )
