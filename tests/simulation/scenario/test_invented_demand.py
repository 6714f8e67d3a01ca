import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.network.streets import read_streets
from leed_traffic.simulation.scenario.invented_demand import Trips, invent_demand, rim_vehph

NET = load_scenario("crossing").net_file


@pytest.mark.sumo
def test_the_same_seed_invents_the_same_trips_and_says_that_they_are_invented(tmp_path):
    made = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        trips = Trips(begin_s=0.0, end_s=600.0, seed=seed, per_hour=600.0)
        n = invent_demand(NET, tmp_path / name, trips)
        made.append((tmp_path / name).read_bytes())
        assert 50 <= n <= 150
        assert made[-1].count(b'id="invented') == n
    assert made[0] == made[1] != made[2]


def test_more_lanes_at_the_rim_bring_more_traffic():
    streets = read_streets(NET)
    n_lanes = sum(lane.permits("passenger") for edge in streets.rim() for lane in streets.by_id[edge].lanes)
    assert n_lanes > 0
    assert rim_vehph(streets) / n_lanes == pytest.approx(180.0)
