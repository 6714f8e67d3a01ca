import gzip
import shutil
import xml.etree.ElementTree as ET

import pytest

from leed_traffic.artifacts.imported import DemandOrigin
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.network import edge_of
from leed_traffic.errors import ScenarioError, UsageError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.scenario.importing import copy_files
from tests.simulation.scenario.towns import CROSSING, TOWN, bring_in

pytest.importorskip("sumo", reason="SUMO is not installed")
pytestmark = pytest.mark.sumo


def test_an_extract_becomes_a_folder_with_its_signals_and_traffic_that_is_called_invented(town):
    scenario = load_scenario(str(town.folder))
    assert [intersection.id for intersection in town.network.intersections] == ["2", "3"]
    assert (town.demand, town.vehicles) == (DemandOrigin.INVENTED, 900)
    assert [file.name for file in scenario.route_files] == ["invented.rou.xml"]
    assert 'demand = "invented"' in (town.folder / "scenario.toml").read_text()
    vehicles = list(ET.parse(scenario.route_files[0]).getroot().iter("vehicle"))
    assert all(vehicle.get("id").startswith("invented") for vehicle in vehicles)
    assert all(0.0 <= float(vehicle.get("depart")) < 3600.0 for vehicle in vehicles)


def test_turn_lanes_one_ways_and_all_reds_of_the_extract_are_in_the_net(town):
    main, one_way = town.network.intersections
    assert sorted(m.direction for m in main.vehicle_movements if m.from_lane.startswith("101_")) == ["l", "r", "s"]
    assert {edge_of(m.from_lane) for m in one_way.vehicle_movements} == {"102#0", "-103", "106"}
    assert all(any(set(phase.state) == {"r"} for phase in i.own_program) for i in town.network.intersections)


def test_the_same_extract_gives_the_same_bytes(town, tmp_path):
    again = bring_in(TOWN, tmp_path / "town")
    assert sorted(file.name for file in again.folder.iterdir()) == sorted(
        file.name for file in town.folder.iterdir()
    )
    for file in again.folder.iterdir():
        assert file.read_bytes() == (town.folder / file.name).read_bytes(), file.name


def test_a_packed_extract_of_a_left_hand_country_with_guessed_crossings_is_read(tmp_path):
    packed = tmp_path / "town.osm.xml.gz"
    packed.write_bytes(gzip.compress(TOWN.read_bytes()))
    report = bring_in(packed, tmp_path / "out", drives_left=True, guesses_walkers=True, per_hour=120.0)
    assert 'lefthand="true"' in (tmp_path / "out" / "net.net.xml").read_text()
    assert all(intersection.pedestrian_links for intersection in report.network.intersections)
    assert report.vehicles == 120


def test_days_of_an_imported_network_differ_unless_it_is_told_otherwise(foreign, tmp_path):
    varied = load_scenario(str(bring_in(foreign, tmp_path / "varied").folder))
    fixed = load_scenario(str(bring_in(foreign, tmp_path / "fixed", spread=0.0).folder))
    assert (varied.spread, fixed.spread, load_scenario(str(foreign)).spread) == (0.1, 0.0, 0.0)
    days = [write_demand(varied, seed, tmp_path / str(k))[0].read_bytes() for k, seed in enumerate((1, 1, 2))]
    assert days[0] == days[1] != days[2]
    assert write_demand(fixed, 1, tmp_path) == fixed.route_files
    assert drive(varied, tmp_path).departed > 20


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_foreign_configuration_becomes_a_folder_that_stands_alone(foreign, tmp_path):
    report = bring_in(foreign, tmp_path / "out")
    shutil.rmtree(foreign.parent)
    scenario = load_scenario(str(report.folder))
    assert report.demand is DemandOrigin.GIVEN
    assert (scenario.begin_s, scenario.end_s, scenario.step_length_s) == (25200.0, 25500.0, 0.5)
    assert scenario.options == ("--lateral-resolution", "0.8")
    assert drive(scenario, tmp_path).departed > 20


def test_a_run_writes_nothing_beside_a_foreign_configuration(foreign, tmp_path):
    before = files_under(foreign.parent)
    assert drive(load_scenario(str(foreign)), tmp_path).departed > 20
    assert files_under(foreign.parent) == before


def drive(scenario, tmp_path):
    """The score of five minutes of max-wave."""
    from leed_traffic.artifacts.site import load_site
    from leed_traffic.domain.plan import max_wave_plan
    from leed_traffic.simulation.env.episode import PlanController, run_episode
    from leed_traffic.simulation.env.signal_env import SignalEnv
    from leed_traffic.simulation.network.network_import import import_network

    network = import_network(scenario.net_file, scenario.additional_files)
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, load_site(None, scenario, network), record=tmp_path / "record") as env:
        score = run_episode(env, PlanController(plans), seed=1).score
    assert score.unsafe_changes == 0
    return score


