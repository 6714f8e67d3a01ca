"""A clearance is extended in the street as in simulation while a vehicle still stands in the junction."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.site import make_site
from leed_traffic.domain.detectors.layout import place_loops, place_zones
from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.envelope import EXTENSION_LIMIT_S
from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.errors import ExitCode
from leed_traffic.serve.operations.status import StatusBoard
from leed_traffic.serve.safety.supervisor import OperatingMode, SignalMode
from leed_traffic.simulation.sumo.detector_file import render_additional
from tests.serve.bundles import crossing
from tests.serve.device.test_contract import without_all_red
from tests.serve.test_run import ScriptedPolicy, drive, fake
from tests.serve.test_street import changes_every_20_s, displays, run

PROGRAM = build_program(*crossing())


def clearances(device):
    """Watch the display; (begin, seconds) of every way from a stage of ours to another, in a list that grows."""
    read, found, begin = device.read, [], [None]

    def watched():
        snapshot = read()
        if snapshot is not None and snapshot.displays[0].is_ours:
            is_clearing = PROGRAM.stage_of(snapshot.displays[0].phase)[1]
            if is_clearing and begin[0] is None:
                begin[0] = snapshot.time_s
            elif not is_clearing and begin[0] is not None:
                found.append((begin[0], snapshot.time_s - begin[0]))
                begin[0] = None
        return snapshot

    device.read = watched
    return found


def serve_with(bundle, inside_mps, *, policy=changes_every_20_s, until_s=60.0, **changes):
    """(summary, device, clearances) with somebody in the junction; stages change every 20 s."""
    device = fake()
    device.inside_mps = inside_mps
    found = clearances(device)
    summary, _ = drive(bundle, device, policy=ScriptedPolicy(policy), until_s=until_s, **changes)
    return summary, device, found


def usual_s(bundle):
    return serve_with(bundle, lambda time_s: math.inf)[2][0]


def test_a_clear_junction_is_never_held(crossing_bundle):
    summary, device, _ = serve_with(crossing_bundle, lambda time_s: 3.0)
    assert device.extensions == []
    assert summary.clearance_extensions == 0


def test_a_clearance_stands_until_who_stood_drives_off_fast_enough(crossing_bundle, tmp_path):
    begin_s, usual = usual_s(crossing_bundle)
    end_s = begin_s + usual - 1.0  # the last look at the clearance

    def inside_mps(time_s):
        return 0.0 if time_s < end_s + 2.0 else 5.9 if time_s < end_s + 4.0 else 6.0

    summary, device, found = serve_with(crossing_bundle, inside_mps, until_s=45.0, events=tmp_path)
    assert found[0] == (begin_s, usual + 4.0)
    assert [time_s for time_s, _, _ in device.extensions] == [end_s + k for k in range(4)]
    assert summary.clearance_extensions == 1
    assert summary.violations == []
    assert summary.exit_code is ExitCode.OK
    with (tmp_path / "decisions.csv").open() as file:
        noted = [
            (float(row["time_s"]), row["ruled"]) for row in csv.DictReader(file) if row["reason"] == "occupied"
        ]
    assert noted == [(end_s, "1")]


def test_a_vehicle_that_never_leaves_is_waited_for_only_so_long(crossing_bundle):
    begin_s, usual = usual_s(crossing_bundle)
    summary, _, found = serve_with(crossing_bundle, lambda time_s: 0.0)
    assert found[0] == (begin_s, usual + EXTENSION_LIMIT_S)
    assert summary.violations == []


def test_a_signal_that_walks_by_itself_is_left_alone(crossing_bundle):
    def falls_silent(k, observation, legal):
        return [None if k >= 5 else float(k // 4 % 4)]  # in the middle of the first way

    summary, device, found = serve_with(crossing_bundle, lambda time_s: 0.0, policy=falls_silent, until_s=70.0)
    assert summary.modes == {"C": SignalMode.DEGRADED}
    assert len(found) >= 2
    held = [time_s for time_s, _, _ in device.extensions]
    assert max(held, default=0.0) < 25.0


@pytest.mark.parametrize("control", [OperatingMode.SHADOW, OperatingMode.MONITOR])
def test_who_only_watches_extends_nothing(crossing_bundle, control):
    assert serve_with(crossing_bundle, lambda time_s: 0.0, control=control)[1].extensions == []


def test_a_refusal_costs_the_extension_and_nothing_else(crossing_bundle, caplog):
    device = fake()
    device.inside_mps = lambda time_s: 0.0
    device.extend = lambda n, hold_s: False
    summary, _ = drive(crossing_bundle, device, policy=ScriptedPolicy(changes_every_20_s), until_s=60.0)
    assert "the device refused to extend a clearance" in caplog.text
    assert (summary.exit_code, summary.clearance_extensions) == (ExitCode.OK, 0)


CRAWLERS = """<additional>
    <vType id="crawler" maxSpeed="2" sigma="0"/>
    <flow id="west" type="crawler" from="W_C.bay" to="C_E" begin="0" end="300" period="37" departPos="last" departSpeed="max"/>
    <flow id="north" type="crawler" from="N_C.bay" to="C_S" begin="9" end="300" period="41" departPos="last" departSpeed="max"/>
