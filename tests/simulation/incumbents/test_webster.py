from dataclasses import replace

import pytest

from leed_traffic.domain.detectors.detection import LocalReadings
from leed_traffic.domain.plan import PlanInterpreter, check_plan
from leed_traffic.domain.safety.signal_state import SignalState
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.generate.brief import Brief
from leed_traffic.simulation.demand.turning_counts import Turn, Upstream
from leed_traffic.simulation.incumbents.webster import (
    fixed_cycle,
    flow_ratios,
    lane_flows,
    lost_time,
    split_greens,
    webster_cycle,
    webster_plans,
)
from tests.intersections import flat_timing, four_legs, star, t_junction


def turn(link, *flows, lanes=None):
    """A turn on the link's own lane."""
    return Turn(
        from_edge=f"in{link}",
        to_edge=f"out{link}",
        links=(link,),
        lanes=lanes or (f"in{link}_0",),
        flow_vehph=flows,
    )


def brief(junction, turns, *, timing=None, starts=(0.0,), upstream=()):
    timing = timing or flat_timing(junction.n_stages, name=junction.id)
    return Brief(
        intersection=junction, timing=timing, period_starts_s=starts, turns=tuple(turns), upstream=tuple(upstream)
    )


def test_the_cycle_is_websters_formula():
    # L = 2 * 4 s = 8 s, Y = 0.30 + 0.25 = 0.55: C = (1.5 * 8 + 5) / 0.45 = 37.8 s
    assert webster_cycle((0.30, 0.25), flat_timing(2)) == 38.0


@pytest.mark.parametrize(
    ("ratios", "cycle_s"),
    [
        ((0.05, 0.05), 30.0),  # 17 / 0.9 = 18.9 s, below the shortest cycle
        ((0.60, 0.50), 68.0),  # Y = 1.1 has no cycle: the longest that two greens of 30 s fill
        ((0.45, 0.40), 68.0),  # 17 / 0.15 = 113.3 s, more than the site's maximum greens fill
    ],
)
def test_the_cycle_stays_within_practice_and_the_sites_limits(ratios, cycle_s):
    assert webster_cycle(ratios, flat_timing(2)) == cycle_s


def test_the_cycle_is_never_shorter_than_all_minimum_greens():
    assert webster_cycle((0.0, 0.0, 0.0, 0.0), flat_timing(4)) == 4 * 7.0 + 4 * 4.0


def test_lost_time_is_the_clearances_along_the_fallback_order():
    assert lost_time(flat_timing(3, yellow_s=3.0, all_red_s=2.0)) == 15.0


def test_greens_are_split_by_flow_ratio():
    splits = split_greens((0.30, 0.15), 53.0, flat_timing(2))  # 45 s of green
    assert splits.green_s == pytest.approx((30.0, 15.0))


def test_a_minimum_green_takes_its_time_from_the_others():
    splits = split_greens(
        (0.40, 0.20, 0.02), 54.0, flat_timing(3)
    )  # 42 s of green, 35 s beside the minimum of 7 s
    assert splits.green_s == pytest.approx((23.333, 11.667, 7.0), abs=0.01)


def test_a_maximum_green_leaves_its_time_to_the_others():
    splits = split_greens((0.50, 0.10), 58.0, flat_timing(2))  # 50 s of green, one stage may have 30 s
    assert splits.green_s == pytest.approx((30.0, 20.0))


def test_without_demand_greens_are_equal():
    assert split_greens((0.0, 0.0), 48.0, flat_timing(2)).green_s == pytest.approx((20.0, 20.0))


def test_a_stage_needs_the_flow_ratio_of_its_fullest_lane():
    junction = star(2)
    assert flow_ratios(brief(junction, [turn(0, 540.0), turn(1, 360.0)]), 0) == pytest.approx((0.30, 0.20))


def test_what_another_stage_serves_already_is_not_served_twice():
    # link 0 is green in stages 0 and 1, link 1 yields in 0 and has priority in 1, link 3 is green in 2 alone
    junction = t_junction()
    ratios = flow_ratios(
        brief(junction, [turn(0, 720.0), turn(1, 180.0), turn(2, 540.0), turn(3, 180.0), turn(4, 0.0)]), 0
    )
    # link 2 (0.30) and link 3 (0.10) have one stage each; link 1 (0.10) is served by half of stage 0's 0.30;
    # link 0 (0.40) has 0.30 in stage 0, the missing 0.10 go to the stage with the most green
    assert ratios == pytest.approx((0.40, 0.0, 0.10))


def test_drivers_fill_lanes_evenly():
    left = turn("l", 100.0, lanes=("a_1",))
    through = turn("t", 500.0, lanes=("a_0", "a_1"))
    flows = lane_flows([through, left], 0)
    assert flows["a_1", left] == 100.0
    assert flows["a_0", through] == pytest.approx(300.0)
    assert flows["a_1", through] == pytest.approx(200.0)


def test_a_lane_that_is_fuller_than_the_rest_gets_nothing_more():
    left = turn("l", 400.0, lanes=("a_1",))
    through = turn("t", 300.0, lanes=("a_0", "a_1"))
    assert lane_flows([through, left], 0)["a_1", through] == 0.0


