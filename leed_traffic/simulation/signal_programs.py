"""The program that each signal runs by itself: the last one loaded, or the one that a weekly plan (SUMO's WAUT) puts in force.

A WAUT would take a signal away from us in the middle of a run; the program in force at the scenario's begin stands for all of
it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.sumo_time import BEGIN, clock_seconds, duration_seconds
from leed_traffic.artifacts.xml_file import top_level
from leed_traffic.domain.network import OwnPhase
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.nema import NemaPhase, ring_program

_OFF = str.maketrans("oO", "gg")  # a link switched off for good inside a running program: vehicles pass and yield
MOST_GREEN_S = 50.0  # s, netconvert's longest green of an actuated phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One signal program, clearances included."""

    id: str
    type: str
    offset_s: float
    phases: tuple[OwnPhase, ...]
    note: str = ""  # in what it is not run as it stands in the net


def read_programs(files: Iterable[Path], begin_s: float) -> dict[str, Program]:
    """The program in force at each signal when the scenario begins.

    Args:
        files: the net and the additional files, in SUMO's order.
        begin_s: the scenario's begin, for weekly plans.

    Raises:
        ScenarioError: a file cannot be read, or holds a program that makes no sense.
    """
    loaded: dict[str, dict[str, Program]] = {}
    in_force: dict[str, str] = {}  # the program of each weekly plan
    planned: list[tuple[str, str]] = []
    for path in files:
        for item in top_level(path):
            if item.tag == "WAUT":
                in_force[item.get("id", "")] = program_in_force(path, item, begin_s)
            elif item.tag == "wautJunction":
                planned.append((item.get("junctionID", ""), item.get("wautID", "")))
            elif item.tag == "tlLogic" and (item.find("phase") is not None or item.get("programID") == "off"):
                # one without phases adjusts one that is there
                program = _program(path, item, begin_s)
                programs = loaded.setdefault(item.get("id", ""), {})
                programs.pop(program.id, None)
                programs[program.id] = program
    running = {signal: list(programs.values())[-1] for signal, programs in loaded.items()}
    for signal, plan in planned:
        name = in_force.get(plan, "")
        if signal in loaded and name in loaded[signal]:
            note = f"follows the weekly plan {plan}: program {name}, in force at {begin_s:g} s, stands for the whole run"
            running[signal] = replace(loaded[signal][name], note=note)
    return running


def program_in_force(path: Path, plan: ET.Element, begin_s: float) -> str:
    """The program that a WAUT element of a file puts in force at a time.

    Raises:
        ScenarioError: it tells a time that is none.
    """

    def seconds(text: str) -> float:
        if (time_s := clock_seconds(text)) is None:
            raise ScenarioError(f"{path}: weekly plan {plan.get('id')}: the time {text!r}, expected seconds or H:M:S")
        return time_s

    reference_s, name = seconds(plan.get("refTime", "0")), plan.get("startProg", "")
    for switch in plan.iter("wautSwitch"):
        if reference_s + seconds(switch.get("time", "0")) <= begin_s:
            name = switch.get("to", "")
    return name


def _program(path: Path, item: ET.Element, begin_s: float) -> Program:
    try:
        phases, note = _phases(item), ""
        if item.get("type") == "NEMA":
            paired = ring_program(_ring_phases(item), {p.get("key", ""): p.get("value", "") for p in item.iter("param")})
            note = "" if paired else "a NEMA program without two rings: its phases are stages one by one"
            phases = paired or phases
        return Program(
            id=item.get("programID", ""),
            type=item.get("type", "static"),
            offset_s=begin_s if item.get("offset") == BEGIN else duration_seconds(item.get("offset", "0")),
            phases=_normalised(phases),
            note=note,
        )
    except ValueError as err:
        raise ScenarioError(f"{path}: signal {item.get('id')}: a program that makes no sense ({err})") from err


def _phases(item: ET.Element) -> tuple[OwnPhase, ...]:
    return tuple(
        OwnPhase(state=p.get("state", ""), duration_s=duration_seconds(p.get("duration", "0"))) for p in item.iter("phase")
    )


def _ring_phases(item: ET.Element) -> list[NemaPhase]:
    return [
        NemaPhase(
            name=p.get("name", ""),
            state=p.get("state", ""),
            min_green_s=duration_seconds(p.get("minDur", "5")),
            max_green_s=duration_seconds(p.get("maxDur", str(MOST_GREEN_S))),
            yellow_s=duration_seconds(p.get("yellow", "3")),
            red_s=duration_seconds(p.get("red", "2")),
        )
        for p in item.iter("phase")
    ]


def _normalised(phases: Sequence[OwnPhase]) -> tuple[OwnPhase, ...]:
    """A phase in which some links are switched off and others are not shows the former as yielding green."""
    return tuple(p if set(p.state) <= set("oO") else replace(p, state=p.state.translate(_OFF)) for p in phases)
