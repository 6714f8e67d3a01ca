import json
from dataclasses import replace

import pytest
from typer import Typer
from typer.testing import CliRunner

from leed_traffic.artifacts.demonstrations import write_demonstrations
from leed_traffic.cli.bundle import app as bundle_app
from leed_traffic.cli.train import export_command, train_command
from leed_traffic.errors import DemonstrationError, LeedError, MismatchError, TrainingError, UsageError
from tests.train.fakes import demonstrations
from tests.train.test_run import run as train_a_fake

app = Typer()
app.command("train")(train_command)
app.command("export")(export_command)


def run(*words, commands=app):
    return CliRunner().invoke(commands, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--episodes", "-1"), "--episodes -1: need at least 0"),
        (("--gamma", "1"), "--gamma 1.0: need less than 1"),
        (
            ("--episodes", "7", "--episodes-per-update", "4"),
            "--episodes 7: need a multiple of --episodes-per-update, 4",
        ),
        (("--address", "a:1"), "--address a:1: needs the backend ray, got local"),
        (("--cloning-steps", "0", "--episodes", "0"), "nothing to do: no demonstrations to clone and no episodes"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(tmp_path, words, line):
    with pytest.raises(UsageError) as caught:
        run("train", "crossing", "--out", tmp_path / "run", *words)
    assert str(caught.value) == line
    assert not (tmp_path / "run").exists()


@pytest.mark.sumo
def test_demonstrations_that_are_missing_or_for_another_network_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(DemonstrationError, match="no such folder"):
        run("train", "crossing", "--out", tmp_path / "run", "--demonstrations", tmp_path / "none")
    write_demonstrations(tmp_path / "demos", demonstrations())
    with pytest.raises(MismatchError, match="made on fake for network"):
        run("train", "crossing", "--out", tmp_path / "run", "--demonstrations", tmp_path / "demos")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "is_told"), [((), True), (("--spread", "0.1"), False)])
def test_whoever_trains_on_one_day_alone_is_told(tmp_path, words, is_told):
    (tmp_path / "town.net.xml").write_text("<net/>")
    (tmp_path / "town.sumocfg").write_text('<configuration><n value="town.net.xml"/></configuration>')
    words = ("train", str(tmp_path / "town.sumocfg"), "--out", str(tmp_path / "run"), *words)
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, LeedError)  # a net without a signal: nothing is trained
    assert ("every hour drives the same day" in result.stderr) is is_told


@pytest.mark.parametrize(
    ("delay_s", "words", "is_told"), [(9.0, (), True), (9.0, ("--follow-worse-expert",), False), (1.0, (), False)]
)
def test_whoever_gives_a_bad_expert_is_told(tmp_path, delay_s, words, is_told):
    made = demonstrations()
    write_demonstrations(
        tmp_path / "demos", replace(made, manifest=made.manifest.model_copy(update={"delay_s": delay_s}))
    )
    words = (
        "train",
        "crossing",
        "--out",
        str(tmp_path / "run"),
        "--demonstrations",
        str(tmp_path / "demos"),
        *words,
    )
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, MismatchError)  # of another network: nothing is trained
    assert ("left aside" in " ".join(result.stderr.split())) is is_told


def test_a_run_is_exported_and_inspected_and_verified(tmp_path):
    train_a_fake(tmp_path / "run", episodes=0, dagger_rounds=0)
    exported = json.loads(run("export", tmp_path / "run", "--out", tmp_path / "b", "--json").stdout)
    assert exported["curve"][0]["phase"] == "clone"
    assert "validation delay" in run("export", tmp_path / "run", "--out", tmp_path / "b").stdout
    verified = json.loads(run("verify", tmp_path / "b", "--json", commands=bundle_app).stdout)
    assert (verified["policies"], verified["golden_vectors"]) == (2, 16)
    assert verified["digest"] == exported["bundle_digest"]
    assert "all as exported" in run("verify", tmp_path / "b", commands=bundle_app).stdout


def test_exporting_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="expected a folder written by `leedctl train`"):
        run("export", tmp_path, "--out", tmp_path / "b")
