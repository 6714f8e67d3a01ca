"""Networks that nobody drew for us: netgenerate's, with one feature each. Import, limits, fifteen minutes of max-wave."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import sumo
import sumolib

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.simulation.env import SignalEnv
from leed_traffic.simulation.episode import PlanController, run_episode
from leed_traffic.simulation.network_import import import_network

pytestmark = [pytest.mark.sumo, pytest.mark.slow]

SHAPES = {
    "grid": ["--grid", "--grid.number=3", "--grid.length=150", "--grid.attach-length=120"],
    "spider": ["--spider", "--spider.arm-number=5", "--spider.circle-number=2", "--spider.space-radius=120"],
    "random": ["--rand", "--rand.iterations=25", "--seed=3"],
}
FEATURES = {
    "plain": [],
    "two lanes": ["--default.lanenumber=2"],
    "turn lanes": ["--turn-lanes=1", "--turn-lanes.length=40", "--default.lanenumber=2"],
    "crossings": ["--sidewalks.guess", "--crossings.guess", "--default.lanenumber=2"],
    "actuated": ["--tls.default-type=actuated"],
    "nema": ["--tls.default-type=NEMA"],
    "one stage per approach": ["--tls.layout=incoming"],
    "left-hand traffic": ["--lefthand"],
    "no interiors": ["--no-internal-links"],
}


def generate(folder, shape, feature):
    """A scenario of 900 s with trips between random edges."""
    net = folder / "town.net.xml"
    command = [f"{sumo.SUMO_HOME}/bin/netgenerate", *SHAPES[shape], *FEATURES[feature], "-o", str(net)]
    subprocess.run([*command, "--default-junction-type=traffic_light"], check=True, capture_output=True)
    edges = sorted(e.getID() for e in sumolib.net.readNet(str(net)).getEdges() if e.allows("passenger"))
    rng = np.random.default_rng(1)
    trips = [
        f'<trip id="{k}" depart="{2 * k}" from="{a}" to="{b}"/>'
        for k, (a, b) in enumerate(rng.choice(edges, 2, replace=False) for _ in range(400))
    ]
    (folder / "town.rou.xml").write_text(f"<routes>{''.join(trips)}</routes>")
    config = folder / "town.sumocfg"
    config.write_text(
        '<configuration><input><net-file value="town.net.xml"/><route-files value="town.rou.xml"/></input>'
        '<time><begin value="0"/><end value="900"/></time>'
        '<processing><ignore-route-errors value="true"/></processing></configuration>'
    )
    return load_scenario(str(config))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_generated_network_runs_without_an_unsafe_change(shape, feature, tmp_path):
    scenario = generate(tmp_path, shape, feature)
    network = import_network(scenario.net_file, scenario.additional_files)
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, load_site(None, scenario, network), record=Path(tmp_path / "record")) as env:
        score = run_episode(env, PlanController(plans), seed=1).score
    assert len(network.intersections) >= 3
    assert score.unsafe_changes == 0
    assert score.teleports == 0
    assert score.finished > 0.5 * score.scheduled
    assert all(reason for _, reason in network.left_alone)
