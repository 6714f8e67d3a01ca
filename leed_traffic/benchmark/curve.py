"""Learning curves against what they cost, and when the bar was reached and kept."""

from collections.abc import Sequence
from typing import NamedTuple

from leed_traffic.train.records.run_folder import MetricsRow, UnitTiming

TOLERANCE = 0.02  # over the bar; days differ by more than that between validation hours


class Point(NamedTuple):
    """One validation of the policies."""

    hours: float  # simulated so far: search, demonstrations, DAgger and on-policy episodes; validation not counted
    cpu_s: float  # spent so far, demonstrations included; validation not counted
    delay_s: float


def learning_curve(
    rows: Sequence[MetricsRow], timings: Sequence[UnitTiming], demonstrations_cpu_s: float
) -> list[Point]:
    """Validations of one run, in order.

    Args:
        rows: of the run; their simulated hours hold those behind the demonstrations.
        timings: one per row.
        demonstrations_cpu_s: what the demonstrations took.
    """
    points = []
    cpu_s = demonstrations_cpu_s
    for row, timing in zip(rows, timings, strict=True):
        cpu_s += timing.cpu_s
        if row.delay_s is not None:
            points.append(Point(row.simulated_hours, cpu_s, row.delay_s))
    return points


def reached(curve: Sequence[Point], bar_s: float) -> Point | None:
    """First validation at which the policies that would be exported are at the bar; None: never.

    What is exported is the best so far on the validation hours, so a bar once reached is kept by them.
    """
    return next((point for point in curve if point.delay_s <= bar_s * (1.0 + TOLERANCE)), None)


def reached_for_good(curve: Sequence[Point], bar_s: float) -> Point | None:
    """First validation from which on all are at the bar: the learning itself stays there; None: never."""
    first = None
    for point in reversed(curve):
        if point.delay_s > bar_s * (1.0 + TOLERANCE):
            break
        first = point
    return first
