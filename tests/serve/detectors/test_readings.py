import csv
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.bundle import read_bundle
from leed_traffic.artifacts.policy import Policy
from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import make_site, write_site_file
from leed_traffic.domain.detectors.detection import Vehicles
from leed_traffic.domain.detectors.faults import FaultRates
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones, stopping_distance_m
from leed_traffic.domain.detectors.loops import LoopCounts
from leed_traffic.domain.detectors.sensing import LOOPS, SensedDetection, Sensors
from leed_traffic.domain.network import JAM_SPACING_M, Network
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.road_users import Weights, crossings_of
from leed_traffic.domain.safety.program import PROGRAM_ID, build_program
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.errors import MismatchError
from leed_traffic.serve.control.assignment import assign
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.detectors.readings import SiteDetectorReader, site_detectors
from leed_traffic.serve.device.contract import SignalDisplay, Snapshot
from leed_traffic.serve.device.traci import Endpoint, TraciDevice
from leed_traffic.serve.logs.records import Tick, line_of
from leed_traffic.serve.replay.replay import replay
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.loop_watch import LoopWatch
from leed_traffic.simulation.sumo.detector_file import render_additional
from leed_traffic.simulation.sumo.engine import Engine
from tests.serve.bundles import REACH_M, crossing

RULE = (
    '[[priority]]\nclasses = ["truck"]\nreach_m = 150.0\n'
    "max_extension_s = 10.0\nkeep_green_s = 8.0\nlockout_s = 30.0\n\n"
)


@pytest.fixture
def detectors(tmp_path):
    path = tmp_path / "d.add.xml"
    path.write_text(render_additional([*place_zones(crossing()[0], 80.0), *place_loops(crossing()[0])]))
    return path


@pytest.fixture
def priority_site(tmp_path):
    intersection, timing = crossing()
    path = tmp_path / "site.toml"
    write_site_file(path, Network(intersections=(intersection,)), [timing])
    path.write_text(RULE + path.read_text())
    return path


def run(config):
    return serve(config, clock=time.perf_counter, stop=StopRequest())


@pytest.mark.sumo
@pytest.mark.parametrize("sensing", ["camera", "loops"])
def test_a_bundle_drives_by_the_sites_own_detectors_and_a_replay_decides_the_same(
    start_sumo, detectors, crossing_bundle, tmp_path, sensing
):
    sumo = start_sumo(additional=[detectors])
    summary = run(
        ServeConfig(
            bundle=crossing_bundle, port=sumo.port, sensing=sensing, until_s=240.0, events=tmp_path / "logs"
        )
    )
    assert (summary.violations, summary.detector_faults) == ([], {})
    assert summary.rulings["granted"] > 150
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert (report.differ, report.ticks) == (0, summary.ticks)


@pytest.mark.sumo
def test_vehicles_that_call_are_favoured_in_the_street_and_the_event_log_says_how(
    start_sumo, crossing_bundle, priority_site, tmp_path
):
    sumo = start_sumo()
    summary = run(
        ServeConfig(
            bundle=crossing_bundle, port=sumo.port, site=priority_site, until_s=400.0, events=tmp_path / "logs"
        )
    )
    assert summary.violations == []
    with (tmp_path / "logs" / "events.csv").open() as file:
        codes = {row["EventId"] for row in csv.DictReader(file)}
    assert codes & {"113", "114"}
    assert replay(tmp_path / "logs" / "recording.jsonl.gz").differ == 0


