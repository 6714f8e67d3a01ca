from tests.simulation.demand.trips import CROSSING, trips_in


def test_scales_of_types_and_of_the_whole_simulation_count(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    traffic = (
        f'<vType id="h" scale="0.5"/><trip id="a" depart="25200" {ends}/><flow id="f" type="h" number="8" {ends}/>'
    )
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic)] == [1.0] + [0.5] * 8
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic, options=("--scale", "2"))] == [2.0] + [1.0] * 8
