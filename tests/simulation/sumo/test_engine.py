from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.detectors.detection import lanes_to_read
from leed_traffic.domain.safety.program import build_program
from leed_traffic.domain.safety.timing import derive_timing
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.sumo.engine import Engine, sumo_version
from leed_traffic.simulation.sumo.options import TRIPS_NAME

pytestmark = pytest.mark.sumo

SCENARIO = replace(load_scenario("crossing"), end_s=load_scenario("crossing").begin_s + 300.0)
JUNCTION = import_network(SCENARIO.net_file).intersections[0]
PROGRAM = build_program(JUNCTION, derive_timing(JUNCTION), step_s=SCENARIO.step_length_s)


@pytest.fixture
def make_engine():
    engines = []

    def make(over="libsumo"):
        engines.append(Engine(over))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def start(make_engine, tmp_path):
    """An engine on the crossing with the stage program installed."""

    def begin(over="libsumo", seed=5):
        engine = make_engine(over)
        engine.start(SCENARIO, seed=seed, route_files=write_demand(SCENARIO, seed, tmp_path))
        engine.install(PROGRAM, 0)
        engine.watch_lanes(lanes_to_read([JUNCTION], 100.0))
        return engine

    return begin


def walk(engine, steps=40):
    """What an engine reports every 5 s while stages change every 20 s."""
    seen = []
    for k in range(steps):
        phase, spent_s = engine.phases([JUNCTION.id])[0]
        stage, is_clearing = PROGRAM.stage_of(phase)
        vehicles = engine.vehicles()
        order = np.lexsort((vehicles.position_m, vehicles.lane))
        seen.append((phase, spent_s, engine.time_s, vehicles.lane[order].tolist(),
                     vehicles.position_m[order].round(4).tolist(), vehicles.speed_mps[order].round(4).tolist()))  # fmt: skip
        if not is_clearing and k % 4 == 0:
            engine.jump(JUNCTION.id, PROGRAM.entries[stage][(stage + 1) % PROGRAM.n_stages])
        elif not is_clearing:
            engine.hold(JUNCTION.id, 6.0)
        engine.advance(engine.time_s + 5.0)
    return seen


def test_sumo_says_which_version_it_is():
    assert sumo_version().split(".")[0] == "1"


def test_libsumo_and_traci_report_the_same(start):
    in_process = walk(start("libsumo"))
    assert any(lanes for _, _, _, lanes, _, _ in in_process)
    assert walk(start("traci")) == in_process


def test_a_second_start_begins_the_same_day_again(start):
    assert walk(start(), steps=10) == walk(start(), steps=10)
    assert walk(start(seed=5), steps=20) != walk(start(seed=6), steps=20)


def test_engines_side_by_side_do_not_disturb_each_other(start):
    alone = walk(start(seed=5), steps=10)
    first, second = start(seed=5), start(seed=6)
    other = walk(second, steps=10)
    assert walk(first, steps=10) == alone
    assert other != alone
    first.close()
    with pytest.raises(ValueError, match="no simulation is running"):
        first.vehicles()
    second.advance(second.time_s + 5.0)


def test_one_look_reports_what_the_single_questions_do(start):
    engine = start()
    engine.advance(engine.time_s + 60.0)
    look = engine.look([JUNCTION.id], [])
    assert look.phases == engine.phases([JUNCTION.id])
    assert look.pending == engine.pending()
    assert look.persons.tolist() == engine.waiting([]).tolist()
    assert look.vehicles.position_m.tolist() == engine.vehicles().position_m.tolist() != []


def test_a_jump_runs_through_the_whole_clearance_to_the_stage(start):
    engine = start()
    engine.advance(engine.time_s + 10.0)
    entry = PROGRAM.entries[0][1]
    engine.jump(JUNCTION.id, entry)
    assert engine.phases([JUNCTION.id]) == [(entry, 0.0)]
    shown = []
    for _ in range(15):
        engine.advance(engine.time_s + 1.0)
        shown.append(engine.phases([JUNCTION.id])[0][0])
    durations, phase = [], entry
    while PROGRAM.phases[phase].is_clearance:
        durations += [phase] * round(PROGRAM.phases[phase].duration_s)
        phase = PROGRAM.phases[phase].next
    assert phase == 1
    assert shown == [*durations, *[1] * (15 - len(durations))]


