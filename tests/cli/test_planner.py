from typer.testing import CliRunner

from leed_traffic.cli.main import app
from leed_traffic.errors import TrainingError, UsageError


def fault_of(*arguments):
    return CliRunner().invoke(app, ["planner", *map(str, arguments)]).exception


def test_lessons_that_are_missing_are_one_line_with_the_command_that_makes_them(tmp_path):
    fault = fault_of("train", tmp_path / "none.jsonl", "--out", tmp_path / "model")
    assert isinstance(fault, TrainingError)
    assert "run leedctl planner lessons" in str(fault)
    assert not (tmp_path / "model").exists()


def test_a_width_that_no_head_divides_is_refused(tmp_path):
    fault = fault_of("train", tmp_path / "none.jsonl", "--out", tmp_path / "model", "--hidden", 100)
    assert isinstance(fault, UsageError)
    assert "--hidden 100: need a multiple of 32" in str(fault)
