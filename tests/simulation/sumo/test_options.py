from dataclasses import replace

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.simulation.sumo.options import sumo_options


def test_a_scenario_s_options_stand_in_one_argument_each_and_in_the_place_of_ours():
    scenario = replace(
        load_scenario("crossing"), options=("--time-to-teleport", "90", "--ignore-junction-blocker", "true")
    )
    options = sumo_options(scenario, seed=1, route_files=[])
    assert options[-2:] == ["--time-to-teleport=90", "--ignore-junction-blocker=true"]
    assert "--time-to-teleport" not in options


def test_ours_stand_in_pairs_that_a_rig_may_change():
    options = sumo_options(load_scenario("crossing"), seed=7, route_files=[])
    assert options[options.index("--end") + 1] == str(load_scenario("crossing").end_s)
    assert options[options.index("--seed") + 1] == "7"
