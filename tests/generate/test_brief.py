import gzip
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import DemandSpec, Flow, Scenario
from leed_traffic.domain.network import Network
from leed_traffic.errors import ScenarioError
from leed_traffic.generate.brief import write_briefs
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.demand.turning_counts import period_starts
from leed_traffic.simulation.network.streets import read_streets
from tests.intersections import flat_timing, intersection, vehicle

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
WAY = ("west", "in0", "out0", "in1", "out1")


def junction(name, link):
    """A signal on whose first link vehicles go from in{link} to out{link}."""
    return intersection(
        ["Gr", "rG"], [vehicle(0, name=str(link)), vehicle(1, name=f"side{link}")], {(0, 1)}, name=name
    )


NETWORK = Network(intersections=(junction("A", 0), junction("B", 1)))
TIMINGS = (flat_timing(2, name="A"), flat_timing(2, name="B"))


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


def test_a_vehicle_drives_its_own_or_a_named_route(tmp_path):
    way = " ".join(WAY)
    routes = f'<route id="r" edges="{way}"/><vehicle depart="1000" route="r"/>'
    routes += f'<vehicle depart="1010.5"><route edges="{way}"/></vehicle>'
    assert [(t.depart_s, t.edges) for t in read(tmp_path, routes)] == [(1000.0, WAY), (1010.5, WAY)]


def test_zipped_routes_are_read(tmp_path):
    assert len(read(tmp_path, '<trip depart="1000" from="in0" to="out0"/>', zipped=True)) == 1


def test_a_trip_takes_the_fastest_way_through_its_via_edges(tmp_path):
    routes = '<trip depart="1000" from="west" to="out1"/><trip depart="1001" from="west" to="out1" via="detour"/>'
    assert [t.edges for t in read(tmp_path, routes)] == [WAY, ("west", "in0", "detour", "in1", "out1")]


def test_a_trip_without_a_way_is_left_out(tmp_path):
    assert read(tmp_path, '<trip depart="1000" from="out1" to="west"/><trip depart="1000" from="x" to="y"/>') == []


def test_who_departs_outside_the_hour_is_left_out(tmp_path):
    routes = "".join(f'<trip depart="{s}" from="in0" to="out0"/>' for s in (999, 1000, 2799, 2800))
    assert [t.depart_s for t in read(tmp_path, routes)] == [1000.0, 2799.0]


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


def test_of_a_route_distribution_the_likeliest_counts(tmp_path):
    routes = '<routeDistribution id="d"><route edges="in0 detour" probability="0.2"/>'
    routes += '<route edges="in0 out0" probability="0.8"/></routeDistribution><vehicle depart="1000" route="d"/>'
    assert [t.edges for t in read(tmp_path, routes)] == [("in0", "out0")]


def test_persons_and_departures_without_a_time_are_left_out(tmp_path):
    routes = '<person depart="1000"><walk edges="in0"/></person><vehicle depart="triggered"><route edges="in0 out0"/></vehicle>'
    assert read(tmp_path, routes) == []


@pytest.mark.parametrize("routes", ["<vehicle", '<vehicle depart="1e"><route edges="in0 out0"/></vehicle>'])
def test_broken_routes_are_one_line(tmp_path, routes):
    with pytest.raises(ScenarioError, match=r"routes\.xml"):
        read(tmp_path, routes)


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


def test_a_brief_tells_which_signal_feeds_it_and_how_far_away_it_is(tmp_path):
    first, second = write_briefs(
        scenario(tmp_path, '<trip depart="1000" from="west" to="out1"/>'), NETWORK, TIMINGS, (11,)
    )
    assert first.upstream == ()
    (up,) = second.upstream
    assert (up.neighbour, up.from_approach, up.to_approach) == ("A", "in0", "in1")
    assert up.travel_time_s == pytest.approx(30.0 + 20.0)  # 300 m at 10 m/s, 400 m at 20 m/s
    assert up.flow_vehph == (4.0, 0.0)


def test_demand_of_our_own_scenarios_is_the_mean_over_days(tmp_path):
    flow = Flow(name="f", edges=WAY, per_hour=(400.0, 100.0))
    spec = DemandSpec(period_s=900.0, spread=0.0, truck_share=0.0, vehicles=(flow,), pedestrians=())
    first, _ = write_briefs(scenario(tmp_path, "", demand=spec), NETWORK, TIMINGS, range(11, 61))
    assert first.turns[0].flow_vehph == pytest.approx(
        (390.0, 110.0), rel=0.06
    )  # some of the first period arrive in the second
