from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets

CROSSING = load_scenario("crossing")


def trips_in(tmp_path, traffic, **changes):
    routes = tmp_path / "x.rou.xml"
    routes.write_text(f"<routes>{traffic}</routes>")
    scenario = replace(CROSSING, demand=None, route_files=(routes,), begin_s=25200.0, end_s=25800.0, **changes)
    return trips_of_day(scenario, read_streets(scenario.net_file), seed=1)


def test_clock_times_of_vehicles_and_flows_are_understood(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    flow = f'<flow id="f" begin="7:00:00" end="0:07:10:00" number="4" {ends}/>'
    found = trips_in(
        tmp_path, f'{flow}<trip id="a" depart="7:00:05" {ends}/><trip id="b" depart="triggered" {ends}/>'
    )
    assert [trip.depart_s for trip in found] == [25275.0, 25425.0, 25575.0, 25725.0, 25205.0]


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


def test_scales_of_types_and_of_the_whole_simulation_count(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    traffic = (
        f'<vType id="h" scale="0.5"/><trip id="a" depart="25200" {ends}/><flow id="f" type="h" number="8" {ends}/>'
    )
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic)] == [1.0] + [0.5] * 8
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic, options=("--scale", "2"))] == [2.0] + [1.0] * 8


def test_vehicles_of_additional_and_included_files_count_and_those_out_of_order_do_not(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    (tmp_path / "more.xml").write_text(f'<routes><trip id="i" depart="25260" {ends}/></routes>')
    (tmp_path / "a.add.xml").write_text(
        f'<a><trip id="y" depart="25300" {ends}/><trip id="x" depart="25290" {ends}/></a>'
    )
    traffic = (
        f'<trip id="a" depart="25250" {ends}/><include href="more.xml"/><trip id="late" depart="25255" {ends}/>'
    )
    found = trips_in(tmp_path, traffic, additional_files=(tmp_path / "a.add.xml",))
    assert [trip.depart_s for trip in found] == [25300.0, 25290.0, 25250.0, 25260.0]
