import json

import pytest
from typer.testing import CliRunner

from leed_traffic.benchmark.config import StudyConfig
from leed_traffic.benchmark.findings import StudyFindings
from leed_traffic.benchmark.learners import LEARNERS
from leed_traffic.cli.main import app
from leed_traffic.errors import UsageError

pytest.importorskip("torch", reason="torch is not installed")
FOUND = StudyFindings(
    training_seeds=1, evaluation_seeds=1, validation_seeds=1, episodes=2, long_episodes=None, search_runs=None,
    sumo_version="1.28.0", scenarios=(),
)  # fmt: skip


def run(*words):
    return CliRunner().invoke(app, ["benchmark", *map(str, words)])


def test_the_list_names_every_learner_and_leaves(tmp_path):
    shown = run("crossing", "--out", tmp_path / "study", "--list")
    assert shown.exit_code == 0
    assert all(learner.name in shown.stdout for learner in LEARNERS)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--learners", "leed,wizard"), "wizard"),
        (("--search-runs", "5"), "--search-runs 5: need at least 6"),
        (("--training-seeds", "0"), "--training-seeds 0: need at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path, words, line):
    error = run("crossing", "--out", tmp_path / "study", *words).exception
    assert isinstance(error, UsageError)
    assert line in str(error)
    assert "\n" not in str(error)


def test_several_scenarios_and_settings_reach_the_study_and_its_findings_are_one_document(tmp_path, monkeypatch):
    asked: list[StudyConfig] = []

    def study(config, on_step):
        asked.append(config)
        return FOUND

    monkeypatch.setattr("leed_traffic.benchmark.study.study", study)
    monkeypatch.setattr("leed_traffic.benchmark.page.write_pages", lambda out, found: None)
    shown = run(
        "crossing", "grid4x4", "--out", tmp_path, "--learners", "ippo", "--episodes", 2, "--workers", 3, "--json"
    )
    assert shown.exit_code == 0, shown.exception
    assert asked == [
        StudyConfig(scenarios=("crossing", "grid4x4"), out=tmp_path, learners="ippo", episodes=2, workers=3)
    ]
    assert json.loads(shown.stdout)["sumo_version"] == "1.28.0"
