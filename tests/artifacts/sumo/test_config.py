import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from tests.artifacts.configurations import SUMOCFG, configured


def test_a_foreign_configuration_gives_its_files_hour_and_dynamics_only(town):
    scenario = load_scenario(str(town / "town.sumocfg"))
    assert scenario.name == "town"
    assert scenario.net_file == town / "town.net.xml"
    assert scenario.route_files == (town / "a.rou.xml", town / "b.rou.xml")
    assert (scenario.begin_s, scenario.end_s, scenario.step_length_s) == (25200.0, 28800.0, 0.5)
    assert scenario.options == ("--lateral-resolution", "0.8")
    assert scenario.demand is None
    assert scenario.site_file is None


def test_short_option_names_and_clock_times_are_understood(town):
    text = '<configuration><n value="town.net.xml"/><r value="a.rou.xml"/><b value="7:00:00"/><e value="8:30:00"/>'
    (town / "short.sumocfg").write_text(text + "</configuration>")
    scenario = load_scenario(str(town / "short.sumocfg"))
    assert (scenario.begin_s, scenario.end_s) == (25200.0, 30600.0)
    assert scenario.route_files == (town / "a.rou.xml",)


def test_without_an_end_the_hour_after_the_begin_is_measured(town):
    assert load_scenario(configured(town, '<end value="28800"/>', "")).end_s == 28800.0
    assert load_scenario(configured(town, 'end value="28800"', 'end value="-1"')).end_s == 28800.0


def test_files_may_be_parted_by_semicolons_and_named_by_variables_of_the_environment(town, monkeypatch):
    monkeypatch.setenv("TOWN_DATA", str(town))
    scenario = load_scenario(configured(town, "a.rou.xml, b.rou.xml", "${TOWN_DATA}/a.rou.xml; b.rou.xml"))
    assert scenario.route_files == (town / "a.rou.xml", town / "b.rou.xml")


def test_an_option_may_be_the_text_of_its_element(town):
    with pytest.raises(ScenarioError, match="mesosim = true is not supported"):
        load_scenario(configured(town, "<processing>", "<processing><mesosim>true</mesosim>"))


def test_a_configuration_in_another_encoding_is_read(town):
    (town / "town.sumocfg").write_bytes(SUMOCFG.encode("utf-16"))
    assert load_scenario(str(town / "town.sumocfg")).end_s == 28800.0


def test_a_configuration_may_have_any_ending(town):
    (town / "town.sumocfg").rename(town / "town.sumo.cfg")
    assert load_scenario(str(town / "town.sumo.cfg")).net_file == town / "town.net.xml"
