import csv

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.errors import UsageError
from leed_traffic.serve.logs.actuations import Actuations, channels_of, write_detectors
from tests.intersections import star, three_stages

# lanes of 80 m: presence from 68 m, advance at the stopping distance of 13.89 m/s, 45.52 m before the stop line
LANES = {f"in{k}_0": k for k in range(3)}
POINT_M = 34.48


def vehicles(*those):
    lane, position_m, speed_mps = zip(*those, strict=True) if those else ((), (), ())
    return Vehicles(lane=np.array(lane, dtype=np.intp), position_m=np.array(position_m, dtype=float),
                    speed_mps=np.array(speed_mps, dtype=float))  # fmt: skip


def drive(*ticks, elapsed_s=1.0):
    """(time, code, channel) of the events at each tick."""
    actuations, told = Actuations([three_stages()], LANES), []
    for k, those in enumerate(ticks):
        records = actuations.take(vehicles(*those), float(k), elapsed_s if k else 0.0)
        told.append([(pytest.approx(r.time_s), int(r.event), r.parameter) for r in records])
    return told


def test_a_zone_is_on_while_somebody_is_in_it():
    told = drive([(1, 67.9, 5.0)], [(1, 68.0, 1.0)], [(1, 79.0, 0.0), (1, 71.0, 0.0)], [(1, 75.0, 3.0)], [], [])
    assert told == [[], [(1.0, 82, 2)], [], [], [(4.0, 81, 2)], []]


def test_a_vehicle_passes_a_point_once_at_its_own_moment():
    told = drive([(0, POINT_M - 8.0, 10.0)], [(0, POINT_M + 2.0, 10.0)], [(0, POINT_M + 12.0, 10.0)])
    assert told == [[], [(0.8, 82, 4), (0.9, 81, 4)], []]


def test_two_vehicles_that_pass_within_a_tick_are_two():
    (told,) = drive([], [(2, POINT_M + 1.0, 10.0), (2, POINT_M + 9.0, 10.0)])[1:]
    assert told == [(0.1, 82, 6), (0.2, 81, 6), (0.9, 82, 6), (1.0, 81, 6)]


def test_a_vehicle_that_stands_on_the_point_or_is_seen_first_passes_nothing():
    assert drive([(0, POINT_M + 2.0, 10.0)], [(0, POINT_M + 2.0, 0.0)]) == [[], []]
    assert drive([], [(0, POINT_M, 5.0)])[1] == [(1.0, 82, 4), (1.1, 81, 4)]
    assert drive([], [(0, POINT_M - 0.1, 5.0)])[1] == []


def test_values_that_make_no_sense_tell_nothing():
    assert drive([], [(0, np.nan, 5.0), (1, 50.0, np.nan), (2, -5.0, -1.0)])[1] == []


def test_lanes_that_are_not_read_have_no_events():
    actuations = Actuations([three_stages()], {"in1_0": 0})
    assert [(r.device, r.parameter) for r in actuations.take(vehicles((0, 70.0, 0.0)), 0.0, 0.0)] == [("Y", 2)]


def test_the_table_of_channels_is_written_beside_the_log(tmp_path):
    write_detectors(tmp_path, [star(2, "A")])
    rows = list(csv.reader((tmp_path / "detectors.csv").read_text().splitlines()))
    assert rows == [
        ["DeviceId", "Phase", "Parameter", "Function", "Lane", "FromM"],
        ["A", "1", "1", "Presence", "in0_0", "68.00"],
        ["A", "2", "2", "Presence", "in1_0", "68.00"],
        ["A", "1", "3", "Advance", "in0_0", "34.48"],
        ["A", "2", "4", "Advance", "in1_0", "34.48"],
    ]
    assert [c.number for c in channels_of(star(2, "A"))] == [1, 2, 3, 4]
    with pytest.raises(UsageError, match="cannot be written"):
        write_detectors(tmp_path / "nowhere", [star(2)])