@pytest.mark.sumo
@pytest.mark.parametrize("reach_m", [REACH_M, 30.0])
def test_the_policy_sees_over_traci_what_it_saw_in_training(start_sumo, detectors, tmp_path, reach_m):
    """Loops asked every 5 s under the net's own program: simulator and device keep the same balance."""
    intersection, timing = crossing()
    sound = replace(LOOPS, miss=0.0, faults=FaultRates())
    endpoint = Endpoint(
        host="localhost", port=start_sumo(additional=[detectors]).port, deadline_s=5.0, connect_s=20.0
    )
    device = TraciDevice(
        endpoint, [intersection], (), lambda n, step_s: build_program(intersection, timing, step_s=step_s),
        detectors=site_detectors(sound, [intersection], reach_m),
    )  # fmt: skip
    reader, seen = SiteDetectorReader([intersection], sound, reach_m), []
    try:
        for k in range(201):
            snapshot = device.read()
            readings, _ = reader.read_tick(snapshot, 1.0 if k else 0.0)
            if k % 5 == 0:
                seen.append(reader.read_decision(snapshot, readings, 5.0 if k else 0.0).count_veh)
    finally:
        device.close()
    scenario = load_scenario("crossing")
    sensors, engine, trained = Sensors([intersection], sound), Engine(), []
    loops = LoopWatch(engine, [intersection], sensors.sensing)
    nobody = Vehicles(lane=np.array([], dtype=np.intp), position_m=np.array([]), speed_mps=np.array([]))
    index = {span.lane: k for k, span in enumerate(s for lane in intersection.lanes for s in lane.spans)}
    index |= {m.exit_span.lane: 0 for m in intersection.vehicle_movements}
    policy = SensedDetection(sensors, [intersection], [reach_m], index)
    engine.start(
        scenario, seed=7, route_files=write_demand(scenario, 7, tmp_path), additional_files=loops.lay_out(tmp_path)
    )
    try:
        for k in range(41):
            engine.advance(5.0 * k)
            sensors.take(5.0 * k, 5.0 if k else 0.0, loops.read())
            trained.append(policy.measure(nobody).count_veh)
    finally:
        engine.close()
    assert np.max(trained) >= 3.0
    np.testing.assert_allclose(seen, trained, atol=1e-6)


@pytest.mark.parametrize(("speed_mps", "reach_m"), [(13.89, 100.0), (13.89, 30.0), (25.0, 100.0)])
def test_loops_that_count_more_than_fits_say_the_same_in_the_street_and_in_training(speed_mps, reach_m):
    """At 25 m/s the advance loop lies 127 m before the stop line: 16 vehicles; 100 m have room for 13."""
    slow, _ = crossing()
    long = tuple(replace(lane, length_m=180.0, speed_mps=speed_mps) for lane in slow.lanes)
    intersection, sound = replace(slow, lanes=long), replace(LOOPS, miss=0.0, faults=FaultRates())
    reader, sensors = SiteDetectorReader([intersection], sound, reach_m), Sensors([intersection], sound)
    index = {span.lane: 0 for lane in intersection.lanes for span in lane.spans}
    index |= {m.exit_span.lane: 0 for m in intersection.vehicle_movements}
    policy = SensedDetection(sensors, [intersection], [reach_m], index)
    n, nobody = (
        intersection.n_lanes,
        Vehicles(lane=np.array([], dtype=np.intp), position_m=np.zeros(0), speed_mps=np.zeros(0)),
    )
    for k in range(21):  # a vehicle every second comes in, none leaves
        came, stands = (0.0, 0.0) if k == 0 else (5.0, 5.0)
        sensors.take(5.0 * k, came, LoopCounts(
            stop_passed_veh=np.zeros(n), stop_covered_s=np.full(n, stands),
            advance_passed_veh=np.full(n, came), advance_covered_s=np.zeros(n),
        ))  # fmt: skip
        counters = {
            d.id: (5.0 * k, 0.0) if d.kind is DetectorKind.ADVANCE else (0.0, 5.0 * k)
            for d in place_loops(intersection)
        }
        snapshot = Snapshot(time_s=5.0 * k, displays=(), vehicles=nobody, detected=counters)
        seen, trained = reader.read_decision(snapshot, None, came), policy.measure(nobody)
        np.testing.assert_allclose(seen.count_veh, trained.count_veh, atol=1e-9)
        np.testing.assert_allclose(seen.queue_veh, trained.queue_veh, atol=1e-9)
    assert seen.count_veh.max() == pytest.approx(
        min(reach_m, stopping_distance_m(speed_mps)) / JAM_SPACING_M, abs=1.0
    )


def test_a_site_with_other_limits_than_the_bundles_is_refused(crossing_bundle, priority_site):
    text = priority_site.read_text()
    priority_site.write_text(text.replace("max_red_s = ", "max_red_s = 1"))
    with pytest.raises(MismatchError, match="max_red_s"):
        run(ServeConfig(bundle=crossing_bundle, port=1, site=priority_site))


@pytest.fixture
def walkers_bundle(tmp_path):
    """Policies that see persons; they ask for the stage that waits longest."""
    intersection, timing = crossing()
    site = make_site("walked", [timing], weights=Weights(persons=1.0))
    return write_linear_bundle(tmp_path / "walkers", "crossing", Network(intersections=(intersection,)), site).path


