"""Detector events for the log, made of the vehicles that a tick reads: a zone at the stop line, a point before it.

Channels of a signal with L incoming lanes, from 1:

    1 .. L        presence   the last 12 m before the stop line of lane k: on (82) and off (81) as a tick finds it
    L+1 .. 2L     advance    at the stopping distance (domain/detectors/layout.py), where the lane is long enough:
                             a pulse of 0.1 s for every vehicle that passes, at the moment of its passing

    x - v T < p <= x  ->  passed at  now - (x - p) / v

    x position, v speed over the last step, T since the last tick
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.artifacts.whole_file import write_whole
from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops
from leed_traffic.domain.network import Intersection
from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.events import Event, Record
from leed_traffic.serve.logs.phases import phase_of_lane, phases_of

DETECTORS_NAME = "detectors.csv"
PRESENCE_M = 12.0  # m before the stop line: the usual length of a presence zone, 6 to 12 m
PULSE_S = 0.1  # s, the log's resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One detector of the log."""

    number: int
    lane: str
    phase: int  # that it calls
    function: str  # Presence or Advance, as readers of event logs call them
    from_m: float  # along the lane; a point where `function` is Advance


def channels_of(intersection: Intersection) -> tuple[Channel, ...]:
    """Return the channels of a signal; a lane that no phase serves has none."""
    phases = phases_of(intersection)
    advance_m = {d.lane: d.from_m for d in place_loops(intersection) if d.kind is DetectorKind.ADVANCE}
    channels = []
    for k, lane in enumerate(intersection.lanes):
        phase = phase_of_lane(intersection, phases, lane.id)
        if phase is None:
            continue
        zone_m = max(lane.length_m - PRESENCE_M, 0.0)
        channels.append(Channel(number=k + 1, lane=lane.id, phase=phase, function="Presence", from_m=zone_m))
        if lane.id in advance_m:
            number = intersection.n_lanes + k + 1
            channels.append(
                Channel(number=number, lane=lane.id, phase=phase, function="Advance", from_m=advance_m[lane.id])
            )
    return tuple(sorted(channels, key=lambda channel: channel.number))


def write_detectors(folder: Path, intersections: Sequence[Intersection]) -> None:
    """Write what each channel means, beside the event log: DeviceId, Phase, Parameter, Function, place.

    Raises:
        UsageError: the folder cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("DeviceId", "Phase", "Parameter", "Function", "Lane", "FromM"))
    for intersection in intersections:
        for c in channels_of(intersection):
            writer.writerow((intersection.id, c.phase, c.number, c.function, c.lane, f"{c.from_m:.2f}"))
    try:
        write_whole(folder / DETECTORS_NAME, text.getvalue())
    except OSError as err:
        raise UsageError(f"--events {folder}: cannot be written: {err.strerror}; give another folder") from err


class Actuations:
    """Channels of N signals, tick by tick."""

    def __init__(self, intersections: Sequence[Intersection], lane_index: dict[str, int]) -> None:
        """Begin without a tick.

        Args:
            intersections: N of them.
            lane_index: numbers of the lanes that are read.
        """
        owned = [(i.id, c) for i in intersections for c in channels_of(i) if c.lane in lane_index]
        zones = [(device, c) for device, c in owned if c.function == "Presence"]
        self._zones = [(device, c.number) for device, c in zones]
        self._zone_of_lane = np.full(len(lane_index), -1, dtype=np.intp)
        self._zone_m = np.full(len(lane_index), math.inf)
        self._point_m = np.full(len(lane_index), math.nan)
        self._points: dict[int, tuple[str, int]] = {}
        for k, (_, channel) in enumerate(zones):
            self._zone_of_lane[lane_index[channel.lane]] = k
            self._zone_m[lane_index[channel.lane]] = channel.from_m
        for device, channel in owned:
            if channel.function == "Advance":
                self._point_m[lane_index[channel.lane]] = channel.from_m
                self._points[lane_index[channel.lane]] = (device, channel.number)
        self._is_on = np.zeros(len(self._zones), dtype=bool)

    def take(self, vehicles: Vehicles, time_s: float, elapsed_s: float) -> list[Record]:
        """Return the detector events of one tick, in the order of time.

        Args:
            vehicles: read at this tick.
            time_s: now.
            elapsed_s: since the tick before; 0 at the first.
        """
        records = [*self._passed(vehicles, time_s, elapsed_s), *self._changed(vehicles, time_s)]
        return sorted(records, key=lambda record: record.time_s)

    def _changed(self, vehicles: Vehicles, time_s: float) -> list[Record]:
        inside = self._zone_of_lane[vehicles.lane[vehicles.position_m >= self._zone_m[vehicles.lane]]]
        is_on = np.bincount(inside, minlength=len(self._zones)) > 0
        changed = np.flatnonzero(is_on != self._is_on)
        self._is_on = is_on
        return [
            Record(
                time_s=time_s,
                device=self._zones[k][0],
                event=Event.DETECTOR_ON if is_on[k] else Event.DETECTOR_OFF,
                parameter=self._zones[k][1],
            )
            for k in changed.tolist()
        ]

    def _passed(self, vehicles: Vehicles, time_s: float, elapsed_s: float) -> list[Record]:
        if elapsed_s <= 0.0:
            return []
        beyond_m = vehicles.position_m - self._point_m[vehicles.lane]
        # x - v T < p <= x
        found = np.flatnonzero((beyond_m >= 0.0) & (beyond_m < vehicles.speed_mps * elapsed_s))
        records = []
        for k in found.tolist():
            device, number = self._points[int(vehicles.lane[k])]
            at_s = time_s - float(beyond_m[k] / vehicles.speed_mps[k])
            records.append(Record(time_s=at_s, device=device, event=Event.DETECTOR_ON, parameter=number))
            records.append(
                Record(time_s=at_s + PULSE_S, device=device, event=Event.DETECTOR_OFF, parameter=number)
            )
        return records
