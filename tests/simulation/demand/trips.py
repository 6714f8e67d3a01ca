"""Trips of a route file on the crossing."""

from dataclasses import replace

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets

CROSSING = load_scenario("crossing")


def trips_in(tmp_path, traffic, **changes):
    routes = tmp_path / "x.rou.xml"
    routes.write_text(f"<routes>{traffic}</routes>")
    scenario = replace(CROSSING, demand=None, route_files=(routes,), begin_s=25200.0, end_s=25800.0, **changes)
    return trips_of_day(scenario, read_streets(scenario.net_file), seed=1)
