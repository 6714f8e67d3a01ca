from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Weights
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.env import env_spec as module
from leed_traffic.simulation.env.env_spec import env_spec
from leed_traffic.simulation.env.signal_env import Reward

RULE = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=8.0, lockout_s=60.0)


def test_a_scenario_has_its_own_network_and_site_and_sees_everything():
    spec = env_spec(load_scenario("arterial5"))
    assert [i.id for i in spec.network.intersections] == ["J1", "J2", "J3", "J4", "J5"]
    assert (spec.site.name, spec.reach_m, spec.sensing.is_perfect) == ("derived", DEFAULT_REACH_M, True)


def test_a_network_without_signals_is_refused_before_anything_is_tried(monkeypatch):
    monkeypatch.setattr(module, "import_network", lambda *_, **__: Network(intersections=()))
    with pytest.raises(ScenarioError, match="crossing: no signal to control"):
        env_spec(load_scenario("crossing"))


def test_everything_that_an_hour_depends_on_decides_its_digest(tmp_path):
    spec = env_spec(load_scenario("crossing"))
    scenario = spec.scenario
    named = tmp_path / "vehicles.add.xml"
    named.write_text("<additional/>")
    changed = [
        spec,
        replace(spec, decision_interval_s=6.0),
        replace(spec, reach_m=50.0),
        replace(spec, reward=Reward.QUEUE),
        replace(spec, sensing=Sensing(miss=0.5)),
        replace(spec, scenario=replace(scenario, end_s=scenario.end_s - 1.0)),
        replace(spec, scenario=replace(scenario, options=("--scale", "0.5"))),
        replace(spec, scenario=replace(scenario, options=("--vtypes", str(named)))),
        replace(spec, site=load_site("as-net", scenario, spec.network)),
        replace(spec, site=replace(spec.site, priority=(RULE,))),
        replace(spec, site=replace(spec.site, weights=Weights(persons=1.0))),
    ]
    digests = [one.digest() for one in changed]
    assert len(set(digests)) == len(changed)
    assert env_spec(load_scenario("crossing")).digest() == digests[0]
    named.write_text("<additional> </additional>")  # another content under the same name
    assert changed[7].digest() != digests[7]
