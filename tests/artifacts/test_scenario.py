import gzip
import subprocess
import sys

import pytest

from leed_traffic.artifacts.scenario import load_scenario, signal_ids
from leed_traffic.errors import ScenarioError
from tests.artifacts.configurations import configured

RECIPE = """
title = "One signal"
[net]
signals = { C = [0, 0] }
rim = { N = [0, 300], E = [300, 0], S = [0, -300], W = [-300, 0] }
streets = [{ nodes = ["W", "C", "E"] }, { nodes = ["N", "C", "S"] }]
[demand]
flows = [{ origin = "W", destination = "E", per_hour = [100, 200, 300] }]
"""


def one_line(fault: pytest.ExceptionInfo[ScenarioError]) -> str:
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_how_signals_and_routes_work_is_kept_and_what_is_written_is_not(town):
    kept = '<tls.actuated.jam-threshold value="30"/><weights.random-factor value="1.5"/>'
    left = '<tls.all-off value="true"/><device.rerouting.output value="r.xml"/><device.emissions.probability value="1"/>'
    scenario = load_scenario(configured(town, '<lateral-resolution value="0.8"/>', kept + left))
    assert scenario.options == ("--tls.actuated.jam-threshold", "30", "--weights.random-factor", "1.5")


@pytest.mark.parametrize(
    "option",
    [
        "mesosim",
        "random",
        "load-state",
        "weight-files",
        "astar.all-distances",
        "device.fcd-replay.files",
        "configuration-file",
    ],
)
def test_an_option_that_changes_what_is_simulated_is_refused_by_name(town, option):
    with pytest.raises(ScenarioError) as fault:
        load_scenario(configured(town, "<processing>", f'<processing><{option} value="true"/>'))
    assert f"town.sumocfg: {option} = true is not supported: " in one_line(fault)


@pytest.mark.parametrize(
    "option",
    [
        'mesosim value="false"',
        'mesosim value="0"',
        'load-state value=""',
        'device.fcd-replay.probability value="-1.0"',
    ],
)
def test_what_says_only_what_sumo_does_anyway_is_no_fault(town, option):
    assert load_scenario(configured(town, "<processing>", f"<processing><{option}/>")).options == (
        "--lateral-resolution",
        "0.8",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lanechange.duration", "2"), ("lanechange.overtake-right", "true"), ("device.glosa.probability", "0.5"),
        ("device.toc.probability", "0.1"), ("insertion-checks", "none"), ("tls.yellow.min-decel", "2"),
        ("use-stop-ended", "true"),
        ("scale", "0.5"), ("time-to-impatience", "0:03:00"), ("default.emergencydecel", "decel"),
    ],
)  # fmt: skip
def test_options_that_shape_the_traffic_are_taken(town, option, value):
    scenario = load_scenario(configured(town, '<lateral-resolution value="0.8"/>', f'<{option} value="{value}"/>'))
    assert scenario.options == (f"--{option}", value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('ignore-route-errors value="--fcd-output=x.xml"', "ignore-route-errors is '--fcd-output=x.xml', expected a flag"),
        ('scale value="much"', "scale is 'much', expected a number"),
        ('scale value="nan"', "scale is 'nan', expected a number"),
        ('time-to-impatience value="1:2"', "time-to-impatience is '1:2', expected a time"),
        ('warp-speed value="9"', "warp-speed is no option of SUMO 1.28"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_and_an_option_that_is_none_are_refused(town, said, message):
    with pytest.raises(ScenarioError) as fault:
        load_scenario(configured(town, "<processing>", f"<processing><{said}/>"))
    assert message in one_line(fault)


def test_what_every_run_sets_in_its_own_way_is_set_aside_and_said(town):
    scenario = load_scenario(configured(town, "<processing>", '<processing><tls.all-off value="true"/>'))
    assert scenario.set_aside == ("time-to-teleport=300", "tls.all-off=true")


def test_a_file_name_may_hold_what_parts_lists(town):
    (town / "a;b.rou.xml").write_text("<routes/>")
    (town / "c,d.net.xml").write_bytes((town / "town.net.xml").read_bytes())
    assert load_scenario(configured(town, "a.rou.xml, b", "a;b")).route_files == (town / "a;b.rou.xml",)
    assert load_scenario(configured(town, "town.net.xml", "c,d.net.xml")).net_file == town / "c,d.net.xml"


def test_options_of_an_imported_folder_are_held_to_the_same_table(town):
    (town / "net.net.xml").write_bytes((town / "town.net.xml").read_bytes())
    for options, said in (
        ('"--fcd-output", "x.xml"', "fcd-output is no option that shapes the traffic"),
        ('"--scale", "--fcd-output=x"', "scale is '--fcd-output=x', expected a number"),
        ('"--scale"', "need an option and its value in turn"),
    ):
        (town / "scenario.toml").write_text(
            f'title = "x"\n[imported]\nsource = "x"\ndemand = "given"\noptions = [{options}]\n'
        )
        with pytest.raises(ScenarioError) as fault:
            load_scenario(str(town))
        assert said in one_line(fault)


def test_a_packed_net_is_read(town):
    (town / "town.net.xml.gz").write_bytes(gzip.compress((town / "town.net.xml").read_bytes()))
    scenario = load_scenario(configured(town, "town.net.xml", "town.net.xml.gz"))
    assert signal_ids(scenario) == ("A", "B")


def test_a_site_file_beside_the_configuration_is_found(town):
    (town / "site.toml").write_text("")
    assert load_scenario(str(town / "town.sumocfg")).site_file == town / "site.toml"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a.rou.xml", "lost.rou.xml", "lost.rou.xml is missing"),
        ("town.net.xml", "a.rou.xml", "expected a SUMO net (<net>), got <routes>"),
        ("</configuration>", "", "broken XML"),
        ('end value="28800"', 'end value="25200"', "need begin_s < end_s, got 25200.0 and 25200.0"),
        ('begin value="25200"', 'begin value="soon"', "begin is 'soon'"),
        ('step-length value="0.5"', 'step-length value="2"', "need 0 < step_length_s <= 1, got 2.0"),
        ('<net-file value="town.net.xml"/>', "", "names no net-file"),
    ],
)
def test_a_broken_configuration_is_refused_in_one_line(town, old, new, said):
    with pytest.raises(ScenarioError) as fault:
        load_scenario(configured(town, old, new))
    assert said in one_line(fault)


