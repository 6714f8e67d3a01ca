import gzip
from dataclasses import replace
from pathlib import Path

from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets

CROSSING = load_scenario("crossing")


def trips_in(tmp_path, traffic, **changes):
    routes = tmp_path / "x.rou.xml"
    routes.write_text(f"<routes>{traffic}</routes>")
    scenario = replace(CROSSING, demand=None, route_files=(routes,), begin_s=25200.0, end_s=25800.0, **changes)
    return trips_of_day(scenario, read_streets(scenario.net_file), seed=1)


def test_scales_of_types_and_of_the_whole_simulation_count(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    traffic = (
        f'<vType id="h" scale="0.5"/><trip id="a" depart="25200" {ends}/><flow id="f" type="h" number="8" {ends}/>'
    )
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic)] == [1.0] + [0.5] * 8
    assert [trip.vehicles for trip in trips_in(tmp_path, traffic, options=("--scale", "2"))] == [2.0] + [1.0] * 8


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
