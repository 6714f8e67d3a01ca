import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.network import Network
from leed_traffic.domain.observation import DEFAULT_REACH_M
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.env import env_spec as module
from leed_traffic.simulation.env.env_spec import env_spec


def test_a_scenario_has_its_own_network_and_site_and_sees_everything():
    spec = env_spec(load_scenario("arterial5"))
    assert [i.id for i in spec.network.intersections] == ["J1", "J2", "J3", "J4", "J5"]
    assert (spec.site.name, spec.reach_m, spec.sensing.is_perfect) == ("derived", DEFAULT_REACH_M, True)


def test_a_network_without_signals_is_refused_before_anything_is_tried(monkeypatch):
    monkeypatch.setattr(module, "import_network", lambda *_, **__: Network(intersections=()))
    with pytest.raises(ScenarioError, match="crossing: no signal to control"):
        env_spec(load_scenario("crossing"))
