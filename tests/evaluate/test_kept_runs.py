import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import load_site
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.domain.priority import PriorityRule
from leed_traffic.domain.road_users import Weights
from leed_traffic.evaluate import compare as comparing
from leed_traffic.evaluate.compare import compare
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
from leed_traffic.evaluate.exports import write_results
from leed_traffic.evaluate.kept_runs import RUNS_NAME, KeptRuns, digest_of
from leed_traffic.evaluate.one_run import RunTask
from leed_traffic.evaluate.records.recording import Plotted
from leed_traffic.simulation.network.network_import import import_network

from .conftest import make_run, make_timeline

pytestmark = pytest.mark.sumo
SCENARIO = load_scenario("crossing")
NETWORK = import_network(SCENARIO.net_file)
RULE = PriorityRule(classes=("bus",), reach_m=100.0, max_extension_s=10.0, keep_green_s=8.0, lockout_s=60.0)


def task(**changes) -> RunTask:
    site = load_site(None, SCENARIO, NETWORK)
    base = RunTask(
        choice=Choice(kind=ControllerKind.FIXED), seed=1001, scenario=SCENARIO, network=NETWORK, site=site, decision_interval_s=5.0,
        reach_m=100.0,
    )  # fmt: skip
    return replace(base, **changes)


def test_a_run_is_found_again_as_it_was(tmp_path):
    kept = KeptRuns(tmp_path)
    run = make_run("fixed", 1001, 10.0, make_timeline())
    assert kept.find(task()) is None
    kept.keep(task(), run)
    found = kept.find(task())
    assert found == run
    assert found is not None
    assert dict(found.timeline) == make_timeline()


def test_a_damaged_file_is_run_again(tmp_path):
    kept = KeptRuns(tmp_path)
    kept.keep(task(), make_run("fixed", 1001, 10.0))
    (file,) = (tmp_path / RUNS_NAME).iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert kept.find(task()) is None


def test_every_input_of_a_run_decides_its_digest(tmp_path):
    plans = tmp_path / "plans.json"
    digests = {digest_of(task())}
    for changes in (
        {"seed": 1002},
        {"choice": Choice(kind=ControllerKind.ACTUATED)},
        {"decision_interval_s": 6.0},
        {"reach_m": 50.0},
        {"sensing": Sensing(miss=0.5)},
        {"plotted": Plotted(intersections=("C",), corridor=None, window_s=(0.0, 9.0))},
        {"scenario": replace(SCENARIO, end_s=SCENARIO.end_s - 1.0)},
        {"scenario": replace(SCENARIO, options=("--scale", "0.5"))},
        {"site": load_site("as-net", SCENARIO, NETWORK)},
        {"site": replace(task().site, priority=(RULE,))},
        {"site": replace(task().site, weights=Weights(persons=1.0))},
    ):
        digests.add(digest_of(task(**changes)))
    for reach_m in (50.0, 60.0):  # another content under the same name
        plans.write_text(f'{{"C": {max_wave_plan("C", reach_m=reach_m).model_dump_json()}}}')
        digests.add(digest_of(task(choice=Choice(kind=ControllerKind.PLAN, path=plans))))
    assert len(digests) == 14


def test_the_same_content_elsewhere_is_the_same_run(tmp_path):
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for file in files:
        file.write_text(f'{{"C": {max_wave_plan("C").model_dump_json()}}}')
    one, other = (task(choice=Choice(kind=ControllerKind.PLAN, path=file)) for file in files)
    assert digest_of(one) == digest_of(other)
    kept = KeptRuns(tmp_path)
    kept.keep(one, make_run(one.choice.name, 1001, 10.0))
    found = kept.find(other)
    assert found is not None
    assert found.controller == other.choice.name


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
    while time.monotonic() < until_s and child.poll() is None and len(list(runs.glob("*.json"))) < 2:
        time.sleep(0.002)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    n_kept = len(list(runs.glob("*.json")))
    assert 2 <= n_kept < 6
    simulated = []
    run_one = comparing.run_one
    monkeypatch.setattr(comparing, "run_one", lambda task: simulated.append(task) or run_one(task))
    told = []
    write_results(tmp_path / "cut", compare(config(tmp_path / "cut"), told.append))
    assert len(simulated) == 6 - n_kept
    assert len(told) == 6
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")
