import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.env.episode import PlanController, run_episode
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import TRIPS_NAME

pytestmark = pytest.mark.sumo

END_S = 900.0
RULE = PriorityRule(classes=("bus",), reach_m=120.0, max_extension_s=15.0, keep_green_s=10.0, lockout_s=60.0)
BUS_TYPE = '<vType id="bus" vClass="bus" length="12" accel="1.2" decel="4.0" maxSpeed="20"/>'

STOP = '<stop lane="N_C_1" endPos="100" duration="20"/>'


def with_bus_line(seed, folder, stop=""):
    """The crossing with a bus every 150 s in both directions of the side road; those from the north may stop on their way."""
    base = replace(load_scenario("crossing"), end_s=END_S)
    ways = {flow.name: " ".join(flow.edges) for flow in base.demand.vehicles}
    buses = [
        f'<vehicle id="bus.{way}.{t}" type="bus" depart="{t}"><route edges="{ways[way]}"/>{stop * (way == "N_S")}</vehicle>'
        for t in range(60, 800, 150)
        for way in ("N_S", "S_N")
    ]
    folder.mkdir(exist_ok=True)
    line = folder / "buses.rou.xml"
    line.write_text(f"<routes>{BUS_TYPE}{''.join(buses)}</routes>")
    return replace(base, demand=None, route_files=(*write_demand(base, seed, folder), line))


def delays(seed, folder, rules):
    """Mean delay of buses and of everybody else, and the unsafe changes."""
    scenario = with_bus_line(seed, folder)
    network = import_network(scenario.net_file)
    site = replace(derive_site(network), priority=rules)
    record = folder / f"record{len(rules)}"
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, site, record=record) as env:
        episode = run_episode(env, PlanController(plans), seed)
    trips = [t for t in ET.parse(record / TRIPS_NAME).getroot() if t.tag == "tripinfo"]
    lost = {t.get("id"): float(t.get("timeLoss")) + float(t.get("departDelay")) for t in trips}
    buses = [seconds for name, seconds in lost.items() if name.startswith("bus.")]
    others = [seconds for name, seconds in lost.items() if not name.startswith("bus.")]
    return np.mean(buses), np.mean(others), episode.score.unsafe_changes


def test_a_bus_line_loses_less_time_at_bounded_cost_to_the_others_and_no_limit_breaks(tmp_path):
    runs = [[delays(seed, tmp_path / str(seed), rules) for rules in ((), (RULE,))] for seed in (1, 2, 3)]
    buses, others, unsafe = np.moveaxis(np.array(runs), 2, 0)  # (3 seeds, without and with)
    assert buses[:, 1].mean() < 0.9 * buses[:, 0].mean()
    assert others[:, 1].mean() < 1.1 * others[:, 0].mean()
    assert unsafe.sum() == 0


def test_a_bus_calls_with_its_link_and_distance_and_not_while_it_stands_at_its_stop(tmp_path):
    scenario = with_bus_line(1, tmp_path, STOP)
    intersection = import_network(scenario.net_file).intersections[0]
    (link,) = [
        m.link for m in intersection.vehicle_movements if m.from_lane.startswith("N_C") and m.direction == "s"
    ]
    engine, heard_m = Engine(), []
    engine.start(scenario, seed=1, route_files=scenario.route_files[1:])
    try:
        for until_s in range(62, 110):
            engine.advance(float(until_s))
            own = [c for c in engine.priority_vehicles({"bus"}) if c.link == link]
            heard_m.append(own[0].distance_m if own else None)
            assert engine.priority_vehicles({"emergency"}) == []
    finally:
        engine.close()
    told_m = [d for d in heard_m if d is not None]
    assert told_m[0] > 250.0
    assert told_m == sorted(told_m, reverse=True)
    silent = heard_m.index(None)
    assert heard_m[silent : silent + 20] == [None] * 20
    assert heard_m[silent + 20] is not None
