"""Every network through the whole program: import, check, fifteen minutes of max-wave; then training, export and serving.

`make test` drives every oddity and some of the others and takes four through the second half, `make matrix` all of
them through both.
"""

import json
import os
import re

import pytest
from typer.testing import CliRunner

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.cli.main import app
from leed_traffic.domain.plan import max_wave_plan

pytest.importorskip("libsumo", reason="SUMO is not installed")
from leed_traffic.simulation.env.episode import PlanController, run_episode
from leed_traffic.simulation.env.signal_env import SignalEnv
from leed_traffic.simulation.scenario.check import check_scenario, try_out
from leed_traffic.simulation.scenario.config import ImportConfig
from leed_traffic.simulation.scenario.importing import import_scenario
from tests.networks.generated import GENERATED
from tests.networks.oddities import ODDITIES

pytestmark = [pytest.mark.sumo, pytest.mark.slow]

NETWORKS = GENERATED | ODDITIES
WHOLE_VARIABLE = "LEED_MATRIX"  # `full`: every network is driven, trained on and served
IS_FULL = os.environ.get(WHOLE_VARIABLE) == "full"
DRIVEN = list(NETWORKS) if IS_FULL else [*list(GENERATED)[::4], *ODDITIES]
TRAINED = (
    list(NETWORKS) if IS_FULL else ["random, two lanes", "nema_with_lefts", "weekly_plan", "buses_and_a_tram"]
)
HOUR_S = 120  # of the training's short hours
BUSY = {"links_that_share_a_lane"}  # one lane serves two stages: full whatever the controller


def bring_in(name, folder):
    source = folder / "source"
    source.mkdir()
    return import_scenario(ImportConfig(source=NETWORKS[name](source), out=folder / "town"))


@pytest.mark.parametrize("name", DRIVEN)
def test_a_network_imports_and_max_wave_drives_it_without_an_unsafe_change(name, tmp_path):
    bring_in(name, tmp_path)
    scenario = load_scenario(str(tmp_path / "town"))
    document, network = check_scenario(scenario, seed=1)
    assert {signal.id for signal in document.signals} == {i.id for i in network.intersections}
    assert all(left.reason for left in document.left_alone)
    assert try_out(scenario, 1) == scenario.begin_s + 300.0
    plans = {i.id: max_wave_plan(i.id) for i in network.intersections}
    with SignalEnv(scenario, network, load_site(None, scenario, network), record=tmp_path / "record") as env:
        score = run_episode(env, PlanController(plans), seed=1).score
    assert (score.unsafe_changes, score.teleports) == (0, 0)
    assert score.finished > (0.3 if name in BUSY else 0.5) * score.scheduled


@pytest.mark.parametrize("name", TRAINED)
def test_policies_are_trained_exported_and_served_on_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bring_in(name, tmp_path)
    recipe = tmp_path / "town" / "scenario.toml"
    begin_s = load_scenario(str(tmp_path / "town")).begin_s
    recipe.write_text(re.sub(r"end_s = [\d.]+", f"end_s = {begin_s + HOUR_S}", recipe.read_text()))
    run("train", tmp_path / "town", "--out", tmp_path / "run", "--episodes", "2", "--workers", "0")
    run("export", tmp_path / "run", "--out", tmp_path / "bundle")
    served = json.loads(run("serve", tmp_path / "bundle", "--scenario", tmp_path / "town", "--json"))
    assert (served["violations"], served["latched"]) == ([], {})
    assert served["decisions"] >= HOUR_S / 5 - 2


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
