import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.evaluate import compare as comparing
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.exports import write_results
from leed_traffic.evaluate.kept_runs import RUNS_NAME, kept_runs, run_digest
from leed_traffic.evaluate.one_run import RunTask
from leed_traffic.evaluate.records.recording import Plotted
from leed_traffic.simulation.env.env_spec import env_spec

from .conftest import make_run, make_timeline

pytestmark = pytest.mark.sumo
SCENARIO = load_scenario("crossing")
SETTING = env_spec(SCENARIO)


def task(**changes) -> RunTask:
    base = RunTask(choice=Choice(kind=ControllerKind.FIXED), seed=1001, setting=SETTING)
    return replace(base, **changes)


def test_a_run_is_found_again_as_it_was(tmp_path):
    kept = kept_runs(tmp_path)
    run = make_run("fixed", 1001, 10.0, make_timeline())
    assert kept.find(run_digest(task())) is None
    kept.keep(run_digest(task()), run)
    found = kept.find(run_digest(task()))
    assert found == run
    assert found is not None
    assert dict(found.timeline) == make_timeline()


def test_without_a_folder_nothing_is_kept():
    kept = kept_runs(None)
    kept.keep(run_digest(task()), make_run("fixed", 1001, 10.0))
    assert kept.find(run_digest(task())) is None


def test_every_input_of_a_run_decides_its_digest(tmp_path):
    plans = tmp_path / "plans.json"
    digests = {run_digest(task())}
    for changes in (
        {"seed": 1002},
        {"choice": Choice(kind=ControllerKind.ACTUATED)},
        {"plotted": Plotted(intersections=("C",), corridor=None, window_s=(0.0, 9.0))},
        {"setting": replace(SETTING, decision_interval_s=6.0)},
    ):
        digests.add(run_digest(task(**changes)))
    for reach_m in (50.0, 60.0):  # another content under the same name
        plans.write_text(f'{{"C": {max_wave_plan("C", reach_m=reach_m).model_dump_json()}}}')
        digests.add(run_digest(task(choice=Choice(kind=ControllerKind.PLAN, path=plans))))
    assert len(digests) == 7


def test_the_same_content_elsewhere_is_the_same_run(tmp_path):
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for file in files:
        file.write_text(f'{{"C": {max_wave_plan("C").model_dump_json()}}}')
    one, other = (task(choice=Choice(kind=ControllerKind.PLAN, path=file)) for file in files)
    assert run_digest(one) == run_digest(other)


def test_a_kept_run_is_told_under_the_name_that_is_asked_for(tmp_path):
    names = []
    for name in ("a.json", "b.json"):
        file = tmp_path / name
        file.write_text(f'{{"C": {max_wave_plan("C").model_dump_json()}}}')
        asked = config(tmp_path / "out").model_copy(
            update={"controllers": parse_controllers(f"plan:{file}"), "seeds": (1001,), "horizon_s": 60.0}
        )
        names.append(compare(asked).evaluation.results[0].controller)
    assert names == [f"plan:{tmp_path / 'a.json'}", f"plan:{tmp_path / 'b.json'}"]
    assert len(list((tmp_path / "out" / RUNS_NAME).iterdir())) == 1


def config(out: Path) -> EvaluateConfig:
    return EvaluateConfig(
        scenario="crossing", controllers=parse_controllers("fixed,max-wave,sotl"), seeds=(1001, 1002), workers=0,
        horizon_s=120.0, out=out,
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_killed_evaluation_goes_on_and_writes_the_same_bytes(tmp_path, monkeypatch):
    write_results(tmp_path / "whole", compare(config(tmp_path / "whole")))
    code = (
        "import sys; from pathlib import Path; from tests.evaluate.test_kept_runs import config;"
        "from leed_traffic.evaluate.compare import compare; compare(config(Path(sys.argv[1])))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cut")], start_new_session=True)
    runs = tmp_path / "cut" / RUNS_NAME
    until_s = time.monotonic() + 60.0
    while time.monotonic() < until_s and child.poll() is None and len(list(runs.glob("*.json.gz"))) < 2:
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    n_kept = len(list(runs.glob("*.json.gz")))
    assert 2 <= n_kept < 6
    simulated = []
    run_one = comparing.run_one
    monkeypatch.setattr(comparing, "run_one", lambda task: simulated.append(task) or run_one(task))
    told = []
    write_results(tmp_path / "cut", compare(config(tmp_path / "cut"), told.append))
    assert len(simulated) == 6 - n_kept
    assert len(told) == 6
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")