def test_a_missing_configuration_is_refused_in_one_line(tmp_path):
    with pytest.raises(ScenarioError) as fault:
        load_scenario(str(tmp_path / "nowhere.sumocfg"))
    assert "nowhere.sumocfg: cannot be read" in one_line(fault)


@pytest.mark.parametrize(
    "content", [b"", b"<net", b"\x1f\x8b broken", b'<?xml version="1.0" encoding="odd"?><net/>']
)
def test_an_unreadable_net_is_refused_in_one_line(town, content):
    for name in ("town.net.xml", "town.net.xml.gz"):
        (town / name).write_bytes(content)
        with pytest.raises(ScenarioError) as fault:
            load_scenario(configured(town, "town.net.xml", name))
        assert name in one_line(fault)


def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.delenv("LEED_SCENARIOS", raising=False)
    with pytest.raises(ScenarioError) as fault:
        load_scenario("crosing")
    assert "arterial5, crossing, grid4x4" in one_line(fault)


def test_a_folder_of_ones_own_is_searched_first(tmp_path, monkeypatch):
    monkeypatch.setenv("LEED_SCENARIOS", str(tmp_path))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "scenario.toml").write_text(RECIPE)
    with pytest.raises(ScenarioError, match="run `leedctl scenario build mine`"):
        load_scenario("mine")
    (folder / "net.net.xml").write_text("<net/>")
    (folder / "routes.xml").write_text('<routes><route id="W_E" edges="W_C C_E"/></routes>')
    assert load_scenario("mine").demand.vehicles[0].edges == ("W_C", "C_E")
    (folder / "routes.xml").write_text("<routes/>")
    with pytest.raises(ScenarioError, match="no route W_E"):
        load_scenario("mine")


def test_reading_scenarios_needs_no_sumo():
    code = "import sys, leed_traffic.artifacts.scenario; sys.exit(any(m in sys.modules for m in ('sumolib', 'libsumo', 'traci')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
