from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.trips import read_streets, trips_of_day

CROSSING = load_scenario("crossing")


def trips_in(tmp_path, traffic):
    routes = tmp_path / "x.rou.xml"
    routes.write_text(f"<routes>{traffic}</routes>")
    scenario = replace(CROSSING, demand=None, route_files=(routes,), begin_s=25200.0, end_s=25800.0)
    return trips_of_day(scenario, read_streets(scenario.net_file), seed=1)


def test_clock_times_of_vehicles_and_flows_are_understood(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    flow = f'<flow id="f" begin="7:00:00" end="0:07:10:00" number="4" {ends}/>'
    found = trips_in(tmp_path, f'{flow}<trip id="a" depart="7:00:05" {ends}/><trip id="b" depart="triggered" {ends}/>')
    assert [trip.depart_s for trip in found] == [25275.0, 25425.0, 25575.0, 25725.0, 25205.0]


def test_a_time_that_is_none_is_named_with_its_flow(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    with pytest.raises(ScenarioError, match=r"flow f: begins at 'noon' and ends at '9', expected seconds or H:M:S"):
        trips_in(tmp_path, f'<flow id="f" begin="noon" end="9" number="4" from="{way[0]}" to="{way[-1]}"/>')
