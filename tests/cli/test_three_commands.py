"""Covers `scenario import`, `train` and `serve` together."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leed_traffic.cli.main import app

TOWN = Path(__file__).parent.parent / "networks" / "town.osm.xml"


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.sumo
@pytest.mark.slow
def test_three_commands_lead_from_an_extract_to_a_policy_that_drives_its_signals(tmp_path, monkeypatch):
    pytest.importorskip("libsumo", reason="SUMO is not installed")
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    town, trained = tmp_path / "town", tmp_path / "run"
    assert "INVENTED" in run("scenario", "import", TOWN, "--out", town, "--end", "300")
    assert "2 policies" in run("train", town, "--out", trained, "--episodes", "4", "--workers", "0")
    served = run("serve", trained / "bundle", "--scenario", town)
    assert [word in served for word in ("monitor violations", "taken_over", "granted")] == [True] * 3
