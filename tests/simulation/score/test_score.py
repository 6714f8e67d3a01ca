import gzip
from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.safety.program import build_program
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.score.score import read_score
from leed_traffic.simulation.sumo.engine import Engine

SCENARIO = replace(load_scenario("crossing"), begin_s=100.0, end_s=300.0, demand=None)
NETWORK = import_network(SCENARIO.net_file)
SITE = load_site("derived", SCENARIO, NETWORK)

TRIPS = """<tripinfos>
  <tripinfo id="a" depart="110.00" departDelay="4.00" arrival="180.00" duration="70.00" waitingTime="20.00" timeLoss="30.00"/>
  <tripinfo id="b" depart="290.00" departDelay="0.50" arrival="-1.00" duration="10.00" waitingTime="2.00" timeLoss="6.00"/>
  <tripinfo id="f.0" depart="-1" departDelay="60.00" arrival="-1.00" duration="0.00" waitingTime="0.00" timeLoss="0.00"/>
  <tripinfo id="late" depart="-1" departDelay="0.00" arrival="-1.00" duration="0.00" waitingTime="0.00" timeLoss="0.00"/>
  <personinfo id="p" depart="120.00" type="DEFAULT_PEDTYPE"/>
</tripinfos>
"""
STATISTICS = """<statistics>
  <teleports total="3" jam="3" yield="0" wrongLane="0"/>
  <safety collisions="2" emergencyStops="5" emergencyBraking="9"/>
</statistics>
"""
SUMMARY = """<summary>
  <step time="99.00" loaded="0" running="9" halting="50" stopped="0"/>
  <step time="100.00" loaded="0" running="9" halting="4" stopped="0"/>
  <step time="101.00" loaded="0" running="9" halting="6" stopped="0"/>
</summary>
"""
DEMAND = """<routes>
  <trip id="early" depart="99.9" from="N_C" to="C_S"/>
  <trip id="a" depart="106.00" from="N_C" to="C_S"/>
  <trip id="lost" depart="0:04:10" from="N_C" to="C_S"/>
  <trip id="b" depart="289.50" from="N_C" to="C_S"/>
  <trip id="late" depart="300.00" from="N_C" to="C_S"/>
  <vehicle id="bus" depart="triggered" route="r"/>
  <person id="p" depart="120"/>
</routes>
"""


@pytest.fixture
def record(tmp_path):
    for name, text in (
        ("trips", TRIPS),
        ("statistics", STATISTICS),
        ("summary", SUMMARY),
        ("signal_states", "<x></x>"),
    ):
        (tmp_path / f"{name}.xml").write_text(text)
    return tmp_path


@pytest.fixture
def demand(tmp_path):
    path = tmp_path / "demand.rou.xml"
    path.write_text(DEMAND)
    return path


def score_of(record, *route_files, scenario=SCENARIO):
    return read_score(record, scenario, NETWORK, SITE, seed=7, route_files=route_files)


def test_every_vehicle_scheduled_within_the_hour_counts_by_id(record, demand):
    score = score_of(record, demand)
    assert (score.scheduled, score.departed, score.finished, score.never_departed) == (4, 2, 1, 2)
    # a: 30 lost + 4 before entering; b: 6 + 0.5; f.0 of a flow since 240 s: 60; lost, scheduled at 0:04:10, in no
    # record: 50
    assert score.delay_s == pytest.approx((34.0 + 6.5 + 60.0 + 50.0) / 4)


def test_means_over_the_departed_and_over_the_hour(record, demand):
    score = score_of(record, demand)
    assert (score.trip_time_s, score.waiting_s, score.queue_veh) == (40.0, 11.0, 5.0)
    assert (score.emergency_stops, score.collisions, score.teleports, score.unsafe_changes, score.seed) == (
        5,
        2,
        3,
        0,
        7,
    )


def test_classes_add_up_to_the_vehicles_and_persons_stand_beside_them(record, demand):
    score = score_of(record, demand)
    cars, walkers = score.classes
    assert (cars.of_class, cars.scheduled, cars.departed, cars.delay_s) == ("car", 4, 2, score.delay_s)
    assert (walkers.of_class, walkers.scheduled) == ("walker", 1)


@pytest.mark.sumo
def test_vehicles_that_stand_for_good_are_counted_as_stuck(tmp_path):
    routes = tmp_path / "few.rou.xml"
    routes.write_text(
        '<routes><trip id="a" depart="100" from="N_C" to="C_S"/><trip id="b" depart="100" from="E_C" to="C_W"/></routes>'
    )
    engine = Engine()
    engine.start(replace(SCENARIO, end_s=600.0), seed=1, route_files=[routes])
    engine.install(build_program(NETWORK.intersections[0], SITE.timings[0]), 0)
    engine.hold("C", 1000.0)
    engine.advance(600.0)
    assert (engine.standing(300.0), engine.standing(600.0)) == (1, 0)
    engine.close()


def test_demand_may_be_gzipped(record, demand):
    packed = demand.with_suffix(".xml.gz")
    packed.write_bytes(gzip.compress(DEMAND.encode()))
    assert score_of(record, packed) == score_of(record, demand)


def test_where_sumo_thins_the_demand_its_own_record_counts(record, demand):
    assert score_of(record, demand, scenario=replace(SCENARIO, options=("--scale", "0.5"))).scheduled == 3


@pytest.mark.parametrize("name", ["trips", "statistics", "summary", "signal_states"])
def test_a_missing_output_is_one_line(record, demand, name):
    (record / f"{name}.xml").unlink()
    with pytest.raises(ScenarioError, match="missing or cut short"):
        score_of(record, demand)


def test_an_output_that_was_cut_short_is_one_line(record, demand):
    (record / "trips.xml").write_text(TRIPS[:200])
    with pytest.raises(ScenarioError, match="missing or cut short"):
        score_of(record, demand)


@pytest.mark.sumo
def test_in_an_overfull_run_nobody_is_lost(tmp_path):
    begin_s, end_s = SCENARIO.begin_s, SCENARIO.end_s
    times = [begin_s + 0.5 * k for k in range(2 * int(end_s - begin_s) + 20)]
    trips = "".join(f'<trip id="t{k}" depart="{time:.2f}" from="N_C" to="C_S"/>' for k, time in enumerate(times))
    flow = f'<flow id="f" begin="{begin_s}" end="{end_s + 50}" period="2" from="E_C" to="C_W"/>'
    person = f'<person id="p" depart="{begin_s}"><walk edges="N_C"/></person>'
    routes = tmp_path / "crowd.rou.xml"
    routes.write_text(f"<routes>{flow}{person}{trips}</routes>")
    engine = Engine()
    engine.start(SCENARIO, seed=1, route_files=[routes], record=tmp_path / "record", audit=True)
    engine.advance(end_s)
    waiting = len(engine.pending())
    engine.close()
    score = score_of(tmp_path / "record", routes)
    assert score.scheduled == 400 + 100
    assert score.departed + score.never_departed == score.scheduled
    assert 0 < score.finished < score.departed
    assert score.never_departed == pytest.approx(
        waiting, abs=3
    )  # the last ones are put into the queue with the next step
    assert score.unsafe_changes == 0
    assert score.teleports == 0
