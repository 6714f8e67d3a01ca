from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leed_traffic.domain.detectors.detection import (
    Detection,
    SpanTable,
    Vehicles,
    capacity_veh,
    lanes_to_read,
    within_reach,
)
from tests.intersections import four_legs, lane, t_junction

JUNCTIONS = (t_junction("T"), four_legs("X"))
LANES = lanes_to_read(JUNCTIONS, 200.0)
INDEX = {name: k for k, name in enumerate(LANES)}


def vehicles(*rows):
    """Rows of (lane, position, speed)."""
    return Vehicles(
        lane=np.array([INDEX[row[0]] for row in rows], dtype=np.intp),
        position_m=np.array([row[1] for row in rows], dtype=float),
        speed_mps=np.array([row[2] for row in rows], dtype=float),
    )


def reference(junction, reach_m, rows):
    """Queue and count of each lane, exit count and fill of each movement, one vehicle and one span at a time."""
    queue, count, exit_count, fill = [], [], [], []
    for ln in junction.lanes:
        q = n = 0.0
        for span in ln.spans:
            lowest_m = max(span.from_m, span.to_m - (reach_m - span.distance_m))
            for name, position_m, speed_mps in rows:
                if name == span.lane and span.distance_m < reach_m and lowest_m <= position_m <= span.to_m:
                    n += span.share
                    q += span.share if speed_mps < 0.1 else 0.0
        queue.append(q)
        count.append(n)
    for movement in junction.vehicle_movements:
        span = movement.exit_span
        mouth_m = min(span.to_m, 60.0)
        seen = [row for row in rows if row[0] == span.lane]
        exit_count.append(float(sum(row[1] <= min(span.to_m, reach_m) for row in seen)))
        fill.append(min(1.0, sum(row[1] <= mouth_m and row[2] < 3.0 for row in seen) / (mouth_m / 7.5)))
    return queue, count, exit_count, fill


row = st.tuples(
    st.sampled_from(LANES), st.integers(0, 160).map(float), st.sampled_from([0.0, 0.09, 0.1, 2.99, 3.0, 13.0])
)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(row, max_size=60), st.sampled_from([10.0, 50.0, 80.0, 100.0, 200.0]))
def test_detectors_count_as_a_plain_loop_does(rows, reach_m):
    reaches = [reach_m, 100.0]
    readings = Detection(JUNCTIONS, reaches, INDEX).measure(vehicles(*rows))
    for n, (junction, reach) in enumerate(zip(JUNCTIONS, reaches, strict=True)):
        local = readings.of(n)
        queue, count, exit_count, fill = reference(junction, reach, rows)
        np.testing.assert_allclose(local.queue_veh, queue)
        np.testing.assert_allclose(local.count_veh, count)
        np.testing.assert_allclose(local.exit_count_veh, exit_count)
        np.testing.assert_allclose(local.exit_fill, fill)


@pytest.mark.parametrize(("position_m", "seen"), [(29.9, 0.0), (30.0, 1.0), (80.0, 1.0)])
def test_a_detector_ends_at_its_reach(position_m, seen):
    readings = Detection(JUNCTIONS[:1], 50.0, INDEX).measure(vehicles(("in0_0", position_m, 5.0)))
    assert readings.of(0).count_veh[0] == seen


def test_beyond_a_short_lane_a_detector_goes_on_upstream_with_the_share_that_heads_for_it():
    readings = Detection(JUNCTIONS[:1], 100.0, INDEX).measure(
        vehicles(("up0_0", 130.0, 5.0), ("up0_0", 129.9, 5.0))
    )
    assert readings.of(0).count_veh[0] == 0.5


@pytest.mark.parametrize(
    ("speed_mps", "queue_veh", "is_slow"),
    [(0.09, 1.0, True), (0.1, 0.0, True), (2.9, 0.0, True), (3.0, 0.0, False)],
)
def test_a_queue_stands_and_a_blocked_exit_crawls(speed_mps, queue_veh, is_slow):
    readings = Detection(JUNCTIONS[:1], 100.0, INDEX).measure(
        vehicles(("in0_0", 70.0, speed_mps), ("out0_0", 60.0, speed_mps))
    )
    assert readings.of(0).queue_veh[0] == queue_veh
    assert readings.of(0).exit_fill[0] == (0.125 if is_slow else 0.0)


def test_without_vehicles_everything_is_zero():
    readings = Detection(JUNCTIONS, 100.0, INDEX).measure(vehicles())
    assert not any(
        part.any()
        for part in (readings.queue_veh, readings.count_veh, readings.exit_count_veh, readings.exit_fill)
    )


def test_a_movement_without_an_exit_is_never_blocked():
    junction = t_junction()
    movements = (replace(junction.movements[0], exit_span=None), *junction.movements[1:])
    readings = Detection([replace(junction, movements=movements)], 100.0, INDEX).measure(
        vehicles(("out0_0", 5.0, 0.0))
    )
    assert (readings.of(0).exit_fill[0], readings.of(0).exit_count_veh[0]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("reach_m", "ends"), [(50.0, [(30.0, 80.0)]), (80.0, [(0.0, 80.0)]), (100.0, [(0.0, 80.0), (130.0, 150.0)])]
)
def test_spans_are_cut_from_the_stop_line_on(reach_m, ends):
    assert [(span.from_m, span.to_m) for span in within_reach(lane(0), reach_m)] == ends


@pytest.mark.parametrize(("reach_m", "fits"), [(5.0, 1.0), (75.0, 10.0), (100.0, 12.0)])
def test_capacity_is_what_fits_and_at_least_one(reach_m, fits):
    assert capacity_veh(lane(0), reach_m) == pytest.approx(fits)


def test_only_lanes_within_reach_and_exits_are_read():
    assert "up0_0" not in lanes_to_read(JUNCTIONS[:1], 80.0)
    assert "up0_0" in lanes_to_read(JUNCTIONS[:1], 80.1)
    assert "out4_0" in lanes_to_read(JUNCTIONS[:1], 10.0)


def test_spans_of_one_target_add_up():
    spans = within_reach(lane(0), 100.0)
    table = SpanTable([(1, span) for span in spans], 3, INDEX)
    (total,) = table.add_up(
        np.sort(np.array([INDEX["in0_0"] * 1e6 + 10.0, INDEX["up0_0"] * 1e6 + 140.0])), [np.ones(2)]
    )
    assert total.tolist() == [0.0, 1.5, 0.0]