def test_a_net_with_routes_of_its_own_keeps_them(tmp_path):
    routes = tmp_path / "my.rou.xml"
    routes.write_text('<routes><trip id="t" depart="5" from="N_C" to="C_S"/></routes>')
    report = bring_in(CROSSING, tmp_path / "out", routes=(routes,), begin_s=0.0, end_s=60.0)
    assert report.demand is DemandOrigin.GIVEN
    assert (tmp_path / "out" / "my.rou.xml").read_bytes() == routes.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("town.osm.xml", '<osm version="0.6"></osm>', r"no net can be made of this extract: .*No nodes loaded"),
        ("town.osm.xml", TOWN.read_text()[:900], r"town\.osm\.xml: no net can be made of this extract"),
        ("town.osm.xml", TOWN.read_text().replace("traffic_signals", "give_way"), r"no signal to control"),
        ("town.osm.pbf", "x", r"netconvert reads no \.pbf"),
        ("town.txt", "hello", r"not readable as XML"),
        ("town.xml", "<gpx/>", r"expected a SUMO configuration, a net or an OpenStreetMap extract, got <gpx>"),
        (
            "a.sumocfg",
            '<configuration><net-file value="gone.net.xml"/></configuration>',
            r"gone\.net\.xml is missing",
        ),
        ("cut.net.xml", CROSSING.read_text()[:5000], r"not readable as XML"),
        ("a.net.xml.gz", "not packed", r"not readable as XML"),
    ],
)
def test_a_source_of_which_nothing_can_be_made_is_one_line_and_leaves_nothing_behind(
    tmp_path, name, content, message
):
    (tmp_path / name).write_text(content)
    with pytest.raises(ScenarioError, match=message) as caught:
        bring_in(tmp_path / name, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_what_lies_in_the_way_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not empty"):
        bring_in(TOWN, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_another_begin_leaves_the_end_that_the_source_names(foreign, tmp_path):
    later = load_scenario(str(bring_in(foreign, tmp_path / "later", begin_s=25260.0).folder))
    assert (later.begin_s, later.end_s) == (25260.0, 25500.0)
    foreign.write_text(foreign.read_text().replace('<end value="25500"/>', ""))
    endless = load_scenario(str(bring_in(foreign, tmp_path / "endless", begin_s=25260.0).folder))
    assert (endless.begin_s, endless.end_s) == (25260.0, 28860.0)


@pytest.mark.parametrize("hour", [{"begin_s": 25500.0}, {"begin_s": 9.0, "end_s": 9.0}, {"end_s": 25200.0}])
def test_an_hour_that_ends_before_it_begins_is_refused(foreign, tmp_path, hour):
    with pytest.raises(UsageError, match="need begin < end"):
        bring_in(foreign, tmp_path / "out", **hour)


def files_called(folder, *names):
    """Files that write an output, each with another content."""
    paths = []
    for k, name in enumerate(names):
        path = folder / str(k) / name
        path.parent.mkdir()
        content = f'<additional><edgeData id="{k}" file="out.xml"/></additional>'.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        paths.append(path)
    return paths


@pytest.mark.parametrize(
    ("names", "copies"),
    [
        (("v.xml", "v.xml", "v.xml"), ("v.xml", "2.v.xml", "3.v.xml")),
        (("2.v.xml", "v.xml", "v.xml"), ("2.v.xml", "v.xml", "3.v.xml")),
        (("3.v.xml", "v.xml", "v.xml"), ("3.v.xml", "v.xml", "2.v.xml")),
        (("v.xml", "v.xml.gz"), ("v.xml", "2.v.xml")),
        (("net.net.xml", "scenario.toml"), ("2.net.net.xml", "2.scenario.toml")),
    ],
)
def test_files_of_one_name_are_all_kept(tmp_path, names, copies):
    folder = tmp_path / "folder"
    folder.mkdir()
    assert copy_files(files_called(tmp_path, *names), folder) == copies
    assert [f'id="{k}"' in (folder / name).read_text() for k, name in enumerate(copies)] == [True] * len(copies)


def test_a_source_that_cannot_be_read_is_named_and_not_the_folder_that_is_to_be_made(tmp_path):
    endless = tmp_path / ("x" * 300)  # longer than a file's name may be
    with pytest.raises(ScenarioError, match=r"^.*/xxx+: "):
        bring_in(CROSSING, tmp_path / "out", routes=(endless,))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"xxx: cannot be written .File name too long"):
        bring_in(CROSSING, tmp_path / ("x" * 300))
