import itertools
import xml.etree.ElementTree as ET

import pytest

from leed_traffic.artifacts.scenario import list_scenarios, load_scenario
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.scenario.build import build_scenario

pytest.importorskip("sumo", reason="SUMO is not installed")

SCENARIOS = pytest.mark.parametrize("scenario", list_scenarios(), ids=lambda scenario: scenario.name)


def phases_of(net):
    """Per signal: its phases as (seconds, state)."""
    return {
        logic.get("id"): [(float(phase.get("duration")), phase.get("state")) for phase in logic.iter("phase")]
        for logic in net.iter("tlLogic")
    }


def foes_of(net, signal):
    """Pairs of link indices that cross at the junction; of every signal here there is one junction."""
    [junction] = [item for item in net.iter("junction") if item.get("id") == signal]
    for request in junction.iter("request"):
        foes = request.get("foes")[::-1]  # SUMO writes the last link first
        yield from ((int(request.get("index")), i) for i, flag in enumerate(foes) if flag == "1")


@pytest.mark.sumo
@SCENARIOS
def test_building_again_gives_the_committed_bytes(scenario, tmp_path):
    folder = scenario.net_file.parent
    for built in build_scenario(folder, tmp_path):
        assert built.read_bytes() == (folder / built.name).read_bytes(), (
            f"{built.name}: run leedctl scenario build"
        )


@pytest.mark.sumo
def test_a_built_scenario_loads(tmp_path):
    source = load_scenario("crossing").net_file.parent
    (tmp_path / "scenario.toml").write_bytes((source / "scenario.toml").read_bytes())
    build_scenario(tmp_path, tmp_path)
    assert load_scenario(str(tmp_path)).demand == load_scenario("crossing").demand


@SCENARIOS
def test_every_route_is_connected_and_in_the_net(scenario):
    net = ET.parse(scenario.net_file).getroot()
    onward = {(item.get("from"), item.get("to")) for item in net.iter("connection")}
    edges = {item.get("id") for item in net.iter("edge")}
    for flow in scenario.demand.vehicles:
        assert set(flow.edges) <= edges
        assert set(itertools.pairwise(flow.edges)) <= onward
    for flow in scenario.demand.pedestrians:
        assert set(flow.edges) <= edges


@SCENARIOS
def test_every_yellow_is_long_enough_and_followed_by_an_all_red(scenario):
    for signal, phases in phases_of(ET.parse(scenario.net_file).getroot()).items():
        for (seconds, state), (next_s, next_state) in itertools.pairwise([*phases, phases[0]]):
            if "y" in state:
                assert seconds >= 3.0, signal
                assert next_s == 2.0, signal
                assert all(b == "r" for a, b in zip(state, next_state, strict=True) if a == "y"), signal
            else:
                lost = [
                    i for i, (a, b) in enumerate(zip(state, next_state, strict=True)) if a in "Gg" and b == "r"
                ]
                crossings = range(len(state) - 4, len(state)) if scenario.name == "crossing" else ()
                assert set(lost) <= set(crossings), f"{signal}: green to red without a yellow"


@SCENARIOS
def test_no_two_protected_greens_cross(scenario):
    net = ET.parse(scenario.net_file).getroot()
    for signal, phases in phases_of(net).items():
        foes = list(foes_of(net, signal))
        for _, state in phases:
            assert not [pair for pair in foes if state[pair[0]] == state[pair[1]] == "G"], f"{signal} {state}"


@SCENARIOS
def test_the_fixed_cycle_is_90_s(scenario):
    for signal, phases in phases_of(ET.parse(scenario.net_file).getroot()).items():
        assert sum(seconds for seconds, _ in phases) == 90.0, signal


@pytest.mark.sumo
@pytest.mark.parametrize(
    ("streets", "said"),
    [
        ('{ nodes = ["W", "C", "E"] }, { nodes = ["N", "S"] }', "no route|refused"),
        ('{ nodes = ["W", "C", "E"], left_bay_m = 290 }, { nodes = ["N", "C", "S"] }', "leaves no room"),
    ],
)
def test_an_impossible_net_is_refused_in_one_line(tmp_path, streets, said):
    recipe = f"""
title = "Impossible"
[net]
signals = {{ C = [0, 0] }}
rim = {{ N = [0, 300], E = [300, 0], S = [0, -300], W = [-300, 0] }}
streets = [{streets}]
[demand]
period_s = 3600
flows = [{{ origin = "W", destination = "N", per_hour = [100] }}]
"""
    (tmp_path / "scenario.toml").write_text(recipe)
    with pytest.raises(ScenarioError, match=said) as fault:
        build_scenario(tmp_path, tmp_path)
    assert "\n" not in str(fault.value)