@pytest.mark.sumo
def test_persons_who_wait_are_seen_over_traci_as_in_training(start_sumo, tmp_path):
    intersection, timing = crossing()
    crossings = crossings_of([intersection])
    endpoint = Endpoint(host="localhost", port=start_sumo().port, deadline_s=5.0, connect_s=20.0)
    device = TraciDevice(
        endpoint, [intersection], (), lambda n, step_s: build_program(intersection, timing, step_s=step_s)
    )
    try:
        device.watch_crossings(crossings)
        seen = [device.read().persons for _ in range(401)]
    finally:
        device.close()
    scenario, engine, trained = load_scenario("crossing"), Engine(), []
    engine.start(scenario, seed=7, route_files=write_demand(scenario, 7, tmp_path))
    try:
        for k in range(401):
            engine.advance(float(k))
            trained.append(engine.waiting(crossings))
    finally:
        engine.close()
    assert np.max(trained) >= 2.0
    assert (np.max(trained, axis=0) > 0.0).all()
    np.testing.assert_allclose(seen, trained, atol=1e-6)


@pytest.mark.sumo
def test_a_bundle_that_sees_persons_drives_and_a_replay_decides_the_same(start_sumo, walkers_bundle, tmp_path):
    encoded, counted = [], []

    class Noted(Policy):
        def decide(self, observation, legal):
            encoded.append(observation[0, -4:].copy())
            return super().decide(observation, legal)

    class Watcher:
        def begin(self, bundle):
            pass

        def tick(self, controller, snapshot, tick_s):
            if len(counted) < len(encoded):  # it was decided in this tick
                counted.append(snapshot.persons)

    config = ServeConfig(bundle=walkers_bundle, port=start_sumo().port, until_s=400.0, events=tmp_path / "logs")
    summary = serve(config, clock=time.perf_counter, stop=StopRequest(), decider=Noted, watchers=[Watcher()])
    assert summary.violations == []
    assert summary.rulings["granted"] > 200
    assert np.max(encoded) >= 0.1
    np.testing.assert_allclose(encoded, np.minimum(np.array(counted) / 10.0, 2.0), atol=1e-6)
    report = replay(tmp_path / "logs" / "recording.jsonl.gz")
    assert (report.differ, report.ticks) == (0, summary.ticks)


@pytest.mark.sumo
def test_a_place_where_nobody_counts_persons_refuses_a_bundle_that_sees_them(
    start_sumo, walkers_bundle, monkeypatch
):
    bundle = read_bundle(walkers_bundle)
    with pytest.raises(MismatchError, match="a site that sees by loops counts none; serve with --sensing ideal"):
        assign(bundle, None, sensing=LOOPS)
    nowhere = [((":C_w0", ":C_w9"), ":C_c0")]
    monkeypatch.setattr("leed_traffic.serve.control.assignment.crossings_of", lambda intersections: nowhere)
    with pytest.raises(
        MismatchError, match="has no :C_w9, at which the policies see persons waiting; serve a bundle that"
    ):
        run(ServeConfig(bundle=walkers_bundle, port=start_sumo().port, until_s=60.0))


def read_back(snapshot):
    return Tick.model_validate_json(line_of(Tick.of(snapshot))).snapshot()


def test_what_stands_beside_the_road_comes_back_from_a_recording_as_it_was():
    nobody = Vehicles(lane=np.array([], dtype=np.intp), position_m=np.array([]), speed_mps=np.array([]))
    snapshot = Snapshot(
        time_s=3.0,
        displays=(SignalDisplay(state="Gr", program=PROGRAM_ID, phase=0, spent_s=1.0),),
        vehicles=nobody,
        detected={"leed.stop.C.W_0": (3.0, 0.1 + 0.2)},
        priority_vehicles=(PriorityVehicle(signal="C", link=2, distance_m=1 / 3, kind="bus"),),
        persons=(2.0, math.nan),
    )
    back = read_back(snapshot)
    assert (back.detected, back.priority_vehicles) == (dict(snapshot.detected), snapshot.priority_vehicles)
    np.testing.assert_array_equal(back.persons, snapshot.persons)
    assert read_back(replace(snapshot, persons=())).persons == ()
