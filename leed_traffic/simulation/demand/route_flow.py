"""A `flow` of a route file: how many set out between when, however it says so."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from leed_traffic.artifacts.sumo.time import BEGIN, clock_seconds, departure_seconds, duration_seconds

RATES = ("vehsPerHour", "personsPerHour", "perHour")
EVENTS = ("triggered", "containerTriggered", "now", "split")  # a flow that begins with one tells no time
FIGURES = ("begin", "end", "number", "period", "probability", *RATES)  # attributes that only flows have


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFlow:
    """So many vehicles or persons in [begin_s, end_s)."""

    begin_s: float
    end_s: float
    vehicles: float  # expected
    is_random: bool  # SUMO draws its departures, else they are evenly spaced


def read_flow(item: ET.Element, first_s: float, last_s: float) -> RouteFlow:
    """A `flow` or `personFlow` element.

    Args:
        item: the element.
        first_s: the begin of the simulation, where one begins that does not say so.
        last_s: the end of the simulation, where one ends that does not say so.

    Raises:
        ValueError: a figure is none.
    """
    period = item.get("period", "")
    begin_s = departure_seconds(item.get("begin", BEGIN), first_s)
    end_s = clock_seconds(item.get("end", str(last_s)))
    if begin_s is None or end_s is None:
        raise ValueError(
            f"begins at {item.get('begin')!r} and ends at {item.get('end')!r}, expected seconds or H:M:S"
        )
    per_s = _per_s(item, period)
    if (number := item.get("number")) is None:
        vehicles = (per_s if per_s is not None else 1.0 / 3600.0) * (end_s - begin_s)
    else:
        vehicles = float(number)
        if per_s:
            end_s = begin_s + vehicles / per_s
    return RouteFlow(
        begin_s=begin_s,
        end_s=max(begin_s, end_s),
        vehicles=max(0.0, vehicles),
        is_random=period.startswith("exp(") or "probability" in item.attrib,
    )


def _per_s(item: ET.Element, period: str) -> float | None:
    """Mean rate; None where the flow states none."""
    for name in RATES:
        if name in item.attrib:
            return float(item.attrib[name]) / 3600.0
    if "probability" in item.attrib:
        return float(item.attrib["probability"])
    if period.startswith("exp("):
        return float(period[4:-1])
    return 1.0 / duration_seconds(period) if period else None
