import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets
from tests.simulation.demand.trips import CROSSING, trips_in
from tests.simulation.demand.two_signals import scenario


def read(tmp_path, routes, **options):
    chosen = scenario(tmp_path, routes, **options)
    return trips_of_day(chosen, read_streets(chosen.net_file), 11)


@pytest.mark.parametrize(
    ("rate", "vehicles"),
    [
        ('number="12"', 12.0),
        ('vehsPerHour="60"', 10.0),
        ('perHour="60"', 10.0),
        ('probability="0.02"', 12.0),
        ('period="60"', 10.0),
        ('period="exp(0.02)"', 12.0),
    ],
)
def test_a_flow_counts_as_many_vehicles_as_it_states(tmp_path, rate, vehicles):
    trips = read(tmp_path, f'<flow begin="1000" end="1600" {rate} from="in0" to="out0"/>')
    assert sum(t.vehicles for t in trips) == pytest.approx(vehicles)
    assert all(1000.0 <= t.depart_s < 1600.0 for t in trips)


def test_a_time_that_is_none_is_named_with_its_flow(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    with pytest.raises(
        ScenarioError, match=r"flow f: begins at 'noon' and ends at '9', expected seconds or H:M:S"
    ):
        trips_in(tmp_path, f'<flow id="f" begin="noon" end="9" number="4" from="{way[0]}" to="{way[-1]}"/>')


def test_flows_count_however_they_say_how_many_and_begin_with_the_simulation(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    kinds = {
        'number="6"': 6.0, 'period="100"': 6.0, 'period="0:01:40"': 6.0, 'period="exp(0.01)"': 6.0, 'probability="0.01"': 6.0,
        'vehsPerHour="36"': 6.0, 'perHour="36"': 6.0, 'begin="begin" end="25300" period="10"': 10.0,
        'begin="0:07:00:00" end="7:10:00" number="3"': 3.0, 'number="2" period="100"': 2.0, 'begin="triggered" number="9"': 0.0,
    }  # fmt: skip
    for says, vehicles in kinds.items():
        found = trips_in(tmp_path, f'<flow id="f" {says} {ends}/>')
        assert sum(trip.vehicles for trip in found) == pytest.approx(vehicles), says
