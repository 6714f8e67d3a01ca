import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.trips import trips_of_day
from leed_traffic.simulation.network.streets import read_streets
from tests.simulation.demand.trips import CROSSING, trips_in
from tests.simulation.demand.two_signals import scenario


def test_clock_times_of_vehicles_and_flows_are_understood(tmp_path):
    way = CROSSING.demand.vehicles[0].edges
    ends = f'from="{way[0]}" to="{way[-1]}"'
    flow = f'<flow id="f" begin="7:00:00" end="0:07:10:00" number="4" {ends}/>'
    found = trips_in(
        tmp_path, f'{flow}<trip id="a" depart="7:00:05" {ends}/><trip id="b" depart="triggered" {ends}/>'
    )
    assert [trip.depart_s for trip in found] == [25275.0, 25425.0, 25575.0, 25725.0, 25205.0]


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


WAY = ("west", "in0", "out0", "in1", "out1")


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
