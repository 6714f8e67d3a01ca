import json

import pytest
import typer
from typer.testing import CliRunner

from leed_traffic.artifacts.demonstrations import read_manifest
from leed_traffic.cli.benchmark import benchmark_command
from leed_traffic.cli.generate import generate_command
from leed_traffic.errors import DemonstrationError, UsageError
from leed_traffic.generate.search.budget import SHORT_RUNS, least_runs
from tests.generate.chat_server import ChatServer, willing
from tests.short_scenario import shortened

app = typer.Typer()
app.command()(generate_command)


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("command", [generate_command, benchmark_command])
def test_the_help_says_how_much_a_search_needs(command):
    other = typer.Typer()
    other.command()(command)
    shown = CliRunner().invoke(other, ["--help"], env={"COLUMNS": "300"}).stdout.replace("│", " ")
    assert f"under {least_runs()} it spends {SHORT_RUNS}" in " ".join(shown.split())


@pytest.mark.sumo
def test_webster_prints_a_table_or_one_json_document(tmp_path):
    config = shortened("crossing", 120, tmp_path)
    common = (config, "--author", "webster", "--out", tmp_path / "d", "--seeds", "4-5", "--workers", 1)
    printed = call(*common)
    assert printed.exit_code == 0, printed.output
    assert "webster, coordinated" in printed.stdout
    assert "delay s (seeds 11, 12)" in printed.stdout
    manifest = json.loads(call(*common, "--json").stdout)
    assert manifest["seeds"] == [4, 5]
    assert manifest == read_manifest(tmp_path / "d").model_dump(mode="json")


def test_a_count_of_seeds_begins_at_one(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    result = call("crossing", "--out", tmp_path, "--seeds", "2")
    assert isinstance(result.exception, DemonstrationError)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seeds", "1001-1003"), "judge the policies"),
        (("--seeds", "0"), "names no seed"),
        (("--seeds", "many"), "expected a count"),
        (("--runs", "5"), "the search needs 6"),
        (("--runs", "0"), "need at least 1"),
        (("--url", "http://h/v1"), "belong to --author vllm, not to --author search"),
        (("--author", "vllm"), "name the model"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_line(tmp_path, arguments, words):
    result = call("crossing", "--out", tmp_path / "d", *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert not (tmp_path / "d").exists()


def test_an_unknown_author_is_refused():
    assert call("crossing", "--out", "d", "--author", "chatty").exit_code == 2


@pytest.mark.sumo
def test_a_models_run_prints_its_rounds_and_the_json_holds_its_record(tmp_path):
    common = (
        shortened("crossing", 120, tmp_path),
        "--author",
        "vllm",
        "--out",
        tmp_path / "d",
        "--seeds",
        1,
        "--workers",
        1,
        "--rounds",
        1,
        "--candidates",
        2,
    )
    with ChatServer(willing) as server:
        printed = call(*common, "--url", server.url, "--model", "tiny")
    assert printed.exit_code == 0, printed.output
    assert "plans by tiny" in printed.stdout
    document = json.loads(call(*common, "--replay", tmp_path / "d" / "transcripts.jsonl", "--json").stdout)
    assert document["model"] == "tiny"
    assert document["authorship"]["rounds"][0]["valid"] == 2
