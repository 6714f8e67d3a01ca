import math
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Detection, Vehicles, capacity_veh, lanes_to_read
from leed_traffic.domain.detectors.faults import DetectorFault, FaultRates
from leed_traffic.domain.detectors.layout import place_zones
from leed_traffic.domain.detectors.loops import LoopCounts
from leed_traffic.domain.detectors.sensing import (
    CAMERA,
    IDEAL,
    LOOPS,
    SensedDetection,
    Sensing,
    SensingKind,
    Sensors,
)
from tests.intersections import four_legs, t_junction

JUNCTIONS = (t_junction("T"), four_legs("X"))
INDEX = {name: k for k, name in enumerate(lanes_to_read(JUNCTIONS, 200.0))}
N_LANES = sum(j.n_lanes for j in JUNCTIONS)
ROOM = np.array([capacity_veh(lane, 100.0) for j in JUNCTIONS for lane in j.lanes])


def queue_of(n, lane="in0_0"):
    position = 79.0 - 7.5 * np.arange(n)
    return Vehicles(lane=np.full(n, INDEX[lane], dtype=np.intp), position_m=position, speed_mps=np.zeros(n))


def reports(sensing, vehicles, *, seed=1, looks=1, reach_m=100.0):
    """(looks, L) counts and queues of all lanes."""
    sensors = Sensors(JUNCTIONS, sensing)
    sensors.begin(seed, 3600.0)
    detection = SensedDetection(sensors, JUNCTIONS, [reach_m] * 2, INDEX)
    seen = []
    for k in range(looks):
        sensors.take(5.0 * k, 5.0)
        readings = detection.measure(vehicles)
        seen.append((readings.count_veh, readings.queue_veh))
    counts, queues = zip(*seen, strict=True)
    return np.stack(counts), np.stack(queues)


def test_ideal_detectors_report_the_truth():
    vehicles = queue_of(6)
    counts, queues = reports(IDEAL, vehicles)
    truth = Detection(JUNCTIONS, 100.0, INDEX).measure(vehicles)
    assert IDEAL.is_perfect
    assert counts[0].tolist() == truth.count_veh.tolist()
    assert queues[0].tolist() == truth.queue_veh.tolist()


def test_a_camera_sees_no_farther_than_its_reach_whatever_is_asked_for():
    perfect = Sensing(kind=SensingKind.CAMERA, reach_m=30.0)
    counts, _ = reports(perfect, queue_of(6))
    assert counts[0, 0] == 4.0  # at 1, 8.5, 16 and 23.5 m


def test_a_camera_misses_some_more_of_a_full_zone_and_errs_around_what_it_sees():
    camera = replace(CAMERA, miss=0.1, occlusion=0.2, noise=0.1, faults=FaultRates())
    counts, queues = reports(camera, queue_of(10), looks=2000)
    seen = counts[:, 0]
    p = 0.9 * (1.0 - 0.2 * 10 / (80.0 / 7.5))
    assert seen.mean() == pytest.approx(p * 10, abs=0.15)
    assert seen.std() == pytest.approx(math.sqrt(10 * p * (1 - p) + 1.0), rel=0.15)
    assert (queues[:, 0] <= seen).all()
    assert (counts[:, 1:5] == 0.0).all()  # nobody is seen where nobody is


def test_an_error_stays_for_a_while():
    camera = replace(CAMERA, noise=0.3, persistence_s=60.0, faults=FaultRates())
    seen = reports(camera, queue_of(10), looks=2000)[0][:, 0]
    r = np.corrcoef(seen[:-1], seen[1:])[0, 1]
    assert r == pytest.approx(math.exp(-5 / 60), abs=0.05)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, other = (reports(CAMERA, queue_of(8), seed=s, looks=50)[0] for s in (7, 7, 8))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_how_often_is_asked_changes_no_reading():
    sensors = Sensors(JUNCTIONS, CAMERA)
    sensors.begin(3, 3600.0)
    detection = SensedDetection(sensors, JUNCTIONS, [100.0] * 2, INDEX)
    sensors.take(0.0, 5.0)
    assert detection.measure(queue_of(8)).count_veh.tolist() == detection.measure(queue_of(8)).count_veh.tolist()


