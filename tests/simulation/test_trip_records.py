from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.trip_records import classes_in, read_demand, read_trips

SCENARIO = replace(load_scenario("crossing"), begin_s=0.0, end_s=100.0, demand=None)
DEMAND = """<routes>
  <vType id="van" vClass="delivery"/><vType id="bus" vClass="bus"/><vType id="plain"/>
  <vTypeDistribution id="bikes"><vType id="slow" vClass="bicycle" probability="1"/></vTypeDistribution>
  <vTypeDistribution id="mix" vTypes="bus van"/>
  <trip id="lost" type="bikes" depart="40"/><trip id="odd" depart="triggered"/><trip id="a" type="bus" depart="5"/>
</routes>"""
TRIPS = """<tripinfos>
  <tripinfo id="a" vType="bus" depart="10" departDelay="5" arrival="60" duration="50" waitingTime="8" timeLoss="20"/>
  <tripinfo id="b" vType="DEFAULT_BIKETYPE" depart="-1" departDelay="30" arrival="-1" duration="0"/>
  <personinfo id="w" depart="20.0" duration="50" waitingTime="4" timeLoss="9"><walk arrival="70" /></personinfo>
  <personinfo id="u" depart="80.0" duration="20" waitingTime="12" timeLoss="0"><walk arrival="-1"/></personinfo>
  <personinfo id="r" depart="1" duration="60" waitingTime="33" timeLoss="2"><walk arrival="9"/><ride arrival="61"/></personinfo>
  <personinfo id="late" depart="100.0" duration="0"><walk arrival="-1"/></personinfo>
</tripinfos>"""


@pytest.fixture
def trips(tmp_path):
    (tmp_path / "demand.xml").write_text(DEMAND)
    (tmp_path / "trips.xml").write_text(TRIPS)
    return read_trips(tmp_path / "trips.xml", SCENARIO, read_demand([tmp_path / "demand.xml"]))


def test_a_vehicle_type_tells_the_class_that_is_counted_apart(tmp_path):
    (tmp_path / "demand.xml").write_text(DEMAND)
    demand = read_demand([tmp_path / "demand.xml"])
    names = ("van", "bus", "plain", "slow", "bikes", "mix", "bus@b7", "DEFAULT_BIKETYPE", "DEFAULT_VEHTYPE", "")
    classes = ["truck", "bus", "car", "bicycle", "bicycle", "bus", "bus", "bicycle", "car", "car"]
    assert [demand.class_of(name) for name in names] == classes


def test_a_vehicle_class_that_nobody_counts_apart_is_other(tmp_path):
    (tmp_path / "demand.xml").write_text('<routes><vType id="ferry" vClass="ship"/></routes>')
    assert read_demand([tmp_path / "demand.xml"]).class_of("ferry") == "other"


def test_vehicles_of_every_class_count_whether_they_entered_or_not(trips):
    vehicles, _ = trips
    assert [(v.of_class, v.delay_s, v.has_departed) for v in vehicles] == [
        ("bus", 25.0, True), ("bicycle", 30.0, False), ("bicycle", 60.0, False),
    ]  # fmt: skip


def test_people_on_foot_are_walkers_and_people_who_ride_are_riders(trips):
    _, persons = trips
    assert [(p.of_class, p.delay_s, p.waiting_s, p.has_finished) for p in persons] == [
        ("walker", 9.0, 4.0, True), ("walker", 12.0, 12.0, False), ("rider", 33.0, 33.0, True),
    ]  # fmt: skip
    assert classes_in([*persons, *trips[0]]) == ("bus", "bicycle", "walker", "rider")


def test_a_demand_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "demand.xml").write_text("<routes>")
    with pytest.raises(ScenarioError, match=r"demand\.xml: not readable as XML"):
        read_demand([tmp_path / "demand.xml"])
