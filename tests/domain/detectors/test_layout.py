from dataclasses import replace

import pytest

from leed_traffic.domain.detectors.layout import (
    Detector,
    DetectorKind,
    covered,
    loops_by_lane,
    place_loops,
    place_zones,
    stopping_distance_m,
)
from tests.intersections import t_junction

T = t_junction()


def test_every_lane_has_a_zone_from_the_stop_line_on_and_every_exit_one_of_60_m():
    zones = {d.id: d for d in place_zones(T, 100.0)}
    near, far, exit_zone = zones["leed.zone.T.in0_0"], zones["leed.zone.T.up0_0"], zones["leed.exit.T.out0_0"]
    assert (near.from_m, near.to_m, near.distance_m) == (0.0, 80.0, 0.0)
    assert (far.from_m, far.to_m, far.distance_m, far.informs) == (130.0, 150.0, 80.0, (("in0_0", 0.5),))
    assert (exit_zone.kind, exit_zone.from_m, exit_zone.to_m) == (DetectorKind.EXIT, 0.0, 60.0)


def test_loops_lie_at_the_stop_line_and_at_the_stopping_distance():
    loops = {d.id: d for d in place_loops(T)}
    assert stopping_distance_m(13.89) == pytest.approx(45.5, abs=0.1)
    assert loops["leed.stop.T.in0_0"].distance_m == 2.0
    assert loops["leed.advance.T.in0_0"].distance_m == pytest.approx(45.52, abs=0.01)
    assert all(d.from_m == d.to_m for d in loops.values())


@pytest.mark.parametrize(("length_m", "n_loops"), [(10.9, 1), (11.0, 2)])
def test_a_lane_too_short_for_two_loops_has_one_at_the_stop_line(length_m, n_loops):
    lanes = (replace(T.lanes[0], length_m=length_m), *T.lanes[1:])
    own = [d for d in place_loops(replace(T, lanes=lanes)) if d.lane == "in0_0"]
    assert len(own) == n_loops
    assert own[0].kind is DetectorKind.STOP


def test_a_stretch_that_several_lanes_share_has_one_zone_that_tells_of_each():
    shared = tuple(replace(lane, spans=(lane.spans[0], replace(lane.spans[1], lane="up_0"))) for lane in T.lanes)
    zones = [d for d in place_zones(replace(T, lanes=shared), 100.0) if d.lane == "up_0"]
    assert len(zones) == 1
    assert [lane for lane, _ in zones[0].informs] == [lane.id for lane in T.lanes]


def test_what_no_zone_covers_is_not_seen():
    zones = place_zones(T, 50.0)
    kept = [d for d in zones if d.lane not in ("in0_0", "out2_0")]
    seen = covered(T, kept)
    assert [len(lane.spans) for lane in seen.lanes] == [0, 1, 1, 1, 1]
    assert [m.exit_span is None for m in seen.movements] == [False, False, True, False, False]
    assert seen.lanes[1].spans[0].from_m == 30.0


def test_a_zone_of_a_lane_that_is_not_there_is_refused():
    zone = replace(place_zones(T, 50.0)[0], informs=(("elsewhere", 1.0),))
    with pytest.raises(ValueError, match="does not have"):
        covered(T, [zone])


def test_loops_are_found_by_the_lane_that_they_tell_of():
    first, *_, last = loops_by_lane([T], [d for d in place_loops(T) if d.lane != "in4_0"])
    assert first == ("leed.stop.T.in0_0", "leed.advance.T.in0_0")
    assert last == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [{"from_m": 5.0, "to_m": 4.0}, {"distance_m": -1.0}, {"kind": DetectorKind.STOP, "to_m": 9.0}, {"share": 0.0}],
)
def test_an_impossible_detector_is_refused(wrong):
    share = wrong.pop("share", 1.0)
    values = {
        "id": "d",
        "kind": DetectorKind.ZONE,
        "signal": "T",
        "lane": "x",
        "from_m": 0.0,
        "to_m": 0.0,
        "distance_m": 0.0,
    }
    with pytest.raises(ValueError, match=r"^d: "):
        Detector(**(values | wrong), informs=(("x", share),))
