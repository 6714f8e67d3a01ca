from dataclasses import replace

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import PlanError
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.one_run import RunTask, run_one
from leed_traffic.evaluate.records.recording import Plotted
from leed_traffic.simulation.env.env_spec import env_spec

pytestmark = pytest.mark.sumo
HORIZON_S = 120.0


@pytest.fixture(scope="module")
def setting():
    spec = env_spec(load_scenario("crossing"))
    return replace(spec, scenario=replace(spec.scenario, end_s=spec.scenario.begin_s + HORIZON_S))


@pytest.mark.parametrize("word", ["fixed", "max-wave", "webster"])
def test_a_run_is_scored_on_every_figure_whoever_drives(setting, word):
    (choice,) = parse_controllers(word)
    run = run_one(RunTask(choice=choice, seed=7, setting=setting))
    assert (run.controller, run.seed) == (word, 7)
    assert run.departed + run.never_departed == run.scheduled > 0
    assert (run.unsafe_changes, run.limit_breaks) == (0, ())
    assert [local.intersection for local in run.intersections] == ["C"]
    assert (dict(run.timeline), run.recording) == ({}, None)


def test_a_run_is_recorded_where_a_report_draws_it_and_is_the_same_run(setting):
    task = RunTask(choice=Choice(kind=ControllerKind.MAX_WAVE), seed=7, setting=setting)
    window_s = (setting.scenario.begin_s, setting.scenario.end_s)
    drawn = run_one(replace(task, plotted=Plotted(intersections=("C",), corridor=None, window_s=window_s)))
    plain = run_one(task)
    assert replace(drawn, intersections=()) == replace(plain, intersections=())  # drawing changes nothing
    assert drawn.intersections[0].delay_s == pytest.approx(
        plain.intersections[0].delay_s, abs=0.001
    )  # by interval
    assert drawn.recording is not None
    assert set(drawn.recording.states) == {"C"}
    assert drawn.timeline["C"][-1].end_s == setting.scenario.end_s


def test_only_a_shadow_pair_has_tallies(setting):
    (pair,) = parse_controllers("shadow:max-wave+sotl")
    run = run_one(RunTask(choice=pair, seed=7, setting=setting))
    assert [tally.intersection for tally in run.tallies] == ["C"]


def test_an_error_names_the_controller_and_the_seed(setting, tmp_path):
    (choice,) = parse_controllers(f"plan:{tmp_path}")
    with pytest.raises(PlanError, match=f"^plan:{tmp_path} on seed 7: "):
        run_one(RunTask(choice=choice, seed=7, setting=setting))