def test_a_stage_that_nobody_holds_leads_on_by_itself(start):
    engine = start()
    lease_s = PROGRAM.phases[0].duration_s
    engine.advance(engine.time_s + lease_s)
    assert engine.phases([JUNCTION.id]) == [(0, lease_s)]
    engine.advance(engine.time_s + 1.0)
    assert engine.phases([JUNCTION.id])[0][0] == PROGRAM.phases[0].next


def test_a_held_stage_counts_on(start):
    engine = start()
    for _ in range(12):
        engine.hold(JUNCTION.id, 6.0)
        engine.advance(engine.time_s + 5.0)
    assert engine.phases([JUNCTION.id]) == [(0, 60.0)]


@pytest.mark.parametrize("over", ["libsumo", "traci"])
def test_vehicles_that_cannot_enter_are_pending_on_their_edge(make_engine, tmp_path, over):
    routes = tmp_path / "crowd.rou.xml"
    begin_s = SCENARIO.begin_s
    trips = "".join(f'<trip id="{k}" depart="{begin_s}" from="N_C" to="C_S"/>' for k in range(30))
    routes.write_text(f"<routes>{trips}</routes>")
    engine = make_engine(over)
    engine.start(SCENARIO, seed=1, route_files=[routes])
    assert engine.pending() == []
    engine.advance(begin_s + 5.0)
    waiting = engine.pending()
    assert 20 <= len(waiting) < 30
    assert set(waiting) == {"N_C"}


@pytest.mark.parametrize("over", ["libsumo", "traci"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<routes><trip", "SUMO does not start: "),
        ('<routes><trip id="a" depart="1" from="nowhere" to="C_S"/></routes>', "edge 'nowhere'"),
    ],
    ids=["broken", "unknown-edge"],
)
def test_demand_that_sumo_refuses_is_one_line(make_engine, tmp_path, over, content, message):
    routes = tmp_path / "bad.rou.xml"
    routes.write_text(content)
    with pytest.raises(ScenarioError, match=message) as caught:
        make_engine(over).start(SCENARIO, seed=1, route_files=[routes])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("over", ["libsumo", "traci"])
def test_demand_that_turns_out_bad_on_the_way_is_one_line(make_engine, tmp_path, over):
    routes = tmp_path / "late.rou.xml"
    trips = "".join(f'<trip id="{k}" depart="{SCENARIO.begin_s + k}" from="N_C" to="C_S"/>' for k in range(250))
    late = f'<trip id="late" depart="{SCENARIO.begin_s + 280}" from="N_C" to="nowhere"/>'
    routes.write_text(f"<routes>{trips}{late}</routes>")
    engine = make_engine(over)
    engine.start(SCENARIO, seed=1, route_files=[routes])
    with pytest.raises(ScenarioError, match="SUMO stopped before") as caught:
        engine.advance(SCENARIO.end_s)
    assert "nowhere" in str(caught.value)


@pytest.mark.parametrize("over", ["libsumo", "traci"])
def test_a_flow_that_names_only_a_number_is_spaced_up_to_the_end_of_the_hour(make_engine, tmp_path, over):
    routes = tmp_path / "flow.rou.xml"
    routes.write_text('<routes><flow id="f" begin="0" number="6" from="W_C" to="C_E"/></routes>')
    engine, scenario = make_engine(over), replace(load_scenario("crossing"), end_s=300.0)
    record = tmp_path / "record"
    engine.start(scenario, seed=1, route_files=[routes], record=record)
    engine.advance(scenario.end_s)
    engine.close()
    assert (record / TRIPS_NAME).read_text().count("<tripinfo ") == 6


def test_every_vehicle_link_has_lanes_inside_the_junction_and_slow_vehicles_there_are_seen(start):
    engine = start()
    inner = engine.inner_lanes(JUNCTION.id)
    lanes = [lane for link in inner for lane in link]
    assert len(inner) == JUNCTION.n_links
    assert all(inner[m.link] for m in JUNCTION.vehicle_movements)
    assert all(lane.startswith(":") for lane in lanes)
    assert not engine.any_slower(lanes, 100.0), "nobody is there yet"
    begin_s = engine.time_s
    for time_s in range(10, 301, 5):
        engine.advance(begin_s + time_s)
        if engine.any_slower(lanes, 100.0):
            break
    assert engine.any_slower(lanes, 100.0)
    assert not engine.any_slower(lanes, 0.0)
