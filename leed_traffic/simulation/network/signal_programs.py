"""The program that each signal runs by itself: the last one loaded, or the one that a weekly plan (SUMO's WAUT) puts in force.

Files are read as SUMO reads them: the net, then the additional files in their order, included files where they are
included. A program, or a signal's place in a plan, is in force until the next one is met; a program without phases
sets the offset of one that is there. A WAUT would take a signal away from us in the middle of a run; the program
in force at the scenario's begin stands for all of it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.sumo.time import BEGIN, clock_seconds
from leed_traffic.artifacts.sumo.weekly_plan import program_in_force
from leed_traffic.artifacts.xml_file import elements
from leed_traffic.domain.network import OwnPhase
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.network.nema import NemaPhase, ring_program

_OFF = str.maketrans("oO", "gg")  # a link switched off for good inside a running program: vehicles pass and yield
NAMELESS = "<unknown>"  # SUMO's name for a program without one
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
    programs: dict[tuple[str, str], Program] = {}  # by signal and name
    in_force: dict[str, tuple[str, str]] = {}  # by signal: the program's name, and what to say of it
    plans: dict[str, str] = {}  # the program in force of each weekly plan
    for path in files:
        for item in elements(path, ("tlLogic", "WAUT", "wautJunction")):
            if item.tag == "WAUT":
                plans[item.get("id", "")] = program_in_force(path, item, begin_s)
            elif item.tag == "wautJunction":
                signal = item.get("junctionID", "")
                plan = item.get("wautID", "")
                if (signal, plans.get(plan, "")) in programs:
                    said = f"program {plans[plan]}, in force at {begin_s:g} s, stands for the whole run"
                    in_force[signal] = plans[plan], f"follows the weekly plan {plan}: {said}"
            else:
                _load(path, item, begin_s, programs, in_force)
    running = {signal: (programs[signal, name], note) for signal, (name, note) in in_force.items()}
    return {signal: replace(program, note=note or program.note) for signal, (program, note) in running.items()}


def _load(
    path: Path,
    item: ET.Element,
    begin_s: float,
    programs: dict[tuple[str, str], Program],
    in_force: dict[str, tuple[str, str]],
) -> None:
    """Put a program in force, or, without phases, set the offset of one that is there."""
    signal = item.get("id", "")
    name = item.get("programID", NAMELESS)
    if item.find("phase") is not None or name == "off":
        programs[signal, name] = _program(path, item, begin_s)
        in_force[signal] = name, ""
    elif (signal, name) in programs:
        programs[signal, name] = replace(programs[signal, name], offset_s=_offset_s(path, item, begin_s))


def _program(path: Path, item: ET.Element, begin_s: float) -> Program:
    try:
        phases = _phases(item)
        note = "the order in which its phases name their next is not followed" if _jumps(item) else ""
        if item.get("type") == "NEMA":
            paired = ring_program(
                _ring_phases(item), {p.get("key", ""): p.get("value", "") for p in item.iter("param")}
            )
            note = "" if paired else "a NEMA program without two rings: its phases are stages one by one"
            phases = paired or phases
    except ValueError as err:
        raise ScenarioError(f"{path}: signal {item.get('id')}: a program that makes no sense ({err})") from err
    return Program(
        id=item.get("programID", NAMELESS),
        type=item.get("type", "static"),
        offset_s=_offset_s(path, item, begin_s),
        phases=_normalised(phases),
        note=note,
    )


def _offset_s(path: Path, item: ET.Element, begin_s: float) -> float:
    """Seconds, also as H:M:S; `begin` stands for the scenario's begin."""
    text = item.get("offset", "0")
    offset_s = begin_s if text == BEGIN else clock_seconds(text)
    if offset_s is None:
        raise ScenarioError(
            f"{path}: signal {item.get('id')}: the offset {text!r}, expected seconds, H:M:S or begin"
        )
    return offset_s


def _seconds(phase: ET.Element, name: str, usual_s: float) -> float:
    """A time of a phase, also as H:M:S."""
    text = phase.get(name)
    seconds = usual_s if text is None else clock_seconds(text)
    if seconds is None:
        raise ValueError(f"{name} is {text!r}, expected seconds or H:M:S")
    return seconds


def _phases(item: ET.Element) -> tuple[OwnPhase, ...]:
    return tuple(
        OwnPhase(state=p.get("state", ""), duration_s=_seconds(p, "duration", 0.0)) for p in item.iter("phase")
    )


def _jumps(item: ET.Element) -> bool:
    """Return whether a phase names another one as its next than the one after it."""
    following = [phase.get("next") for phase in item.iter("phase")]
    return any(names not in (None, str((k + 1) % len(following))) for k, names in enumerate(following))


def _ring_phases(item: ET.Element) -> list[NemaPhase]:
    return [
        NemaPhase(
            name=p.get("name", ""),
            state=p.get("state", ""),
            min_green_s=_seconds(p, "minDur", 5.0),
            max_green_s=_seconds(p, "maxDur", MOST_GREEN_S),
            yellow_s=_seconds(p, "yellow", 3.0),
            red_s=_seconds(p, "red", 2.0),
        )
        for p in item.iter("phase")
    ]


def _normalised(phases: Sequence[OwnPhase]) -> tuple[OwnPhase, ...]:
    """A phase in which some links are switched off and others are not shows the former as yielding green."""
    return tuple(p if set(p.state) <= set("oO") else replace(p, state=p.state.translate(_OFF)) for p in phases)
