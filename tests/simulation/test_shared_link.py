"""A link that serves cars and the crossing beside them, in a real net and simulation."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site, load_site
from leed_traffic.domain.safety.verification import verify_timing
from leed_traffic.evaluate.controllers import Choice, ControllerKind, build_controller
from leed_traffic.simulation.env.episode import run_episode
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.incumbents.own_program import Incumbent, write_programs
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.score.audit import read_runs
from leed_traffic.simulation.score.score import STATES_NAME
from leed_traffic.simulation.sumo.engine import Engine

pytest.importorskip("sumo", reason="SUMO is not installed")
from tests.networks.oddities import crossings_beside_traffic

pytestmark = pytest.mark.sumo
SHARED = 1  # NC to CS, and the crossing of the west leg beside it


@pytest.fixture
def street(tmp_path):
    config = crossings_beside_traffic(tmp_path)
    net = tmp_path / "x.net.xml"
    text = net.read_text()
    assert text.count('linkIndex="19"') == 1
    text = re.sub(r'state="(\w{19})\w"', r'state="\1r"', text)
    net.write_text(text.replace('linkIndex="19"', f'linkIndex="{SHARED}"'))
    scenario = replace(load_scenario(str(config)), end_s=200.0)
    return scenario, import_network(scenario.net_file)


def test_it_is_imported_as_both(street):
    _, network = street
    junction = network.intersections[0]
    assert (junction.pedestrian_links, junction.walk_only_links) == ({SHARED, 16, 17, 18}, {16, 17, 18})
    assert [stage.state[SHARED] for stage in junction.stages] == ["G", "r"]


@pytest.mark.parametrize("site_name", ["derived", "as-net"])
@pytest.mark.parametrize("who", ["max-wave", "fixed", "actuated"])
def test_cars_on_it_always_see_their_yellow_and_nothing_is_unsafe(street, tmp_path, site_name, who):
    scenario, network = street
    site, record = load_site(site_name, scenario, network), tmp_path / "record"
    record.mkdir()
    if who == "max-wave":
        controller = build_controller(Choice(kind=ControllerKind(who)), network, site, decision_interval_s=5.0)
        with SignalEnv(scenario, network, site, decision_interval_s=5.0, record=record) as env:
            assert run_episode(env, controller, 1).score.unsafe_changes == 0
    else:
        incumbent = {"fixed": Incumbent.FIXED, "actuated": Incumbent.ACTUATED}[who]
        added = write_programs(tmp_path, network, site, incumbent, step_s=1.0)
        engine = Engine()
        engine.start(
            scenario, seed=1, route_files=scenario.route_files, record=record, additional_files=added, audit=True
        )
        engine.advance(scenario.end_s)
        engine.close()
    letters = [run.state[SHARED] for run in read_runs(record / STATES_NAME)["C"]]
    assert {"G", "y", "r"} <= set(letters)
    assert not any(a in "Gg" and b == "r" for a, b in pairwise(letters))


def test_its_derived_limits_are_proved_safe(street):
    _, network = street
    timing = derive_site(network).timings[0]
    assert timing.clearances.all_red_s[0][1] >= 12.0  # 12.8 m and more at 1.07 m/s
    longest_s = tuple(low_s + 5.0 for low_s in timing.min_green_s)
    shorter = replace(timing, fallback_green_s=timing.min_green_s, max_green_s=longest_s)
    assert verify_timing(network.intersections[0], shorter).violations == ()
