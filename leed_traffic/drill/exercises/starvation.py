"""A policy that holds one stage for ever: how long does anybody wait at red? Counted here anew, from what SUMO reports.

A wait begins when a vehicle is within reach of a stop line, or at once where a crossing is red, and ends with the
green. The promise holds while somebody rules, so a wait counts from the take-over on.
"""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.network import GREEN, Intersection
from leed_traffic.drill.rig.field_device import PassingOn, through
from leed_traffic.drill.rig.place import Place, ServeOutcome, make_place, sumo, wait_for_end, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.config import Connect
from leed_traffic.serve.control.hot_swap import Decider
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.contract import SignalDevice, Snapshot
from leed_traffic.serve.run import ServeConfig, serve

TICK_S = 1.0


def always_hold(setting: DrillSetting) -> Finding:
    """Hold every stage of every scenario in turn: the n-th signal is held at stage k + n."""
    faults = []
    words = []
    count = 0
    for name in setting.scenarios:
        place = make_place(
            name, setting.folder_of(name, "hold"), seed=setting.seed, seconds=setting.many(900, 3600)
        )
        most_stages = max(i.n_stages for i in place.network.intersections)
        worst: tuple[float, float, str] = (0.0, 1.0, "nobody waited")
        for k in range(most_stages if setting.full else min(2, most_stages)):
            outcome, watchers = _hold(place, k)
            count += len(watchers)
            if outcome.summary is None or outcome.summary.violations:
                faults.append(f"{name}, holding stage {k}: {outcome.error or 'the monitor tripped'}")
            for watcher, limits in zip(watchers, place.site.timings, strict=True):
                worst = max(worst, (watcher.longest_s, limits.max_red_s, watcher.where), key=lambda w: w[0] / w[1])
                if watcher.longest_s > limits.max_red_s + TICK_S:
                    faults.append(
                        f"{name}, {watcher.where}: waited {watcher.longest_s:g} s, max_red_s is {limits.max_red_s:g}"
                    )
        words.append(f"{name}: {worst[0]:g} of {worst[1]:g} s at {worst[2]}")
    return Finding(count=count, faults=faults, detail="worst waits " + "; ".join(words))


class WaitWatch:
    """Waits at one signal."""

    def __init__(self, intersection: Intersection, lane_index: dict[str, int], *, reach_m: float) -> None:
        """Begin with nobody who waits.

        Args:
            intersection: the signal.
            lane_index: numbers of the lanes that are read.
            reach_m: from the stop line.
        """
        lengths_m = {lane.id: lane.length_m for lane in intersection.lanes}
        self._id = intersection.id
        self._walkers = intersection.pedestrian_links
        self._ways = [
            (m.link, lane_index[m.from_lane], lengths_m[m.from_lane] - reach_m)
            for m in intersection.vehicle_movements
            if m.from_lane in lengths_m and m.from_lane in lane_index
        ]
        self._since_s: dict[int, float] = {}
        self.longest_s = 0.0
        self.where = intersection.id

    def see(self, time_s: float, state: str, nearest: NDArray[np.float64], *, counts: bool) -> None:
        """One tick.

        Args:
            time_s: now.
            state: letters.
            nearest: per lane the position of the vehicle that is farthest along it, in metres; -inf without any.
            counts: somebody rules.
        """
        called = {link for link, lane, from_m in self._ways if nearest[lane] >= max(from_m, 0.0)} | self._walkers
        for link, letter in enumerate(state):
            if letter in GREEN or not counts:
                self._since_s.pop(link, None)
            elif link in called:
                self._since_s.setdefault(link, time_s)
        for link, since_s in self._since_s.items():
            if time_s - since_s > self.longest_s:
                self.longest_s = time_s - since_s
                self.where = f"{self._id}, link {link}"


class _Fixed:
    """Asks for one stage of each signal for ever."""

    def __init__(self, stages: Sequence[int]) -> None:
        self._stages = [float(stage) for stage in stages]

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """The same again."""
        return list(self._stages)


class Watched(PassingOn):
    """A device beside which the waits are counted."""

    def __init__(self, device: SignalDevice, watchers: Sequence[WaitWatch]) -> None:
        super().__init__(device)
        self._watchers = watchers

    def read(self) -> Snapshot | None:
        """Read as it is."""
        snapshot = self._device.read()
        if snapshot is not None:
            nearest = np.full(len(self.lane_index), -np.inf)
            np.maximum.at(nearest, snapshot.vehicles.lane, snapshot.vehicles.position_m)
            for watcher, display in zip(self._watchers, snapshot.displays, strict=True):
                watcher.see(snapshot.time_s, display.state, nearest, counts=display.is_ours)
        return snapshot


def holding(stages: Sequence[int]) -> Decider:
    """Policies that want one stage of each signal for ever."""
    return _Fixed(stages)


def through_watchers(place: Place, watchers: list[WaitWatch]) -> Connect:
    """Opens devices beside which these count on; the first one brings them into being."""

    def watched(device: SignalDevice) -> SignalDevice:
        if not watchers:
            reach_m = place.bundle.manifest.reach_m
            watchers.extend(WaitWatch(i, device.lane_index, reach_m=reach_m) for i in place.network.intersections)
        return Watched(device, watchers)

    return through(watched)


def _hold(place: Place, k: int) -> tuple[ServeOutcome, list[WaitWatch]]:
    watchers: list[WaitWatch] = []
    with sumo(place, place.folder / f"hold-{k}") as (port, server):
        config = ServeConfig(bundle=place.bundle.path, port=port, until_s=place.scenario.end_s - 60.0)
        policy = _Fixed([(k + n) % i.n_stages for n, i in enumerate(place.network.intersections)])
        outcome = watch(
            lambda: serve(
                config,
                clock=time.perf_counter,
                stop=StopRequest(),
                connect=through_watchers(place, watchers),
                decider=lambda bundle, ids: policy,
            ),
            server.kill,
            hang_s=600.0,
        )
        wait_for_end(server)
    return outcome, watchers
