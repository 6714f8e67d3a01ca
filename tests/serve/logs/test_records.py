"""Records come back with the same bits, whatever numbers they hold."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.safety.envelope import Reason
from leed_traffic.domain.safety.program import PROGRAM_ID
from leed_traffic.serve.device.commands import Verb
from leed_traffic.serve.device.contract import SignalDisplay, Snapshot
from leed_traffic.serve.logs.events import Decision
from leed_traffic.serve.logs.records import (
    Asked,
    Called,
    Closed,
    CommandRecord,
    Lost,
    RecordedAnswer,
    Ruled,
    Stopped,
    Tick,
    crc_of,
    line_of,
    run_record,
)
from leed_traffic.serve.safety.supervisor import SignalMode


def bits(value):
    return struct.pack("<d", value)


@given(st.floats())
def test_every_number_comes_back_with_its_bits(value):
    back = run_record.validate_json(line_of(Asked(intersection="C", request=value, observation_crc=0)))
    assert bits(back.request) == bits(value) or (math.isnan(back.request) and math.isnan(value))


@pytest.mark.parametrize(
    "value", [-0.0, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, 2.0**53 + 2]
)
def test_numbers_at_the_edge_come_back_with_their_bits(value):
    back = run_record.validate_json(line_of(Asked(intersection="C", request=value, observation_crc=0)))
    assert bits(back.request) == bits(value)


def test_minus_zero_and_zero_are_different_lines_and_nan_is_like_nan():
    lines = [line_of(Asked(intersection="C", request=value, observation_crc=0)) for value in (0.0, -0.0)]
    assert lines[0] != lines[1]
    nan = [line_of(Asked(intersection="C", request=float("nan"), observation_crc=0)) for _ in range(2)]
    assert nan[0] == nan[1] == b'{"kind":"asked","intersection":"C","request":"NaN","observation_crc":0}\n'


@given(st.integers(0, 2**32 - 1))
def test_a_request_of_32_bits_comes_back_as_itself(pattern):
    value = struct.unpack("<f", struct.pack("<I", pattern))[0]
    back = run_record.validate_json(line_of(Asked(intersection="C", request=value, observation_crc=0)))
    assert np.float32(back.request) == np.float32(value) or math.isnan(value)


def test_a_snapshot_comes_back_as_it_was():
    rng = np.random.default_rng(3)
    snapshot = Snapshot(
        time_s=12.3,
        displays=(
            SignalDisplay(
                state="GgrsyX",
                program=PROGRAM_ID,
                phase=-3,
                spent_s=float("nan"),
                is_sound=False,
                slowest_inside_mps=2.5,
            ),
            SignalDisplay(state="", program="", phase=2**40, spent_s=1e-300, slowest_inside_mps=None),
            SignalDisplay(state='"\\\u2028\x00', program="é", phase=0, spent_s=-0.0),
        ),
        vehicles=Vehicles(
            lane=np.array([0, 3, 70_000]),
            position_m=rng.normal(size=3),
            speed_mps=np.array([-0.0, np.nan, np.inf]),
        ),
        missing=frozenset({5, 1}),
        detected={"C:loop1": (12.0, 3.25), "C:zone": (float("inf"), 0.1)},
        priority_vehicles=(PriorityVehicle(signal="C", link=3, distance_m=81.7, kind="bus"),),
        persons=(2.0, math.nan),
    )
    line = line_of(Tick.of(snapshot))
    assert line.count(b"\n") == 1
    back = run_record.validate_json(line).snapshot()
    assert line_of(Tick.of(back)) == line
    assert back.displays[1:] == snapshot.displays[1:]
    assert bits(back.displays[2].spent_s) == bits(-0.0)
    assert math.isnan(back.displays[0].spent_s)
    assert back.vehicles.lane.tolist() == [0, 3, 70_000]
    assert back.vehicles.position_m.tobytes() == snapshot.vehicles.position_m.tobytes()
    assert back.vehicles.speed_mps.tobytes() == snapshot.vehicles.speed_mps.tobytes()
    assert back.missing == {1, 5}
    assert (back.detected, back.priority_vehicles) == (snapshot.detected, snapshot.priority_vehicles)
    np.testing.assert_array_equal(back.persons, snapshot.persons)


def test_a_line_can_be_read_without_us():
    decision = Decision(
        time_s=7.0,
        intersection="C",
        mode=SignalMode.ENGAGED,
        requested=None,
        ruled=2,
        reason=Reason.GRANTED,
        shown=1,
    )
    assert line_of(Ruled.of(decision)) == (
        b'{"kind":"ruled","time_s":7.0,"intersection":"C","mode":"engaged","requested":null,"ruled":2,'
        b'"reason":"granted","shown":1}\n'
    )
    call = Called(intersection="C", verb=Verb.REQUEST, stage=1, hold_s=5.0, answer=RecordedAnswer.DONE)
    assert line_of(call) == (
        b'{"kind":"called","intersection":"C","verb":"request","stage":1,"hold_s":5.0,"answer":"done"}\n'
    )


@pytest.mark.parametrize(
    "record",
    [
        Lost(),
        Closed(),
        Stopped(number=15),
        CommandRecord(command="mode", who="uid 0", value="shadow"),
        CommandRecord(command="reload", who=""),
    ],
)
def test_short_records_come_back_as_themselves(record):
    back = run_record.validate_json(line_of(record))
    assert (type(back), back) == (type(record), record)


@pytest.mark.parametrize("time_s", [-0.1, 1e10 + 2.0, "NaN", "Infinity"])
def test_a_tick_at_no_time_is_refused(time_s):
    with pytest.raises(ValidationError, match="time_s"):
        Tick(time_s=time_s, signals=(), lane=(), position_m=(), speed_mps=())


def test_an_observation_is_named_by_its_bytes():
    observation = np.array([0.0, 1.5], dtype=np.float32)
    assert crc_of(observation) != crc_of(np.array([-0.0, 1.5], dtype=np.float32))
    assert crc_of(observation) == crc_of(observation.copy())