</additional>
"""


@pytest.fixture
def crawlers(tmp_path):
    """Vehicles that need longer to cross than any clearance lasts."""
    path = tmp_path / "crawlers.add.xml"
    path.write_text(CRAWLERS)
    return path


def bundle_of(path, place):
    intersection, timing = place()
    return write_linear_bundle(
        path, "crossing", Network(intersections=(intersection,)), make_site("test", [timing]), {}
    ).path


def changes_every_15_s(k):
    return float(k // 3 % 4)


@pytest.mark.sumo
@pytest.mark.parametrize("place", [crossing, without_all_red])
def test_simulation_and_street_extend_the_same_clearances(start_sumo, tmp_path, crawlers, place):
    """Same seed, same requests: SUMO's own records of both runs hold the same states, second by second."""
    pytest.importorskip("libsumo")
    from leed_traffic.artifacts.scenario import load_scenario
    from leed_traffic.simulation.env.signal_env import SignalEnv
    from leed_traffic.simulation.sumo.options import STATES_NAME

    intersection, timing = place()
    scenario = load_scenario("crossing")
    scenario = replace(scenario, end_s=300.0, additional_files=(*scenario.additional_files, crawlers))
    network, site = Network(intersections=(intersection,)), make_site("test", [timing])
    requests = []
    with SignalEnv(scenario, network, site, record=tmp_path / "simulated") as env:
        situation, ended = env.reset(7), False
        while not ended:
            wanted = changes_every_15_s(len(requests))
            requests.append(wanted if situation.legal[0][int(wanted)] else float(np.argmax(situation.legal[0])))
            transition = env.step([requests[-1]])
            situation, ended = transition.situation, transition.ended
    sumo = start_sumo("--end", "300", demand_until_s=300.0, additional=[crawlers])
    policy = ScriptedPolicy(lambda k, observation, legal: [requests[k]])
    summary = run(bundle_of(tmp_path / "b", place), sumo.port, policy=policy)
    assert sumo.process.wait(10.0) == 0
    street, expected = (
        {t: state for t, _, state in displays(r)} for r in (sumo.record, tmp_path / "simulated" / STATES_NAME)
    )
    assert summary.clearance_extensions >= 2
    assert summary.violations == []
    shared = sorted(street.keys() & expected.keys())
    assert len(shared) >= 298
    assert [street[t] for t in shared] == [expected[t] for t in shared]


@pytest.mark.sumo
def test_a_server_without_lanes_in_the_junction_gives_no_occupancy_and_says_so_once(tmp_path, free_port, caplog):
    pytest.importorskip("sumo", reason="needs SUMO")
    from leed_traffic.drill.rig.place import make_place
    from leed_traffic.simulation.sumo.server import start_server, stop_server

    place = make_place("grid4x4", tmp_path, seconds=120.0)
    scenario = replace(place.scenario, options=(*place.scenario.options, "--no-internal-links", "true"))
    server = start_server(scenario, port=free_port, seed=7, route_files=place.route_files)
    try:
        summary = run(place.bundle.path, free_port)
    finally:
        stop_server(server)
    assert (summary.exit_code, summary.clearance_extensions) == (ExitCode.OK, 0)
    said = "extended at 16 of 16 signals (A1, A2, A3, A4, B1, ...): the server knows no lanes inside the junction"
    assert caplog.text.count(said) == 1


@pytest.mark.sumo
@pytest.mark.parametrize("sensing", ["camera", "loops"])
def test_a_sites_own_detectors_see_nobody_inside_and_the_controller_says_so(
    start_sumo, tmp_path, crawlers, caplog, sensing
):
    """The same crawlers as above: what stands inside is not guessed from what passed the stop line, and nothing is extended."""
    detectors = tmp_path / "d.add.xml"
    detectors.write_text(render_additional([*place_zones(crossing()[0], 80.0), *place_loops(crossing()[0])]))
    sumo = start_sumo("--end", "120", demand_until_s=120.0, additional=[crawlers, detectors])
    board = StatusBoard()
    policy = ScriptedPolicy(lambda k, observation, legal: [changes_every_15_s(k)])
    summary = run(bundle_of(tmp_path / "b", crossing), sumo.port, policy=policy, sensing=sensing, board=board)
    assert (summary.exit_code, summary.clearance_extensions, summary.violations) == (ExitCode.OK, 0, [])
    said = "no clearance is extended at 1 of 1 signals (C): none of the site's own detectors looks inside the junction"
    assert caplog.text.count(said) == 1
    assert [signal.sees_inside for signal in board.latest.signals] == [False]
