import xml.etree.ElementTree as ET

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import DemandSpec, Flow, Scenario, list_scenarios, load_scenario
from leed_traffic.simulation.demand.demand import draw_departures, write_demand


def made_up(tmp_path, *, spread=0.0, truck_share=0.0, per_hour=(3600.0, 0.0, 1800.0), begin_s=100.0, end_s=2600.0):
    flow = Flow(name="A_B", edges=("a", "b"), per_hour=per_hour)
    spec = DemandSpec(period_s=1000.0, spread=spread, truck_share=truck_share, vehicles=(flow,), pedestrians=())
    return Scenario(
        name="made_up",
        net_file=tmp_path / "net.xml",
        route_files=(),
        additional_files=(),
        begin_s=begin_s,
        end_s=end_s,
        step_length_s=1.0,
        site_file=None,
        demand=spec,
        options=(),
    )


@pytest.mark.parametrize("scenario", list_scenarios(), ids=lambda scenario: scenario.name)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_day(scenario, tmp_path):
    [first] = write_demand(scenario, 7, tmp_path / "first")
    [again] = write_demand(scenario, 7, tmp_path / "again")
    [other] = write_demand(scenario, 8, tmp_path / "other")
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("scenario", list_scenarios(), ids=lambda scenario: scenario.name)
def test_departures_are_sorted_named_once_and_within_the_hour(scenario, tmp_path):
    [path] = write_demand(scenario, 1, tmp_path)
    root = ET.parse(path).getroot()
    routes = {item.get("id") for item in root.iter("route")}
    movers = [*root.iter("vehicle"), *root.iter("person")]
    departs = [float(item.get("depart")) for item in root if item.tag in {"vehicle", "person"}]
    assert departs == sorted(departs)
    assert scenario.begin_s <= departs[0]
    assert departs[-1] < scenario.end_s
    assert len({item.get("id") for item in movers}) == len(movers)
    assert {item.get("route") for item in root.iter("vehicle")} <= routes


def test_each_period_keeps_its_mean_and_the_last_is_cut_short(tmp_path):
    scenario = made_up(tmp_path)
    days = [draw_departures(scenario, seed) for seed in range(200)]
    times = np.array([departure.depart_s for day in days for departure in day])
    counts = np.histogram(times, bins=[100.0, 1100.0, 2100.0, 2600.0])[0] / len(days)
    assert counts[1] == 0
    # 1000 and 250 a day; standard errors of the mean over 200 days are 2.2 and 1.1
    assert counts[0] == pytest.approx(1000.0, abs=9.0)
    assert counts[2] == pytest.approx(250.0, abs=4.5)


def test_days_differ_more_with_a_spread_and_the_mean_stays(tmp_path):
    counts = [
        len(draw_departures(made_up(tmp_path, spread=0.2, per_hour=(3600.0,) * 3), seed)) for seed in range(300)
    ]
    assert np.mean(counts) == pytest.approx(2500.0, rel=0.03)
    assert np.std(counts) > 4.0 * np.sqrt(2500.0)


def test_trucks_have_their_share(tmp_path):
    kinds = [departure.kind for departure in draw_departures(made_up(tmp_path, truck_share=0.25), 3)]
    assert kinds.count("truck") / len(kinds) == pytest.approx(0.25, abs=0.05)


def test_a_foreign_scenario_keeps_its_own_route_files(tmp_path):
    (tmp_path / "town.net.xml").write_text("<net/>")
    (tmp_path / "town.rou.xml").write_text("<routes/>")
    text = '<configuration><n value="town.net.xml"/><r value="town.rou.xml"/></configuration>'
    (tmp_path / "town.sumocfg").write_text(text)
    scenario = load_scenario(str(tmp_path / "town.sumocfg"))
    assert write_demand(scenario, 5, tmp_path / "out") == (tmp_path / "town.rou.xml",)
    assert not (tmp_path / "out").exists()
    assert draw_departures(scenario, 5) == []
