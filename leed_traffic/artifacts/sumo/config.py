"""Contents of a `.sumocfg`: its net, demand and hour, and the options that shape the traffic.

Outputs are left behind. What else becomes of each option is in `sumo_option_table`.
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.artifacts.sumo.option_table import NO_MATTER, OURS, REFUSED, SYNONYMS, TAKEN
from leed_traffic.artifacts.sumo.time import clock_seconds
from leed_traffic.artifacts.xml_file import UNREADABLE, open_plain_or_gzip, parse
from leed_traffic.errors import ScenarioError

DEFAULT_HOUR_S = 3600.0  # a configuration without an end runs until it is empty; a measured hour cannot
# Of what we set ourselves: what a configuration may well name, for it is the same in every run.
_UNSAID = frozenset(
    {"net-file", "route-files", "additional-files", "begin", "end", "step-length", "seed", "threads"}
)
_YES = ("1", "yes", "true", "on", "x", "t")
_NO = ("0", "no", "false", "off", "-", "f")  # SUMO's words
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SumoConfig:
    """The part of a `.sumocfg` that decides what drives where, and when."""

    net_file: Path
    route_files: tuple[Path, ...]
    additional_files: tuple[Path, ...]
    begin_s: float
    end_s: float  # an hour after the begin where the file names no end
    names_end: bool
    step_length_s: float
    options: tuple[str, ...]  # option and value in turn
    set_aside: tuple[str, ...]  # options that every run of ours sets in its own way, as `name=value`


def read_sumo_config(path: Path) -> SumoConfig:
    """Read a SUMO configuration, with long option names or their synonyms, paths relative to the file.

    Raises:
        ScenarioError: the file is missing or broken, names no net, or an option that is refused, unknown or makes
            no sense.
    """
    values = _values(path)
    if not values.get("net-file"):
        raise ScenarioError(f"{path}: names no net-file")
    begin_s = _seconds(path, "begin", values.get("begin", "0"))
    end_s = _seconds(path, "end", values.get("end", "-1"))
    return SumoConfig(
        net_file=_paths(path, values["net-file"])[0],
        route_files=_paths(path, values.get("route-files", "")),
        additional_files=_paths(path, values.get("additional-files", "")),
        begin_s=begin_s,
        end_s=begin_s + DEFAULT_HOUR_S if end_s == -1.0 else end_s,
        names_end=end_s != -1.0,
        step_length_s=_seconds(path, "step-length", values.get("step-length", "1")),
        options=_taken(path, values),
        set_aside=tuple(f"{name}={value}" for name, value in sorted(values.items()) if name in OURS - _UNSAID),
    )


def check_taken(where: Path, name: str, value: str) -> None:
    """Hold an option that shapes the traffic to the table.

    Raises:
        ScenarioError: it is none of those that are taken, or its value is none.
    """
    kind = TAKEN.get(name)
    if kind is None:
        raise ScenarioError(f"{where}: {name} is no option that shapes the traffic; take it out")
    is_sound = {
        "flag": value.lower() in (*_YES, *_NO),
        "number": _is_number(value),
        "time": clock_seconds(value) is not None,
        "word": "\n" not in value and "\0" not in value,
    }[kind]
    if not is_sound:
        raise ScenarioError(
            f"{where}: {name} is {value!r}, expected a {kind}{' (true or false)' if kind == 'flag' else ''}"
        )


def _values(path: Path) -> dict[str, str]:
    """Options that the file sets, by its long name: its value is an attribute, else its text."""
    try:
        with open_plain_or_gzip(path) as stream:
            root = parse(stream)
    except OSError as err:
        raise ScenarioError(f"{path}: cannot be read ({err.strerror or err})") from err
    except UNREADABLE as err:
        raise ScenarioError(f"{path}: broken XML ({err})") from err
    values = {}
    for item in root.iter():
        value = item.get("value", item.get("v", item.text or "")).strip()
        if value:
            values[SYNONYMS.get(item.tag, item.tag)] = value
    return values


def _paths(config: Path, text: str) -> tuple[Path, ...]:
    """A list of files, relative to the configuration; `${NAME}` stands for a variable of the environment."""
    paths: list[Path] = []
    alone = config.parent / _VARIABLE.sub(_variable, text)
    for name in [text] if alone.is_file() else text.split(","):
        whole = config.parent / _VARIABLE.sub(_variable, name.strip())
        # SUMO once parted lists at semicolons, too; today one may be part of a name
        names = [name] if whole.is_file() else name.split(";")
        paths += [config.parent / _VARIABLE.sub(_variable, part.strip()) for part in names if part.strip()]
    return tuple(paths)


def _variable(found: re.Match[str]) -> str:
    return os.environ.get(found[1], found[0])


def _seconds(config: Path, option: str, text: str) -> float:
    seconds = clock_seconds(text)
    if seconds is None:
        raise ScenarioError(f"{config}: {option} is {text!r}, expected seconds or H:M:S")
    return seconds


def _taken(config: Path, values: dict[str, str]) -> tuple[str, ...]:
    """The options that shape the traffic, option and value in turn."""
    kept: list[str] = []
    for name, value in sorted(values.items()):
        if name in TAKEN:
            check_taken(config, name, value)
            kept += [f"--{name}", value]
        elif name in REFUSED:
            default, reason = REFUSED[name]
            if not _same(value, default):
                raise ScenarioError(
                    f"{config}: {name} = {value} is not supported: {reason}; take it out of the configuration"
                )
        elif name not in OURS | NO_MATTER:
            raise ScenarioError(f"{config}: {name} is no option of SUMO 1.28; correct its name or take it out")
    return tuple(kept)


def _same(value: str, default: str) -> bool:
    if default == "false":
        return value.lower() in _NO
    return value == default or (_is_number(value) and _is_number(default) and float(value) == float(default))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False
