import os

import pytest

from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo import tools as sumo_tools
from leed_traffic.simulation.sumo.tools import ToolKilledError, run_tool


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where a SUMO lies whose netconvert does what a test writes into it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sumo_tools, "sumo_home", lambda: tmp_path)
    return tmp_path


def install(home, script):
    program = home / "bin" / "netconvert"
    program.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(program, 0o755)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "SEGV",
            "netconvert was killed by SIGSEGV (a fault of its own, not a refusal): this input makes it crash; try",
        ),
        ("ABRT", "netconvert was killed by SIGABRT (a fault of its own, not a refusal)"),
        ("KILL", "netconvert was killed by SIGKILL: somebody ended it, or the memory was used up; try again"),
    ],
)
def test_a_tool_that_dies_of_a_signal_is_told_from_one_that_refuses(home, tmp_path, name, said):
    install(home, f"kill -{name} $$")
    with pytest.raises(ToolKilledError) as fault:
        run_tool("netconvert", [], tmp_path)
    assert said in str(fault.value)


def test_a_tool_that_refuses_is_told_with_its_reason(home, tmp_path):
    install(home, "echo 'Error: no such node' >&2; exit 1")
    with pytest.raises(ScenarioError, match=r"netconvert refused its input \(exit code 1\): no such node"):
        run_tool("netconvert", [], tmp_path)