@pytest.mark.parametrize("coordinated", [False, True])
@pytest.mark.parametrize("flow", [0.0, 300.0, 3000.0])
@pytest.mark.parametrize("build", [four_legs, t_junction])
def test_plans_keep_to_the_limits_whatever_the_demand(build, flow, coordinated):
    junction = build()
    turns = [turn(m.link, flow, flow / 2.0) for m in junction.vehicle_movements]
    written = brief(junction, turns, timing=derive_timing(junction), starts=(0.0, 900.0))
    plans = webster_plans([written], coordinated=coordinated)
    check_plan(plans[junction.id], junction, written.timing)


def test_equal_periods_become_one():
    junction = star(2)
    plans = webster_plans(
        [brief(junction, [turn(0, 500.0, 500.0), turn(1, 300.0, 300.0)], starts=(0.0, 900.0))], coordinated=False
    )
    assert len(plans[junction.id].periods) == 1


def arterial():
    """A feeds B (heavy, 20 s away), B feeds A (light)."""

    def link(neighbour, flow):
        return Upstream(
            neighbour=neighbour, from_approach="in0", to_approach="in0", travel_time_s=20.0, flow_vehph=(flow,)
        )

    turns = [turn(0, 600.0), turn(1, 300.0)]
    return [
        brief(star(2, "A"), turns, upstream=[link("B", 100.0)]),
        brief(star(2, "B"), turns, upstream=[link("A", 500.0)]),
    ]


def test_the_offset_is_the_travel_time_in_the_heavier_direction():
    plans = webster_plans(arterial(), coordinated=True)
    a, b = plans["A"].periods[0], plans["B"].periods[0]
    assert a.cycle_s == b.cycle_s
    assert (b.offset_s - a.offset_s) % a.cycle_s == 20.0


def test_signals_share_the_longest_cycle():
    briefs = arterial()
    briefs[1] = replace(briefs[1], turns=(turn(0, 900.0), turn(1, 300.0)))
    plans = webster_plans(briefs, coordinated=True)
    assert plans["A"].periods[0].cycle_s == webster_cycle(flow_ratios(briefs[1], 0), briefs[1].timing)


def requests(plan, junction, *, started_s):
    """When the first step of a coordinated plan lets go, having turned green at `started_s` with nobody anywhere."""
    lanes, movements = junction.n_lanes, len(junction.vehicle_movements)
    busy = [0.0] * lanes
    busy[1] = 3.0  # somebody waits for the other stage
    readings = LocalReadings(
        queue_veh=[0.0] * lanes, count_veh=busy, exit_count_veh=[0.0] * movements, exit_fill=[0.0] * movements
    )
    interpreter = PlanInterpreter(plan, junction)
    for green_s in range(200):
        state = SignalState(
            stage=plan.periods[0].steps[0].stage, is_clearing=False, green_s=float(green_s), wait_s=(0.0, 1.0)
        )
        if interpreter.request(readings, state, started_s + green_s) != state.stage:
            return started_s + green_s
    return None


def test_a_coordinated_green_stands_until_its_split_ends_even_if_it_came_early():
    briefs = arterial()
    plan = webster_plans(briefs, coordinated=True)["A"]
    period = plan.periods[0]
    split_end_s = period.offset_s + period.steps[0].max_green_s + 10 * period.cycle_s
    start_s = period.offset_s + 10 * period.cycle_s
    assert requests(plan, briefs[0].intersection, started_s=start_s) == split_end_s
    assert requests(plan, briefs[0].intersection, started_s=start_s - 5.0) == split_end_s
    assert requests(plan, briefs[0].intersection, started_s=start_s + 5.0) == split_end_s


def test_a_coordinated_green_that_missed_its_split_stands_for_its_minimum_only():
    briefs = arterial()
    plan = webster_plans(briefs, coordinated=True)["A"]
    period = plan.periods[0]
    late_s = period.offset_s + period.steps[0].max_green_s + 1.0
    assert requests(plan, briefs[0].intersection, started_s=late_s) == late_s + period.steps[0].min_green_s


def test_a_fixed_cycle_counts_minimum_greens_that_bind_as_lost():
    # the third stage's share would be 2.3 s of green: L = 3 * 4 + 7 = 19 s, Y = 0.55, C = (1.5 * 19 + 5) / 0.45 = 74.4 s
    assert fixed_cycle((0.30, 0.25, 0.03), flat_timing(3)) == 75.0
    assert webster_cycle((0.30, 0.25, 0.03), flat_timing(3)) < 75.0


def test_without_a_binding_minimum_the_fixed_cycle_is_websters():
    assert fixed_cycle((0.30, 0.25), flat_timing(2)) == webster_cycle((0.30, 0.25), flat_timing(2))


def test_a_fixed_cycle_holds_all_minimum_greens_where_nobody_comes():
    assert fixed_cycle((0.0, 0.0, 0.0, 0.0), flat_timing(4)) == 4 * 7.0 + 4 * 4.0
