"""Weekly plans of signals (SUMO's WAUT): which program one puts in force at a time."""

import xml.etree.ElementTree as ET
from pathlib import Path

from leed_traffic.artifacts.sumo.time import clock_seconds
from leed_traffic.errors import ScenarioError


def program_in_force(path: Path, plan: ET.Element, begin_s: float) -> str:
    """The program that a WAUT element of a file puts in force at a time: that before its next switch, as SUMO counts.

    Raises:
        ScenarioError: it tells a time that is none.
    """

    def seconds(text: str) -> float:
        if (time_s := clock_seconds(text)) is None:
            raise ScenarioError(
                f"{path}: weekly plan {plan.get('id')}: the time {text!r}, expected seconds or H:M:S"
            )
        return time_s

    reference_s = seconds(plan.get("refTime", "0"))
    switches = [
        (reference_s + seconds(item.get("time", "0")), item.get("to", "")) for item in plan.iter("wautSwitch")
    ]
    coming = [(time_s, k) for k, (time_s, _) in enumerate(switches) if time_s > begin_s]
    following = min(coming)[1] if coming else len(switches)
    return switches[following - 1][1] if following else plan.get("startProg", "")
