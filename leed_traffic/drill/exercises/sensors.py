"""Exercise on detectors: readings of one junction of a street go bad, in six ways; it alone is led no more, and returns."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from leed_traffic.domain.detectors.detection import Vehicles, within_reach
from leed_traffic.drill.rig.field_device import PassingOn, through
from leed_traffic.drill.rig.place import Place, make_place, sumo, wait_for_end, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.contract import SignalDevice, Snapshot
from leed_traffic.serve.run import ServeConfig, connect_traci, serve
from leed_traffic.serve.safety.supervisor import SignalMode

BEGIN_S = 120.0
END_S = 420.0
UNTIL_S = 660.0
Break = Callable[[Snapshot, Snapshot, frozenset[int]], Snapshot]  # now, when it began, the lanes concerned


def bad_sensing(setting: DrillSetting) -> Finding:
    """Detectors of the first junction of arterial5 go bad for five minutes."""
    place = make_place("arterial5", setting.crossing.folder / "sensing", seed=setting.seed, seconds=UNTIL_S + 60.0)
    faults: list[str] = []
    for name, spoil in (("", None), *BREAKS.items()):
        faults += [
            f"{name or 'sound detectors'}: {wrong}" for wrong in _try(place, place.folder / "record", name, spoil)
        ]
    return Finding(
        count=len(BREAKS), faults=faults, detail="of five junctions only the one concerned degrades, and returns"
    )


def _try(place: Place, record: Path, name: str, spoil: Break | None) -> list[str]:
    victim = place.network.intersections[0]
    lanes = {span.lane for lane in victim.lanes for span in within_reach(lane, place.bundle.manifest.reach_m)}
    modes: dict[str, set[str]] = {"before": set(), "during": set(), "after": set()}

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        part = "before" if BEGIN_S - 20.0 < time_s <= BEGIN_S else "during" if time_s <= END_S else "after"
        if time_s > BEGIN_S - 20.0:
            modes[part].add(note)

    with sumo(place, record) as (port, server):
        config = ServeConfig(bundle=place.bundle.path, port=port, until_s=UNTIL_S)
        connect = connect_traci if spoil is None else through(lambda device: _Spoiled(device, spoil, lanes))
        outcome = watch(
            lambda: serve(config, clock=time.perf_counter, stop=StopRequest(), on_tick=on_tick, connect=connect),
            server.kill,
        )
        wait_for_end(server)
    summary = outcome.summary
    if summary is None:
        return [f"ended with {type(outcome.error).__name__}: {outcome.error}"]
    wrong = [f"violation {summary.violations[0]}"] if summary.violations else []
    if spoil is None:
        return wrong + ([f"believed to be {summary.detector_faults}"] if summary.detector_faults else [])
    if name not in summary.detector_faults:
        wrong.append(f"found {summary.detector_faults or 'nothing'}")
    alone = {"5 engaged", "4 engaged, 1 degraded", "1 fallback, 4 engaged", "1 standby, 4 engaged"}
    if not modes["during"] <= alone or not modes["during"] & {"4 engaged, 1 degraded", "1 fallback, 4 engaged"}:
        wrong.append(f"modes {sorted(modes['during'])}")
    if summary.modes[victim.id] is not SignalMode.ENGAGED:
        wrong.append(f"{victim.id} is in {summary.modes[victim.id]} four minutes after the end")
    return wrong


class _Spoiled(PassingOn):
    """A device whose detectors at some lanes lie for a while."""

    def __init__(self, device: SignalDevice, spoil: Break, lanes: Iterable[str]) -> None:
        super().__init__(device)
        self._spoil = spoil
        self._lanes = frozenset(device.lane_index[lane] for lane in lanes)
        self._first: Snapshot | None = None

    def read(self) -> Snapshot | None:
        """Read as it is, or spoiled."""
        snapshot = self._device.read()
        if snapshot is None or not BEGIN_S <= snapshot.time_s < END_S:
            return snapshot
        self._first = self._first or snapshot
        return self._spoil(snapshot, self._first, self._lanes)


def _others(snapshot: Snapshot, lanes: frozenset[int]) -> Vehicles:
    keep = ~np.isin(snapshot.vehicles.lane, list(lanes))
    v = snapshot.vehicles
    return Vehicles(lane=v.lane[keep], position_m=v.position_m[keep], speed_mps=v.speed_mps[keep])


def _with(snapshot: Snapshot, lanes: frozenset[int], per_lane: int, speed_mps: float) -> Snapshot:
    """These lanes hold nothing but so many vehicles, always at the same places."""
    rest = _others(snapshot, lanes)
    lane = np.repeat(sorted(lanes), per_lane)
    position = np.tile(1.0 + np.arange(per_lane) * 60.0 / max(per_lane, 1), len(lanes))
    vehicles = Vehicles(
        lane=np.concatenate([rest.lane, lane]).astype(np.intp),
        position_m=np.concatenate([rest.position_m, position]),
        speed_mps=np.concatenate([rest.speed_mps, np.full(len(lane), speed_mps)]),
    )
    return replace(snapshot, vehicles=vehicles)


BREAKS: dict[str, Break] = {
    "missing": lambda now, first, lanes: replace(now, missing=lanes),
    "out_of_range": lambda now, first, lanes: _with(now, lanes, 120, 0.0),
    "stale": lambda now, first, lanes: _with(now, lanes, 2, 9.0),
    "stuck_on": lambda now, first, lanes: _with(now, lanes, 2, 0.0),
    "chattering": lambda now, first, lanes: _with(now, lanes, int(now.time_s) % 2, 0.5),
}
