from itertools import pairwise

import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.evaluate.records.corridor import Corridor, Stop
from leed_traffic.evaluate.records.recording import (
    PATH_ERROR_M,
    Plotted,
    _paths,
    _simplified,
    approaches_of,
    read_recording,
)

pytestmark = pytest.mark.sumo


def recordings_of(comparison):
    return {run.controller: run.recording for run in comparison.runs if run.recording is not None}


def test_only_the_first_seed_of_two_controllers_is_recorded(recorded):
    assert list(recordings_of(recorded)) == ["actuated", "max-wave"]
    assert {run.seed for run in recorded.runs if run.recording} == {1001}


def test_arrivals_are_those_of_the_vehicles_that_came(recorded):
    scene = recorded.scene
    for recording in recordings_of(recorded).values():
        for intersection in scene.intersections:
            if intersection.id in scene.plotted.intersections:
                for leg in approaches_of(intersection):
                    counted, came = len(recording.arrivals_s[leg.edge]), recording.edges[leg.edge][0]
                    assert abs(counted - came) <= 0.1 * came + 5


def test_loops_stand_a_hundred_metres_ahead_or_where_the_road_begins(recorded):
    for intersection in recorded.scene.intersections:
        for leg in approaches_of(intersection):
            speed_mps = max(lane.speed_mps for lane in intersection.lanes if lane.approach == leg.edge)
            assert 0.0 < leg.travel_time_s * speed_mps <= 100.0 + 1e-6
            assert len(leg.loops) >= 1
            assert all(at_m >= 0.0 for _, at_m in leg.loops)


def test_trajectories_run_forward_along_the_corridor_within_the_window(recorded):
    begin_s, end_s = recorded.scene.plotted.window_s
    for recording in recordings_of(recorded).values():
        assert len(recording.paths) > 20
        for path in recording.paths:
            times, metres = zip(*path, strict=True)
            assert begin_s <= times[0] < times[-1] <= end_s
            assert list(metres) == sorted(metres)
            assert metres[-1] <= recorded.scene.plotted.corridor.length_m


def test_queues_have_a_value_per_minute_and_approach(recorded):
    recording = recordings_of(recorded)["max-wave"]
    assert {len(values) for values in recording.queues_veh.values()} == {10}
    assert sum(map(sum, recording.queues_veh.values())) > 0.0


def test_a_network_without_a_corridor_records_no_trajectories(recorded_crossing):
    assert recorded_crossing.scene.plotted.corridor is None
    for recording in recordings_of(recorded_crossing).values():
        assert recording.paths == ()
        assert any(recording.arrivals_s.values())


def test_who_comes_back_to_the_corridor_begins_a_new_line(tmp_path):
    steps = [
        (0, "a_0", 5),
        (2, "a_0", 20),
        (20, "a_0", 6),
        (22, "b_0", 4),
        (24, ":J_0", 1),
        (26, "b_0", 30),
        (99, "b_0", 40),
    ]
    lines = [
        f'<timestep time="{t:.2f}">\n<vehicle id="v" pos="{at:.2f}" lane="{lane}"/>\n' for t, lane, at in steps
    ]
    (tmp_path / "paths.xml").write_text("".join(lines))
    corridor = Corridor(
        edges=("a", "b"),
        begins_m=(0.0, 50.0),
        stops=(Stop(intersection="J", at_m=50.0, links=(0,)),),
        length_m=90.0,
    )
    assert _paths(tmp_path / "paths.xml", corridor, 60.0) == (
        ((0.0, 5.0), (2.0, 20.0)),
        ((20.0, 6.0), (22.0, 54.0), (26.0, 80.0)),
    )


def test_a_line_in_fewer_points_stays_near():
    points = [(float(t), min(10.0 * t, 50.0) + 0.5 * (t % 2)) for t in range(30)]
    fewer = _simplified(points)
    assert len(fewer) < 8
    for t, x in points:
        (t0, x0), (t1, x1) = next((a, b) for a, b in pairwise(fewer) if a[0] <= t <= b[0])
        assert abs(x0 + (x1 - x0) * (t - t0) / (t1 - t0) - x) <= PATH_ERROR_M


def test_a_missing_record_is_one_line(tmp_path, recorded):
    plotted = Plotted(intersections=(), corridor=None, window_s=(0.0, 1.0))
    with pytest.raises(ScenarioError, match="not recorded"):
        read_recording(tmp_path, tmp_path / "edges.xml", tmp_path / "states.xml", plotted, ())
