import pytest

from leed_traffic.generate.brief import write_briefs
from tests.simulation.demand.two_signals import NETWORK, TIMINGS, scenario


def test_a_brief_tells_which_signal_feeds_it_and_how_far_away_it_is(tmp_path):
    first, second = write_briefs(
        scenario(tmp_path, '<trip depart="1000" from="west" to="out1"/>'), NETWORK, TIMINGS, (11,)
    )
    assert first.upstream == ()
    (up,) = second.upstream
    assert (up.neighbour, up.from_approach, up.to_approach) == ("A", "in0", "in1")
    assert up.travel_time_s == pytest.approx(30.0 + 20.0)  # 300 m at 10 m/s, 400 m at 20 m/s
    assert up.flow_vehph == (4.0, 0.0)
