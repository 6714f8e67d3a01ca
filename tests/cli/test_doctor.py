import json
from importlib import util

import pytest
from typer.testing import CliRunner

from leed_traffic.cli import doctor, main

pytestmark = pytest.mark.sumo


def invoke(*arguments):
    return CliRunner().invoke(main.app, ["doctor", *arguments])


def test_the_doctor_finds_what_this_environment_has():
    result = invoke("--json")
    assert result.exit_code == 0
    report = doctor.Report.model_validate_json(result.output)
    assert report.can_serve
    assert report.can_simulate
    found = {check.what: check for check in report.checks}
    assert found["scenarios"].found == "arterial5, crossing, grid4x4"
    assert found["SUMO runs"].found.count(".") == 2


def test_the_doctor_says_how_to_get_what_is_missing(monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(
        doctor.util, "find_spec", lambda name: None if name in ("torch", "libsumo") else find(name)
    )
    report = json.loads(invoke("--json").output)
    assert (report["can_serve"], report["can_simulate"], report["can_train"]) == (True, False, False)
    advice = {check["what"]: check["advice"] for check in report["checks"]}
    assert advice["torch"] == "pip install '.[train]'"
    assert advice["libsumo"] == advice["SUMO runs"] == "pip install '.[sim]'"


def test_an_environment_that_cannot_serve_is_a_failure(monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(doctor.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    result = invoke()
    assert result.exit_code == 2
    assert "serve: no" in result.output


def test_the_advice_is_shown_with_its_square_brackets(monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(doctor.util, "find_spec", lambda name: None if name in ("openai", "torch") else find(name))
    shown = invoke().output
    assert "'.[llm]'" in shown
    assert "'.[train]'" in shown
