import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets

# west -> in0 | A | out0 -> between -> in1 | B | out1; a detour from in0 to between takes longer
NET = """<net>
  <edge id=":A" function="internal"><lane id=":A_0" speed="10" length="5"/></edge>
  <edge id="west"><lane id="west_0" speed="10" length="100"/></edge>
  <edge id="in0"><lane id="in0_0" speed="10" length="200"/></edge>
  <edge id="out0"><lane id="out0_0" speed="10" length="300"/></edge>
  <edge id="detour"><lane id="detour_0" speed="5" length="300"/></edge>
  <edge id="in1"><lane id="in1_0" speed="20" length="400"/></edge>
  <edge id="out1"><lane id="out1_0" speed="10" length="50"/></edge>
  <connection from="west" to="in0"/><connection from="in0" to="out0"/><connection from="in0" to="detour"/>
  <connection from="out0" to="in1"/><connection from="detour" to="in1"/><connection from="in1" to="out1"/>
  <connection from=":A" to="out0"/>
</net>"""


def scenario(tmp_path: Path, routes: str, *, demand=None, zipped=False) -> Scenario:
    net, file = tmp_path / "net.net.xml", tmp_path / ("routes.xml.gz" if zipped else "routes.xml")
    net.write_text(NET)
    content = f"<routes>{routes}</routes>".encode()
    file.write_bytes(gzip.compress(content) if zipped else content)
    return Scenario(
        name="two", net_file=net, route_files=() if demand else (file,), additional_files=(), begin_s=1000.0, end_s=2800.0,
        step_length_s=1.0, site_file=None, demand=demand, options=(),
    )  # fmt: skip


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


CROSSING = load_scenario("crossing")


def trips_in(tmp_path, traffic, **changes):
    routes = tmp_path / "x.rou.xml"
    routes.write_text(f"<routes>{traffic}</routes>")
    scenario = replace(CROSSING, demand=None, route_files=(routes,), begin_s=25200.0, end_s=25800.0, **changes)
    return trips_of_day(scenario, read_streets(scenario.net_file), seed=1)


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
