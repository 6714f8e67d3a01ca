import pytest

from leed_traffic.artifacts.scenario import DemandSpec, Flow
from leed_traffic.generate.brief import write_briefs
from leed_traffic.simulation.demand.turning_counts import period_starts
from tests.simulation.demand.two_signals import NETWORK, TIMINGS, scenario

WAY = ("west", "in0", "out0", "in1", "out1")


def test_periods_are_quarters_of_an_hour_and_at_most_six():
    assert period_starts(3600.0) == (0.0, 900.0, 1800.0, 2700.0)
    assert period_starts(300.0) == (0.0,)
    assert period_starts(3605.0) == (0.0, 900.0, 1800.0, 2700.0)  # five seconds are no quarter
    assert period_starts(3600.0 + 449.0) == (0.0, 900.0, 1800.0, 2700.0)
    assert period_starts(3600.0 + 450.0) == (0.0, 900.0, 1800.0, 2700.0, 3600.0)
    assert period_starts(5.0) == (0.0,)
    assert period_starts(4 * 3600.0) == (0.0, 2700.0, 5400.0, 8100.0, 10800.0, 13500.0)


def test_a_brief_counts_turns_in_the_period_of_their_arrival(tmp_path):
    # 100 m + 200 m at 10 m/s: 30 s to the first stop line, so the second vehicle arrives in the second quarter
    routes = "".join(f'<trip depart="{s}" from="west" to="out1"/>' for s in (1000, 1880))
    first, second = write_briefs(scenario(tmp_path, routes), NETWORK, TIMINGS, (11, 12))
    through = {(t.from_edge, t.to_edge): t for t in first.turns}
    assert through["in0", "out0"].flow_vehph == (4.0, 4.0)
    assert through["in0", "out0"].links == (0,)
    assert through["inside0", "outside0"].flow_vehph == (0.0, 0.0)
    assert second.turns[0].flow_vehph == (4.0, 4.0)


def test_demand_of_our_own_scenarios_is_the_mean_over_days(tmp_path):
    flow = Flow(name="f", edges=WAY, per_hour=(400.0, 100.0))
    spec = DemandSpec(period_s=900.0, spread=0.0, truck_share=0.0, vehicles=(flow,), pedestrians=())
    first, _ = write_briefs(scenario(tmp_path, "", demand=spec), NETWORK, TIMINGS, range(11, 61))
    assert first.turns[0].flow_vehph == pytest.approx(
        (390.0, 110.0), rel=0.06
    )  # some of the first period arrive in the second
