import gzip
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.score.trip_records import classes_in, read_demand, read_trips

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


def test_vehicles_out_of_order_are_named_and_count_nowhere(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<routes><trip id="a" depart="9"/><trip id="b" depart="5"/><trip id="c" depart="9"/></routes>'
    )
    (tmp_path / "b.xml").write_text('<routes><trip id="d" depart="9"/><trip id="e" depart="5"/></routes>')
    demand = read_demand([tmp_path / "a.xml"], [tmp_path / "b.xml"])
    assert sorted(demand.vehicles) == ["a", "c", "d", "e"]  # additional files may have any order
    assert demand.out_of_order == ("b",)


def test_vehicles_of_an_included_or_packed_file_and_those_that_set_out_at_the_begin_are_named(tmp_path):
    (tmp_path / "a.xml").write_text('<routes><trip id="a" depart="begin"/><include href="b.xml"/></routes>')
    (tmp_path / "b.xml").write_bytes(
        gzip.compress(b'<routes><vType id="t" vClass="bus"/><trip id="b" type="t" depart="30"/></routes>')
    )
    demand = read_demand([tmp_path / "a.xml"], begin_s=25.0)
    assert demand.vehicles == {"a": (25.0, ""), "b": (30.0, "t")}
    assert demand.class_of("t") == "bus"


def test_a_scaled_type_has_as_many_vehicles_as_sumo_says(tmp_path):
    (tmp_path / "demand.xml").write_text(
        '<routes><vType id="half" scale="0.5"/><vType id="whole"/><vTypeDistribution id="mix" vTypes="half whole"/>'
        '<vTypeDistribution id="none"><vType id="x" scale="0" probability="1"/></vTypeDistribution>'
        '<trip id="a" type="half" depart="5"/><trip id="gone" type="half" depart="6"/><trip id="s" type="whole" depart="7"/>'
        '<trip id="m" type="mix" depart="8"/><trip id="n" type="none" depart="8"/></routes>'
    )
    (tmp_path / "trips.xml").write_text(
        '<t><tripinfo id="a" vType="half" depart="5" arrival="60" timeLoss="1"/></t>'
    )
    demand = read_demand([tmp_path / "demand.xml"])
    vehicles, _ = read_trips(tmp_path / "trips.xml", SCENARIO, demand)
    assert [(v.scheduled_s, v.has_departed) for v in vehicles] == [(5.0, True), (7.0, False)]
    assert [demand.types.scale_of(name) for name in ("half", "whole", "mix", "none", "")] == [
        0.5,
        1.0,
        0.75,
        0.0,
        1.0,
    ]


def test_a_scale_that_is_none_is_named(tmp_path):
    (tmp_path / "demand.xml").write_text('<routes><vType id="half" scale="much"/></routes>')
    with pytest.raises(ScenarioError, match=r"demand\.xml: vType half: could not convert"):
        read_demand([tmp_path / "demand.xml"])
