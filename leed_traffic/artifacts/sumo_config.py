"""What a `.sumocfg` says about its net, demand and hour; its output and teleport settings are left behind."""

import os
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.errors import ScenarioError

DEFAULT_HOUR_S = 3600.0  # a configuration without an end runs until it is empty; a measured hour cannot
SYNONYMS = {
    "n": "net-file",
    "net": "net-file",
    "r": "route-files",
    "routes": "route-files",
    "a": "additional-files",
    "additional": "additional-files",
    "b": "begin",
    "e": "end",
}
# Options that change how vehicles move, and neither what is written nor what we set ourselves.
DYNAMICS = frozenset(
    {
        "lateral-resolution",
        "scale",
        "ignore-route-errors",
        "ignore-junction-blocker",
        "ignore-accidents",
        "step-method.ballistic",
        "no-internal-links",
        "max-num-vehicles",
        "eager-insert",
        "sloppy-insert",
        "emergency-insert",
        "random-depart-offset",
        "extrapolate-departpos",
        "time-to-impatience",
        "scale-suffix",
        "pedestrian.model",
        "routing-algorithm",
        "junction-taz",
        "parking.maneuver",
        "railsignal-moving-block",
    }
)
DYNAMICS_PREFIXES = (
    "default.",
    "device.rerouting.",
    "device.driverstate.",
    "device.taxi.",
    "device.bluelight.",
    "mapmatch.",
    "pedestrian.",
    "persontrip.",
    "tls.actuated.",
    "tls.delay_based.",
    "weights.",
)
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


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


def read_sumo_config(path: Path) -> SumoConfig:
    """Read a SUMO configuration, with long option names or their synonyms, paths relative to the file.

    Raises:
        ScenarioError: the file is missing or broken, or names no net.
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
        options=_dynamics(values),
    )


def _values(path: Path) -> dict[str, str]:
    """Every option that the file sets, by its long name."""
    try:
        root = ET.parse(path).getroot()
    except OSError as err:
        raise ScenarioError(f"{path}: cannot be read ({err.strerror or err})") from err
    except (ET.ParseError, LookupError, ValueError) as err:
        raise ScenarioError(f"{path}: broken XML ({err})") from err
    values = {}
    for item in root.iter():
        value = item.get("value", item.get("v"))
        if value is not None:
            values[SYNONYMS.get(item.tag, item.tag)] = value.strip()
    return values


def _paths(config: Path, text: str) -> tuple[Path, ...]:
    """A list of files, relative to the configuration; `${NAME}` stands for a variable of the environment."""
    names = (part.strip() for part in re.split("[,;]", text))
    return tuple(config.parent / _VARIABLE.sub(_variable, name) for name in names if name)


def _variable(found: re.Match[str]) -> str:
    return os.environ.get(found[1] or found[2], found[0])


def _seconds(config: Path, option: str, text: str) -> float:
    """Seconds, or [days:]hours:minutes:seconds."""
    units = (1.0, 60.0, 3600.0, 86400.0)
    parts = text.split(":")
    try:
        if len(parts) not in {1, 3, 4}:
            raise ValueError(text)
        return sum(float(part) * unit for part, unit in zip(reversed(parts), units, strict=False))
    except ValueError as err:
        raise ScenarioError(f"{config}: {option} is {text!r}, expected seconds or H:M:S") from err


def _dynamics(values: dict[str, str]) -> tuple[str, ...]:
    kept: list[str] = []
    for name, value in sorted(values.items()):
        if name in DYNAMICS or (name.startswith(DYNAMICS_PREFIXES) and not name.endswith(("output", "trace"))):
            kept += [f"--{name}", value]
    return tuple(kept)
