import json

import pytest
from typer.testing import CliRunner

from leed_traffic.cli.site import app
from leed_traffic.errors import SiteError

pytestmark = pytest.mark.sumo


@pytest.fixture(autouse=True)
def _needs_sumo():
    pytest.importorskip("sumolib", reason="SUMO is not installed")


def run(*words):
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_derive_prints_a_row_per_stage_and_writes_a_file_that_verify_reads(tmp_path):
    path = tmp_path / "site.toml"
    shown = run("derive", "crossing", "--out", str(path))
    assert shown.exit_code == 0
    assert [f"C {stage}" in shown.stdout for stage in range(4)] == [True] * 4
    derived = json.loads(run("derive", "crossing", "--json").stdout)
    verified = json.loads(run("verify", "crossing", "--site", str(path), "--json").stdout)
    assert (verified["site"], verified["digest"]) == ("site.toml", derived["digest"])
    assert (verified["violations"], verified["states"] > 10_000) == (0, True)


def test_verify_says_how_many_states_and_violations_there_are():
    shown = run("verify", "crossing", "--decision-interval", "1")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1].endswith("states, 0 violations")


def test_verify_of_the_net_s_own_clearances_says_that_no_floor_holds():
    shown = run("verify", "crossing", "--site", "as-net")
    assert shown.exit_code == 0
    assert "the floors of a reviewed site do not apply" in shown.stderr


def test_a_violation_is_printed_and_ends_with_exit_code_4(monkeypatch):
    from leed_traffic.domain.safety.verification import Verification

    broken = Verification(intersection="C", states=7, violations=("links 0 and 1 are foes and both G",))
    monkeypatch.setattr("leed_traffic.cli.site.verify_timing", lambda *_, **__: broken)
    shown = run("verify", "crossing")
    assert shown.exit_code == 4
    assert "links 0 and 1 are foes and both G" in shown.stdout


@pytest.mark.parametrize(
    ("interval", "complaint"), [("2.3", "need a multiple of the simulation step"), ("40", "decision interval")]
)
def test_a_decision_interval_that_does_not_fit_is_left_to_the_wrapper_as_a_site_error(interval, complaint):
    with pytest.raises(SiteError, match=complaint):
        run("verify", "crossing", "--decision-interval", interval)
