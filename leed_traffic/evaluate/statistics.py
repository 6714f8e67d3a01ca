"""Intervals over seeds, and which controllers a comparison can tell apart.

A seed is one draw of demand and drivers; every controller meets the same seeds, so two controllers are compared by their paired
differences, which are much narrower than the difference of their intervals suggests.
"""

import math
from collections.abc import Mapping, Sequence

# two-sided 95 % quantile of Student's t with 1 to 30 degrees of freedom (Student 1908; any table)
_T_95 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
_Z_95 = 1.959964  # two-sided 95 % quantile of the normal distribution


def t_quantile_95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t.

    Args:
        degrees: of freedom, at least 1.

    Raises:
        ValueError: there is none for fewer.
    """
    if degrees < 1:
        raise ValueError(f"need at least 1 degree of freedom, got {degrees}")
    if degrees <= len(_T_95):
        return _T_95[degrees - 1]
    # t = z + (z^3 + z) / (4 v) + (5 z^5 + 16 z^3 + 3 z) / (96 v^2)   (Cornish-Fisher; error under 1e-4 from v = 31 on)
    z, v = _Z_95, float(degrees)
    return z + (z**3 + z) / (4.0 * v) + (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / (96.0 * v * v)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean and 95 % interval of one figure per seed.

    Args:
        values: at least one; a single one has no interval.

    Returns:
        (mean, low, high); low and high are None for a single value.

    Raises:
        ValueError: there are no values.
    """
    n = len(values)
    if n == 0:
        raise ValueError("need at least 1 value, got 0")
    mean = math.fsum(values) / n
    if n == 1:
        return mean, None, None
    # half = t_(0.975, n-1) s / sqrt(n)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = t_quantile_95(n - 1) * deviation / math.sqrt(n)
    return mean, mean - half, mean + half


def best_and_ties(by_controller: Mapping[str, Sequence[float]]) -> tuple[str, tuple[str, ...]]:
    """The controller with the lowest mean, and those that these seeds cannot tell from it.

    Args:
        by_controller: one figure per seed, the seeds in the same order for all; lower is better.

    Returns:
        (best, ties): a tie is a controller whose paired differences to the best have a 95 % interval that holds 0. With a
        single seed everybody is a tie.

    Raises:
        ValueError: nobody is compared, or the numbers of seeds differ.
    """
    if not by_controller or len({len(values) for values in by_controller.values()}) != 1:
        raise ValueError(f"need the same seeds for every controller, got {[len(v) for v in by_controller.values()]}")
    best = min(by_controller, key=lambda name: math.fsum(by_controller[name]))
    ties = []
    for name, values in by_controller.items():
        if name == best:
            continue
        _, low, _ = mean_interval([value - base for value, base in zip(values, by_controller[best], strict=True)])
        if low is None or low <= 0.0:
            ties.append(name)
    return best, tuple(ties)
