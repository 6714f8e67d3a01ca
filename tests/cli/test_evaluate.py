import json

import pytest
from typer.testing import CliRunner

from leed_traffic.cli.evaluate import evaluate_command, print_comparison
from leed_traffic.cli.main import app
from leed_traffic.errors import UsageError
from leed_traffic.evaluate.config import EvaluateConfig
from leed_traffic.evaluate.results import Evaluation

LABELS = {"fixed": "fixed", "plan:x": "demonstrating plan"}
DELAYS = {"fixed": (150.0, 152.0, 154.0), "plan:x": (20.0, 1121.0, 22.0)}


@pytest.fixture
def fake_compare(monkeypatch, make_comparison):
    """Answers at once, and keeps the configuration that it was asked with."""
    asked: list[EvaluateConfig] = []

    def compare(config, on_run):
        asked.append(config)
        comparison = make_comparison(DELAYS)
        for run in comparison.runs:
            on_run(run)
        return comparison

    monkeypatch.setattr("leed_traffic.evaluate.compare.compare", compare)
    return asked


def run(*words: str):
    return CliRunner().invoke(app, ["evaluate", "crossing", *words])


def test_the_table_fits_into_120_columns(make_comparison, capsys):
    print_comparison(make_comparison(DELAYS), LABELS)
    out = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in out.splitlines()[:8]) <= 120
    assert "…" not in out
    assert "demonstrating plan" in out
    assert "1121.0" in out


def test_machines_get_one_document_on_stdout(fake_compare):
    result = run("--controllers", "fixed,plan:x", "--seeds", "3", "--json")
    assert result.exit_code == 0
    evaluation = Evaluation.model_validate(json.loads(result.stdout))
    assert [r.controller for r in evaluation.results] == ["fixed", "plan:x"]
    assert fake_compare[0].seeds == (1001, 1002, 1003)
    assert not fake_compare[0].keeps_timeline
    assert fake_compare[0].spread is None


def test_how_much_days_differ_can_be_asked_for_and_the_table_says_where_they_do_not(fake_compare):
    result = run("--controllers", "fixed,plan:x", "--seeds", "3", "--spread", "0.2")
    assert fake_compare[0].spread == 0.2
    assert "the same day every seed" in result.stdout  # of an evaluation that says nothing else
    assert str(run("--spread", "2").exception) == "--spread 2.0: need at most 1"


def test_people_get_a_table_a_verdict_and_the_files_that_they_asked_for(fake_compare, tmp_path):
    result = run(
        "--controllers", "fixed,plan:x", "--report", str(tmp_path / "r.html"), "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 0
    assert "Not distinguishable" in result.stdout
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        "limit_breaks.csv", "limit_breaks.parquet", "per_class.csv", "per_class.parquet", "per_intersection.csv",
        "per_intersection.parquet", "per_seed.csv", "per_seed.parquet", "program_cycles.csv", "program_cycles.parquet",
        "r.html", "results.json",
    ]  # fmt: skip
    assert fake_compare[0].keeps_timeline


def test_an_unknown_controller_is_refused_before_anything_runs(fake_compare):
    result = run("--controllers", "fixed,wizard")
    assert isinstance(result.exception, UsageError)
    assert "known: as-is, fixed, actuated" in str(result.exception)
    assert fake_compare == []


@pytest.mark.parametrize("words", [("--decision-interval", "0"), ("--seeds", "7,7")])
def test_settings_that_make_no_sense_are_refused_in_one_line(fake_compare, words):
    result = run(*words)
    assert isinstance(result.exception, UsageError)
    assert "\n" not in str(result.exception)
    assert fake_compare == []


def test_the_help_shows_examples():
    assert "Examples:" in (evaluate_command.__doc__ or "")
    assert run("--help").exit_code == 0


def test_a_report_that_cannot_be_written_is_refused_before_the_first_hour(fake_compare, tmp_path):
    result = run("--controllers", "fixed,plan:x", "--report", str(tmp_path))
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == f"--report {tmp_path}: is a folder; give another place"
    assert fake_compare == []


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_was_found_is_told_though_the_report_fails_in_the_end(fake_compare, tmp_path, monkeypatch, words):
    def fail(*_):
        raise UsageError("the disk is full")

    monkeypatch.setattr("leed_traffic.evaluate.report.report.write_report", fail)
    result = run("--controllers", "fixed,plan:x", "--report", str(tmp_path / "r.html"), *words)
    assert result.exit_code != 0
    assert "152.0" in result.stdout
