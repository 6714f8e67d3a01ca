from dataclasses import replace

import pytest

from leed_traffic.domain.network import Neighbour, OwnPhase
from leed_traffic.domain.shape import limits_difference, shape_difference
from tests.intersections import flat_timing, four_legs, with_limits

TRAINED = four_legs("X")


def difference(here, reach_m=100.0):
    return shape_difference(TRAINED, here, reach_m=reach_m)


def with_lane(k, **changes):
    lanes = list(TRAINED.lanes)
    lanes[k] = replace(lanes[k], **changes)
    return replace(TRAINED, lanes=tuple(lanes))


def with_span(k, n, **changes):
    spans = list(TRAINED.lanes[k].spans)
    spans[n] = replace(spans[n], **changes)
    return with_lane(k, spans=tuple(spans))


def with_way(k, **changes):
    ways = list(TRAINED.movements)
    ways[k] = replace(ways[k], **changes)
    return replace(TRAINED, movements=tuple(ways))


def test_what_no_policy_depends_on_may_change():
    neighbour = Neighbour(id="Y", to_approach="in0", distance_m=300.0, travel_time_s=20.0)
    other_program = (OwnPhase(state="r" * TRAINED.n_links, duration_s=9.0), *TRAINED.own_program)
    for here in (
        TRAINED,
        replace(
            TRAINED, neighbours=(neighbour,), own_offset_s=12.0, own_program_id="9", own_program_type="actuated"
        ),
        replace(TRAINED, own_program=other_program),
        with_way(0, speed_mps=15.0, length_m=25.0),
        with_span(0, 0, to_m=80.4),
    ):
        assert difference(here) is None


def test_a_lane_added_to_an_approach_is_named():
    added = replace(TRAINED.lanes[0], id="in0_1")
    here = replace(TRAINED, lanes=(TRAINED.lanes[0], added, *TRAINED.lanes[1:]))
    assert difference(here) == "made for 8 incoming lanes, intersection X has 9: lane in0_1 is new"


def test_a_lane_that_is_gone_or_in_another_place_is_named():
    assert "has 7: lane in7_0 is not among them" in difference(replace(TRAINED, lanes=TRAINED.lanes[:-1]))
    assert "in the order in0_0 in1_0" in difference(replace(TRAINED, lanes=TRAINED.lanes[::-1]))


def test_links_in_another_order_are_named_with_what_they_serve():
    swapped = {0: 2, 2: 0}
    here = replace(
        TRAINED, movements=tuple(replace(m, link=swapped.get(m.link, m.link)) for m in TRAINED.movements)
    )
    said = "made for link 0 that serves in0_0 to out0_0, at intersection X it serves in2_0 to out2_0"
    assert difference(here) == said


def test_a_stage_that_is_gone_or_shows_other_letters_is_named():
    assert difference(replace(TRAINED, stages=TRAINED.stages[:3])) == (
        "made for 4 stages, intersection X has 3: none shows rrrGrrrGrrrr"
    )
    other = replace(TRAINED.stages[1], state="rgrrrGrrrrrr")
    here = replace(TRAINED, stages=(TRAINED.stages[0], other, *TRAINED.stages[2:]))
    assert difference(here) == "made for stage 1 = rGrrrGrrrrrr, intersection X has rgrrrGrrrrrr"


def test_a_reach_that_no_longer_fits_is_named_and_beyond_the_reach_nothing_matters():
    shorter = with_span(0, 0, to_m=79.0)
    assert difference(shorter).startswith("lane in0_0: detectors saw 80.0 m of in0_0 from 0.0 m off the stop line")
    elsewhere = with_span(0, 1, lane="new_0")
    assert difference(elsewhere) == "lane in0_0: 100 m of detectors saw in0_0 up0_0, here in0_0 new_0"
    assert difference(elsewhere, reach_m=80.0) is None
    assert "share 0.50), here 20.0 m from 80.0 m (share 1.00)" in difference(with_span(0, 1, share=1.0))


def test_an_exit_elsewhere_and_a_new_conflict_are_named():
    exit_span = replace(TRAINED.movements[0].exit_span, to_m=30.0)
    assert "the exit of link 0: detectors saw" in difference(with_way(0, exit_span=exit_span))
    assert difference(replace(TRAINED, foes=(*TRAINED.foes, (0, 1)))) == (
        "links 0 and 1 of intersection X conflict here and did not where it was trained"
    )


@pytest.mark.parametrize(
    "name", ["min_green_s", "max_green_s", "yellow_s", "all_red_s", "pedestrian_clearance_s", "max_red_s"]
)
def test_every_limit_that_a_policy_meets_is_compared_by_its_stages(name):
    timing = flat_timing(3)
    old = timing.limits()[name]
    if name == "max_red_s":
        new, where = 125.0, ""
    elif name.endswith("green_s"):
        new, where = (*old[:2], old[2] + 0.5), " of stage 2"
        timing = replace(timing, fallback_green_s=(9.0, 9.0, 9.0))
    else:
        new, where = (old[0], (*old[1][:2], old[1][2] + 0.5), old[2]), " of stage 1 to 2"
    assert limits_difference(timing, with_limits(timing, **{name: new})).startswith(f"trained with {name}{where} ")


def test_what_the_signal_shows_when_nobody_asks_may_differ():
    timing = flat_timing(2)
    assert limits_difference(timing, replace(timing, fallback_green_s=(9.0, 12.0), fallback_order=(1, 0))) is None
