import math
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.serve.detectors.health import LaneMemory, LaneSample, SensingFault, SensingLimits, judge
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.bundles import crossing
from tests.serve.test_run import asks_for, drive, fake, read_events

LIMITS = SensingLimits()
WELL = {
    "count_veh": 2.0, "queue_veh": 0.0, "moving_veh": 2.0, "position_sum_m": 50.0, "green": 0.0,
    "exit_is_free": True,
    "capacity_veh": 10.0, "others_veh": 0.0,
}  # fmt: skip
STILL = {"count_veh": 2.0, "moving_veh": 0.0, "position_sum_m": 50.0}


def sample(**changes):
    values = {name: np.array([value]) for name, value in (WELL | changes).items()}
    return LaneSample(**values)


def after(ticks, change, memory=None, limits=LIMITS):
    """The fault after so many seconds; `change(k)` alters the k-th sample of a healthy lane."""
    memory = memory or LaneMemory.fresh(1)
    for k in range(ticks):
        moving = {"position_sum_m": 50.0 + k, "count_veh": 2.0 + k % 2}
        memory = judge(memory, sample(**(moving | change(k))), 1.0, limits)
    return memory


def fault(memory):
    return SensingFault(int(memory.fault[0]))


@pytest.mark.parametrize(
    ("expected", "seconds", "change"),
    [
        (SensingFault.MISSING, 2, lambda k: {"count_veh": math.nan}),
        (SensingFault.MISSING, 2, lambda k: {"queue_veh": math.nan}),
        (SensingFault.OUT_OF_RANGE, 2, lambda k: {"count_veh": -1.0}),
        (SensingFault.OUT_OF_RANGE, 2, lambda k: {"count_veh": math.inf}),
        (SensingFault.OUT_OF_RANGE, 2, lambda k: {"count_veh": 28.5}),  # 2.5 times 10 cars and 3 to spare
        (SensingFault.OUT_OF_RANGE, 2, lambda k: {"queue_veh": 5.0, "count_veh": 4.0}),
        (
            SensingFault.STALE,
            5,
            lambda k: {"count_veh": 2.0, "position_sum_m": 50.0},
        ),  # the first picture is no repetition
        (SensingFault.STUCK_ON, 41, lambda k: STILL | {"green": 1.0}),
        (SensingFault.STUCK_ON, 161, lambda k: STILL | {"green": 0.25}),
        (SensingFault.STUCK_OFF, 7200, lambda k: {"count_veh": 0.0, "moving_veh": 0.0, "others_veh": 0.1}),
        (SensingFault.CHATTERING, 56, lambda k: {"count_veh": float(k % 2)}),
    ],
)
def test_the_table(expected, seconds, change):
    assert fault(after(seconds, change)) is expected
    assert fault(after(seconds - 2, change)) is SensingFault.NONE


@pytest.mark.parametrize(
    "change",
    [
        lambda k: {},
        lambda k: {"count_veh": 28.0},
        lambda k: STILL,  # a queue at red
        lambda k: {"count_veh": 2.0, "green": 1.0},  # as many leave as come
        lambda k: STILL | {"green": 1.0, "exit_is_free": False},
        lambda k: {"count_veh": 0.0, "moving_veh": 0.0, "others_veh": 0.01},  # a quiet night
        lambda k: {"count_veh": float(k // 4 % 2)},  # a car every eight seconds
    ],
)
def test_what_traffic_does_is_no_fault(change):
    assert fault(after(2000, change)) is SensingFault.NONE


def test_a_lane_returns_only_after_half_a_minute_without_a_fault():
    broken = after(5, lambda k: {"count_veh": math.nan})
    assert fault(broken) is SensingFault.MISSING
    assert fault(after(29, lambda k: {}, broken)) is SensingFault.MISSING
    assert fault(after(30, lambda k: {}, broken)) is SensingFault.NONE
    relapse = after(1, lambda k: {}, after(3, lambda k: {"count_veh": math.nan}, after(29, lambda k: {}, broken)))
    assert fault(after(28, lambda k: {}, relapse)) is SensingFault.MISSING


def test_one_missing_tick_is_forgiven():
    assert fault(after(100, lambda k: {"count_veh": math.nan} if k == 50 else {})) is SensingFault.NONE


def test_a_worse_fault_takes_the_name():
    memory = after(41, lambda k: STILL | {"green": 1.0})
    assert fault(after(2, lambda k: {"count_veh": math.nan}, memory)) is SensingFault.MISSING


def test_the_judge_changes_nothing_that_it_is_given():
    memory, given = LaneMemory.fresh(1), sample(count_veh=math.nan)
    before = {name: getattr(memory, name).copy() for name in LaneMemory.__dataclass_fields__}
    judge(memory, given, 5.0, replace(LIMITS, missing_s=0.0))
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(memory, name), value)


def queues(n=3):
    return {lane.id: n for lane in crossing()[0].lanes}


def test_a_missing_lane_degrades_its_intersection_and_its_return_brings_the_policy_back(
    crossing_bundle, tmp_path, caplog
):
    device, notes = fake(queues=queues()), []
    broken = device.lane_index[crossing()[0].lanes[0].id]

    def break_and_mend(time_s, end_s, note):
        notes.append(note)
        device.missing = frozenset({broken}) if 100.0 <= time_s < 130.0 else frozenset()

    summary, _ = drive(
        crossing_bundle, device, policy=asks_for(0), on_tick=break_and_mend, events=tmp_path, until_s=300.0
    )
    assert notes[99] == "1 engaged"
    assert notes[106] == "1 degraded"
    assert notes[155] == "1 degraded"
    assert notes[185] == "1 engaged"
    assert summary.detector_faults == {"missing": 1}
    assert summary.transitions["degraded: bad_sensing"] == 1
    assert "is missing at 102.0 s" in caplog.text
    assert "are believed again" in caplog.text
    assert {83, 84} <= {code for _, code, _ in read_events(tmp_path)}


def test_a_detector_that_is_stuck_on_degrades_its_intersection(crossing_bundle, caplog):
    device = fake(queues=queues())
    device.is_stuck = True
    summary, _ = drive(crossing_bundle, device)
    assert set(summary.detector_faults) == {"stuck_on"}
    assert summary.transitions["degraded: bad_sensing"] >= 1
    assert summary.violations == []


def test_vehicles_that_should_move_and_do_not_degrade_the_intersection(crossing_bundle):
    device = fake(queues=queues())
    read = device.read

    def frozen():
        snapshot = read()
        if snapshot is None or snapshot.time_s < 50.0:
            return snapshot
        device.is_stuck = True
        vehicles = replace(snapshot.vehicles, speed_mps=np.full(len(snapshot.vehicles.lane), 8.0))
        return replace(snapshot, vehicles=vehicles)

    device.read = frozen
    summary, _ = drive(crossing_bundle, device, policy=asks_for(0), until_s=100.0)
    assert "stale" in summary.detector_faults
    assert summary.modes == {"C": SignalMode.DEGRADED}
