import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.detectors.detection import Detection, lanes_to_read
from leed_traffic.domain.detectors.layout import DetectorKind, place_loops, place_zones
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.pool import run_parallel
from leed_traffic.simulation.sumo.detector_file import render_additional
from leed_traffic.simulation.sumo.engine import Engine

pytestmark = pytest.mark.sumo


def zones_and_sums(folder, name):
    """Every minute (count, queue) of SUMO's zones and of our sums; then vehicles over the stop loops and their occupancies."""
    import libsumo  # the simulation of this task runs in its own process

    scenario = load_scenario(name)
    network = import_network(scenario.net_file)
    placed = [d for i in network.intersections for d in (*place_zones(i, 80.0), *place_loops(i))]
    path = folder / "d.add.xml"
    path.write_text(render_additional(placed))
    lanes = lanes_to_read(network.intersections, 80.0)
    detection = Detection(network.intersections, 80.0, {lane: k for k, lane in enumerate(lanes)})
    engine = Engine()
    engine.start(scenario, seed=1, route_files=write_demand(scenario, 1, folder), additional_files=[path])
    engine.watch_lanes(lanes)
    zones = {
        lane: d.id for d in placed if d.kind is DetectorKind.ZONE for lane, share in d.informs if share == 1.0
    }
    own = [lane for i in network.intersections for lane in i.lanes]
    whole = [k for k, lane in enumerate(own) if lane.length_m >= 80.0]
    minutes = []
    for until_s in range(60, 601, 60):
        engine.advance(float(until_s))
        readings = detection.measure(engine.vehicles())
        count = np.array([libsumo.lanearea.getLastStepVehicleNumber(zones[own[k].id]) for k in whole])
        queue = np.array([libsumo.lanearea.getLastStepHaltingNumber(zones[own[k].id]) for k in whole])
        minutes.append((count, queue, readings.count_veh[whole], readings.queue_veh[whole]))
    loops = [d.id for d in placed if d.kind is DetectorKind.STOP]
    passed = sum(map(libsumo.inductionloop.getIntervalVehicleNumber, loops))
    occupied = list(map(libsumo.inductionloop.getIntervalOccupancy, loops))
    engine.close()
    return minutes, passed, occupied


@pytest.mark.parametrize("name", ["crossing", "arterial5"])
def test_sumos_zones_count_what_our_interval_sums_count_and_its_loops_what_passes(name, tmp_path):
    """Zones count vehicles that are partly within, the sums those whose front is: a difference of one at the far end."""
    ((minutes, passed, occupied),) = run_parallel(partial(zones_and_sums, tmp_path), [name], workers=1)
    for count, queue, counted, queued in minutes:
        assert set(count - counted) <= {0.0, 1.0}
        assert (np.abs(queue - queued) <= 1.0).all()
    assert passed > 100
    assert max(occupied) > 10.0


def test_an_id_with_a_quote_stays_one_id():
    intersection = import_network(load_scenario("crossing").net_file).intersections[0]
    odd = replace(place_loops(intersection)[0], id='a"b&c')
    (shown,) = ET.fromstring(render_additional([odd]))
    assert shown.get("id") == 'a"b&c'
