"""SUMO's own tools as this package starts them: the binaries of the wheel, and the Python scripts that come with it."""

import os
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from leed_traffic.errors import ScenarioError

TOOL_TIMEOUT_S = 600.0  # a city takes netconvert minutes
_NOISE = ("Traceback", "  ", "Quitting", "Warning", "pj_obj_create", "usage:")  # lines that explain nothing


class ToolKilledError(ScenarioError):
    """A tool of SUMO's did not end by itself: it crashed, or somebody ended it."""


def run_tool(name: str, options: Sequence[str], folder: Path) -> str:
    """Run a binary such as netconvert in a folder; return what it wrote to its error stream (its warnings).

    Raises:
        ScenarioError: it is not installed, refuses its input, or does not end.
        ToolKilledError: it died of a signal.
    """
    return _run(name, [_tool(name), *options], folder)


def run_script(name: str, options: Sequence[str], folder: Path) -> str:
    """Run one of SUMO's Python tools, such as `randomTrips.py`, in a folder; return what it wrote to its error stream.

    Raises:
        ScenarioError: SUMO is not installed, or the script refuses its input or does not end.
    """
    script = sumo_home() / "tools" / name
    if not script.is_file():
        raise ScenarioError(f"{script}: missing; pip install '.[sim]', whose SUMO brings its tools along")
    return _run(name, [sys.executable, str(script), *options], folder)


def sumo_home() -> Path:
    """Folder of SUMO's data and tools.

    Raises:
        ScenarioError: SUMO is not installed.
    """
    try:
        import sumo
    except ModuleNotFoundError:
        if home := os.environ.get("SUMO_HOME"):
            return Path(home)
        raise ScenarioError("SUMO is not installed; pip install '.[sim]', or set SUMO_HOME") from None
    return Path(sumo.SUMO_HOME)


def write_xml(path: Path, root: ET.Element) -> None:
    """Write an element, indented; the same element gives the same bytes."""
    ET.indent(root)
    path.write_text(ET.tostring(root, encoding="unicode") + "\n", encoding="utf-8")


def _run(name: str, command: Sequence[str], folder: Path) -> str:
    home = sumo_home()
    place = {
        "SUMO_HOME": str(home),
        "PROJ_DATA": str(home / "data" / "proj"),
        "PROJ_LIB": str(home / "data" / "proj"),
    }
    try:
        ran = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT_S,
            check=False,
            env={**os.environ, **place},
        )
    except subprocess.TimeoutExpired as err:
        raise ScenarioError(f"{name}: no answer within {TOOL_TIMEOUT_S:.0f} s") from err
    except OSError as err:
        raise ScenarioError(f"{name}: cannot be started ({err.strerror or err}); pip install '.[sim]'") from err
    if ran.returncode < 0:
        raise ToolKilledError(
            f"{name} was killed by {_signal_name(-ran.returncode)}{_whose_fault(-ran.returncode)}"
        )
    if ran.returncode != 0:
        raise ScenarioError(f"{name} refused its input (exit code {ran.returncode}): {_complaint(ran.stderr)}")
    return ran.stderr


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _whose_fault(number: int) -> str:
    """Advice: what a reader should make of it, and do."""
    if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return ": somebody ended it, or the memory was used up; try again with more memory, or with a smaller part of the network"
    return " (a fault of its own, not a refusal): this input makes it crash; try a smaller part of it, or another version of SUMO"


def _complaint(text: str) -> str:
    """The line that says what is wrong: the first that begins with Error, else the last that is no noise."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_NOISE)]
    found = next((line for line in lines if line.startswith("Error")), lines[-1] if lines else "no reason given")
    return found.removeprefix("Error:").strip()


def _tool(name: str) -> str:
    """The binary of the SUMO wheel, else the one on PATH."""
    beside = sumo_home() / "bin" / name
    if beside.is_file():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise ScenarioError(f"{name} is not installed; pip install '.[sim]'")
    return found