@pytest.mark.parametrize("kind", [DetectorFault.DEAD, DetectorFault.STUCK_ON, DetectorFault.STUCK_OFF])
def test_a_broken_detector_reports_what_its_fault_says(kind):
    broken = replace(IDEAL, faults=FaultRates(one_per_intersection=kind))
    sensors = Sensors(JUNCTIONS, broken)
    everywhere = [queue_of(2, lane) for lane in INDEX if lane.startswith("in")]
    vehicles = Vehicles(
        lane=np.concatenate([v.lane for v in everywhere]),
        position_m=np.concatenate([v.position_m for v in everywhere]),
        speed_mps=np.concatenate([v.speed_mps for v in everywhere]),
    )
    counts, queues = reports(sensors.sensing, vehicles, looks=3)
    expected = {DetectorFault.DEAD: math.nan, DetectorFault.STUCK_ON: ROOM[0], DetectorFault.STUCK_OFF: 0.0}[kind]
    for values in (counts, queues):
        is_broken = ~np.isclose(values, 2.0)
        assert [is_broken[:, :5].sum(axis=1).tolist(), is_broken[:, 5:].sum(axis=1).tolist()] == [
            [1, 1, 1],
            [1, 1, 1],
        ]
        np.testing.assert_array_equal(values[is_broken], np.full(6, expected))


def test_chatter_comes_and_goes_without_traffic():
    counts, _ = reports(
        replace(IDEAL, faults=FaultRates(one_per_intersection=DetectorFault.CHATTER)), queue_of(0), looks=200
    )
    shares = (counts > 0.0).mean(axis=0)
    assert sorted(shares)[-2:] == pytest.approx([0.5, 0.5], abs=0.15)
    assert sum(share > 0.0 for share in shares) == 2


def test_hours_that_vary_differ_in_how_wrong_their_cameras_are():
    camera = replace(CAMERA, miss=0.5, occlusion=0.0, noise=0.0, varies=True, faults=FaultRates())
    means = [reports(camera, queue_of(10), seed=seed, looks=300)[0][:, 0].mean() for seed in range(8)]
    assert max(means) - min(means) > 2.0
    assert max(means) <= 10.0


def test_a_listed_zone_is_all_that_is_seen():
    listed = tuple(d for j in JUNCTIONS for d in place_zones(j, 20.0) if d.lane != "in2_0")
    camera = Sensing(kind=SensingKind.CAMERA, detectors=listed)
    assert reports(camera, queue_of(6))[0][0, 0] == 3.0
    assert reports(camera, queue_of(6, "in2_0"))[0].sum() == 0.0


def loop_counts(came=0.0, left=0.0, stands_s=0.0):
    values = {
        "stop_passed_veh": left,
        "stop_covered_s": stands_s,
        "advance_passed_veh": came,
        "advance_covered_s": 0.0,
    }
    return LoopCounts(**{name: np.full(N_LANES, float(value)) for name, value in values.items()})


def loops_after(sensing, *looks, seed=1):
    sensors = Sensors(JUNCTIONS, sensing)
    sensors.begin(seed, 3600.0)
    for k, look in enumerate(looks):
        sensors.take(5.0 * k, 5.0, look)
    return SensedDetection(sensors, JUNCTIONS, [100.0] * 2, INDEX).measure(queue_of(9))


def test_loops_report_their_balance_whatever_stands_between_them_and_no_exit():
    sound = replace(LOOPS, miss=0.0, faults=FaultRates())
    readings = loops_after(sound, loop_counts(came=2, left=1, stands_s=5.0), *[loop_counts(stands_s=5.0)] * 4)
    np.testing.assert_allclose(readings.count_veh, 2.0)
    np.testing.assert_allclose(readings.queue_veh, 2.0, atol=0.01)
    assert np.isnan(readings.exit_fill).all()


@pytest.mark.parametrize(
    ("kind", "seen"),
    [(DetectorFault.DEAD, math.nan), (DetectorFault.STUCK_ON, 4.0), (DetectorFault.STUCK_OFF, 0.0)],
)
def test_a_broken_loop_counts_what_its_fault_says(kind, seen):
    """Three came, three left: stuck on, the stop loop sees nobody leave and somebody stand."""
    broken = replace(LOOPS, miss=0.0, faults=FaultRates(one_per_intersection=kind))
    readings = loops_after(
        broken, loop_counts(came=3, left=3, stands_s=2.0), loop_counts(stands_s=0.1), loop_counts()
    )
    odd = ~(np.abs(readings.count_veh) < 0.1)
    if kind is DetectorFault.STUCK_OFF:
        assert not odd.any()
    else:
        np.testing.assert_allclose(readings.count_veh[odd], [seen, seen])


def test_a_loop_misses_vehicles():
    looks = [loop_counts(came=100, left=100, stands_s=2.0)]
    sensors = Sensors(JUNCTIONS, replace(LOOPS, miss=0.1, faults=FaultRates()))
    sensors.begin(1, 3600.0)
    passed = sensors._missed(looks[0]).stop_passed_veh
    assert passed.mean() == pytest.approx(90.0, abs=3.0)
    assert passed.std() > 0.0


@pytest.mark.parametrize("wrong", [{"reach_m": 5.0}, {"miss": 1.0}, {"noise": -0.1}, {"persistence_s": 0.0}])
def test_impossible_detectors_are_refused(wrong):
    with pytest.raises(ValueError, match="need"):
        Sensing(**wrong)
