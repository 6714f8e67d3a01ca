"""`leedctl doctor`: abilities of this machine, and packages to install for the rest."""

import os
import platform
import shutil
import socket
import sys
import tempfile
from importlib import metadata, util

import typer
from pydantic import BaseModel, ConfigDict

from leed_traffic.cli.terminal.output import JsonOption, print_json, print_table
from leed_traffic.errors import ExitCode

PARTS = {  # distributions that each part of the pipeline needs
    "core": ("numpy", "pydantic", "onnxruntime", "traci", "pyarrow"),
    "sim": ("eclipse-sumo", "libsumo", "sumolib", "pettingzoo", "matplotlib"),
    "train": ("torch", "onnx", "tensorboard"),
    "llm": ("openai", "vllm"),
    "cluster": ("ray",),
}
MODULE = {"eclipse-sumo": "sumo"}  # where it is not named as the distribution


class Check(BaseModel):
    """One line of the examination."""

    model_config = ConfigDict(extra="forbid")

    part: str
    what: str
    ok: bool
    found: str
    advice: str = ""


class Report(BaseModel):
    """Lines of the examination; `serves` says that a controller could run here."""

    model_config = ConfigDict(extra="forbid")

    checks: list[Check]
    can_serve: bool
    can_simulate: bool
    can_train: bool


def examine() -> Report:
    """Look at the interpreter, the packages, SUMO, the scenarios and the machine."""
    checks = [_python(), *_packages(), _sumo(), _scenarios(), _port(), _space(), _cores()]
    broken = {check.part for check in checks if not check.ok}
    return Report(
        checks=checks,
        can_serve="core" not in broken,
        can_simulate=not broken & {"core", "sim"},
        can_train=not broken & {"core", "sim", "train"},
    )


def doctor_command(
    as_json: JsonOption = False,
) -> None:
    """Examine this machine: packages, SUMO, scenarios, ports.

    Exit code 0 when a controller can be served from here, 2 when not.

    \b
    Examples:
      leedctl doctor
      leedctl doctor --json | jq .can_train
    """
    report = examine()
    if as_json:
        print_json(report)
    else:
        rows = [[c.part, c.what, "ok" if c.ok else "missing", c.found, c.advice] for c in report.checks]
        print_table("leedctl doctor", ["part", "what", "state", "found", "advice"], rows)
        yes = {True: "yes", False: "no"}
        print(
            f"serve: {yes[report.can_serve]}   simulate: {yes[report.can_simulate]}   train: "
            f"{yes[report.can_train]}"
        )
    if not report.can_serve:
        raise typer.Exit(ExitCode.USAGE)


def _python() -> Check:
    fine = sys.version_info >= (3, 11)
    return Check(
        part="core", what="python", ok=fine, found=platform.python_version(), advice="" if fine else "needs 3.11+"
    )


def _packages() -> list[Check]:
    checks = []
    for part, needs in PARTS.items():
        for distribution in needs:
            found = util.find_spec(MODULE.get(distribution, distribution)) is not None
            version = _version(distribution) if found else "-"
            advice = "" if found else f"pip install '.[{part}]'"
            if distribution == "vllm" and not found:
                advice = "only for language-model demonstrations in process; a GPU machine's own environment"
            checks.append(Check(part=part, what=distribution, ok=found, found=version, advice=advice))
    return checks


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown version"


def _sumo() -> Check:
    if util.find_spec("sumo") is None or util.find_spec("libsumo") is None:
        return Check(part="sim", what="SUMO runs", ok=False, found="-", advice="pip install '.[sim]'")
    from leed_traffic.simulation.sumo.engine import sumo_version

    same = _version("eclipse-sumo") == _version("libsumo")
    return Check(
        part="sim",
        what="SUMO runs",
        ok=True,
        found=sumo_version(),
        advice="" if same else "eclipse-sumo and libsumo differ in version: results differ between them",
    )


def _scenarios() -> Check:
    from leed_traffic.artifacts.scenario import list_scenarios

    names = [scenario.name for scenario in list_scenarios()]
    advice = "" if names else "run from the project's root or set LEED_SCENARIOS"
    return Check(part="sim", what="scenarios", ok=bool(names), found=", ".join(names) or "-", advice=advice)


def _port() -> Check:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as err:
            return Check(
                part="core", what="TCP on loopback", ok=False, found=str(err), advice="allow sockets on 127.0.0.1"
            )
    return Check(part="core", what="TCP on loopback", ok=True, found="free port")


def _space() -> Check:
    folder = tempfile.gettempdir()
    free_gb = shutil.disk_usage(folder).free / 1e9
    fine = free_gb > 1.0 and os.access(folder, os.W_OK)
    advice = "" if fine else "simulation outputs need about 1 GB of temporary space"
    return Check(part="core", what="temporary folder", ok=fine, found=f"{free_gb:.0f} GB free", advice=advice)


def _cores() -> Check:
    return Check(part="core", what="processors", ok=True, found=str(os.cpu_count() or 1))
