from dataclasses import replace

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.cli.main import app
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.errors import UsageError
from leed_traffic.simulation.env.episode import PlanController, run_episode
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.scenario.city import city_recipe, parse_size


def test_the_same_arguments_give_the_same_text_and_another_seed_another():
    assert city_recipe(3, 4, seed=1, is_irregular=True) == city_recipe(3, 4, seed=1, is_irregular=True)
    assert city_recipe(3, 4, seed=1) != city_recipe(3, 4, seed=2)
    assert city_recipe(3, 4, seed=1) != city_recipe(3, 4, seed=1, is_irregular=True)


@pytest.mark.parametrize("text", ["14", "x3", "3x", "axb", "3x4x5", "-2x4"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="expected ROWSxCOLUMNS"):
        parse_size(text)


@pytest.mark.parametrize("size", [(1, 4), (4, 41)])
def test_a_city_has_two_to_forty_streets_each_way(size):
    with pytest.raises(UsageError, match="need 2 to 40 streets each way"):
        city_recipe(*size, seed=1)


@pytest.mark.sumo
@pytest.mark.parametrize("options", [[], ["--irregular", "--seed", "3"]])
def test_a_city_is_built_controlled_and_never_changed_unsafely(tmp_path, options):
    out = tmp_path / "city"
    command = ["scenario", "build", "--grid", "3x4", "--out", str(out), *options]
    built = CliRunner().invoke(app, command)
    assert built.exit_code == 0, built.output
    scenario = replace(load_scenario(str(out)), end_s=300.0)
    network = import_network(scenario.net_file)
    assert len(network.intersections) == 12
    assert not network.left_alone
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, load_site(None, scenario, network), record=tmp_path / "record") as env:
        score = run_episode(env, PlanController(plans), 1).score
    assert score.finished > 0
    assert score.unsafe_changes == score.teleports == 0


def test_a_folder_with_another_scenario_is_left_as_it_is(tmp_path):
    (tmp_path / "scenario.toml").write_text("mine")
    built = CliRunner().invoke(app, ["scenario", "build", "--grid", "2x2", "--out", str(tmp_path)])
    assert isinstance(built.exception, UsageError)
    assert (tmp_path / "scenario.toml").read_text() == "mine"
