import numpy as np
import pytest

from leed_traffic.domain.detectors.detection import Detection, lanes_to_read
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones
from leed_traffic.domain.detectors.sensing import LOOPS, Sensing, SensingKind
from leed_traffic.domain.safety.program import build_program
from leed_traffic.errors import MismatchError
from leed_traffic.serve.detectors.readings import FieldDetectors, site_detectors
from leed_traffic.serve.device.traci import Endpoint, TraciDevice
from leed_traffic.simulation.sumo.detector_file import render_additional
from tests.serve.bundles import crossing

CAMERA = Sensing(kind=SensingKind.CAMERA, reach_m=80.0)


def open_device(port, *, lanes=(), **kwargs):
    intersection, timing = crossing()
    endpoint = Endpoint(host="localhost", port=port, deadline_s=5.0, connect_s=20.0)
    return TraciDevice(
        endpoint,
        [intersection],
        lanes,
        lambda n, step_s: build_program(intersection, timing, step_s=step_s),
        **kwargs,
    )


@pytest.fixture
def additional(tmp_path):
    path = tmp_path / "d.add.xml"
    intersection, _ = crossing()
    path.write_text(render_additional([*place_zones(intersection, 80.0), *place_loops(intersection)]))
    return path


@pytest.mark.sumo
def test_zones_over_traci_read_as_the_interval_sums_do(start_sumo, additional):
    """A zone counts vehicles that are partly within, the sums those whose front is: one more at its far end."""
    intersection, _ = crossing()
    lanes = lanes_to_read([intersection], 80.0)
    device = open_device(
        start_sumo(additional=[additional]).port,
        lanes=lanes,
        detectors=site_detectors(CAMERA, [intersection], 100.0),
    )
    truth, detectors = (
        Detection([intersection], 80.0, device.lane_index),
        FieldDetectors([intersection], CAMERA, 100.0),
    )
    try:
        snapshots = [device.read() for _ in range(200)]
    finally:
        device.close()
    for snapshot in snapshots[::20]:
        readings, _ = detectors.measure(snapshot.detected, 1.0)
        expected = truth.measure(snapshot.vehicles)
        assert set(readings.count_veh - expected.count_veh) <= {0.0, 1.0}
        assert np.abs(readings.queue_veh - expected.queue_veh).max() <= 1.0
        np.testing.assert_allclose(readings.exit_fill, expected.exit_fill, atol=0.126)  # one of the eight that fit


@pytest.mark.sumo
def test_loops_over_traci_follow_the_traffic_and_no_lane_is_read(start_sumo, additional):
    intersection, _ = crossing()
    device = open_device(
        start_sumo(additional=[additional]).port, detectors=site_detectors(LOOPS, [intersection], 100.0)
    )
    detectors, seen = FieldDetectors([intersection], LOOPS, 100.0), []
    try:
        for k in range(200):
            snapshot = device.read()
            seen.append(detectors.measure(snapshot.detected, 1.0 if k else 0.0)[0].count_veh)
    finally:
        device.close()
    assert len(snapshot.vehicles.lane) == 0
    assert sum(snapshot.detected[d.id][0] for d in place_loops(intersection) if ".stop." in d.id) > 50
    assert np.max(seen) > 2.0
    assert np.max(seen) <= 6.0


@pytest.mark.sumo
def test_a_server_without_the_detectors_is_refused(start_sumo):
    intersection, _ = crossing()
    with pytest.raises(MismatchError, match=r"has no detector leed\.stop\.C\..* load the additional file"):
        open_device(start_sumo().port, detectors=site_detectors(LOOPS, [intersection], 100.0))


@pytest.mark.sumo
def test_trucks_call_with_their_link_and_cars_do_not(start_sumo):
    intersection, _ = crossing()
    device = open_device(start_sumo().port, priority_classes=frozenset({"truck"}))
    try:
        callers = [caller for _ in range(120) for caller in device.read().priority_vehicles]
    finally:
        device.close()
    assert {c.kind for c in callers} == {"truck"}
    assert {c.signal for c in callers} == {"C"}
    assert {c.link for c in callers} <= {m.link for m in intersection.vehicle_movements}
    assert min(c.distance_m for c in callers) < 50.0


def test_a_detector_that_is_silent_leaves_its_lanes_unknown():
    intersection, _ = crossing()
    detectors = FieldDetectors([intersection], CAMERA, 100.0)
    detected = {d.id: (2.0, 1.0) for d in site_detectors(CAMERA, [intersection], 100.0)}
    (gone, *_) = [name for name in detected if name.startswith("leed.zone")]
    readings, _ = detectors.measure({name: pair for name, pair in detected.items() if name != gone}, 1.0)
    assert np.isnan(readings.count_veh).sum() == 1
    assert np.nanmax(readings.count_veh) >= 2.0
    assert (readings.exit_fill > 0.0).all()


def test_loops_that_are_joined_late_begin_with_what_comes_from_then_on():
    intersection, _ = crossing()
    detectors = FieldDetectors([intersection], LOOPS, 100.0)
    loops = site_detectors(LOOPS, [intersection], 100.0)
    first = {d.id: (300.0, 900.0) for d in loops}
    assert detectors.measure(first, 0.0)[0].count_veh.max() == 0.0
    later = {d.id: (303.0 if ".advance." in d.id else 300.0, 900.0) for d in loops}
    np.testing.assert_allclose(detectors.measure(later, 1.0)[0].count_veh, 3.0, atol=0.5)


def test_what_moves_at_a_lane_is_told_apart_from_what_stands():
    intersection, _ = crossing()
    detectors = FieldDetectors([intersection], LOOPS, 100.0)
    loops = site_detectors(LOOPS, [intersection], 100.0)
    marks = [detectors.measure({d.id: (n, 5.0) for d in loops}, 1.0)[1] for n in (4.0, 4.0, 5.0)]
    assert (marks[0] == marks[1]).all()
    assert (marks[1] != marks[2]).all()


@pytest.mark.parametrize("reach_m", [30.0, 80.0, 100.0])
def test_no_zone_is_longer_than_the_policies_see(reach_m):
    zones = [d for d in site_detectors(CAMERA, [crossing()[0]], reach_m) if d.kind is DetectorKind.ZONE]
    assert max(zone.to_m - zone.from_m for zone in zones) == pytest.approx(min(reach_m, 80.0))
