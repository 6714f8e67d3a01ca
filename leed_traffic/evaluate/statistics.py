"""Intervals over seeds, and which controllers a comparison can tell apart.

A seed is one draw of demand and drivers; every controller meets the same seeds, so two controllers are compared by
their paired differences, which are much narrower than the difference of their intervals suggests. Who is compared
with several others gets p-values adjusted for that (Holm 1979): among many pairs one would differ by chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# two-sided 95 % quantile of Student's t with 1 to 30 degrees of freedom (Student 1908; any table)
_T_95 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
SIGNIFICANCE = 0.05
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
    # Cornish-Fisher, error under 1e-4 from v = 31 on:
    # t = z + (z^3 + z) / (4 v) + (5 z^5 + 16 z^3 + 3 z) / (96 v^2)
    z = _Z_95
    v = float(degrees)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Mean of paired differences with its 95 % interval and two-sided p-value; None with a single seed."""

    mean: float
    low: float | None
    high: float | None
    p: float | None


def paired_difference(values: Sequence[float], base: Sequence[float]) -> PairedDifference:
    """Compare two controllers on the same seeds (Student's paired t test).

    Args:
        values: one figure per seed.
        base: the other's, in the same order.

    Raises:
        ValueError: the numbers of seeds differ, or there are none.
    """
    differences = [value - other for value, other in zip(values, base, strict=True)]
    mean, low, high = mean_interval(differences)
    if low is None or high is None:
        return PairedDifference(mean=mean, low=None, high=None, p=None)
    n = len(differences)
    half = (high - low) / 2.0
    if half == 0.0:
        return PairedDifference(mean=mean, low=low, high=high, p=1.0 if mean == 0.0 else 0.0)
    # t = mean / (s / sqrt(n)), and half = t_(0.975, n-1) s / sqrt(n)
    t = mean / (half / t_quantile_95(n - 1))
    return PairedDifference(mean=mean, low=low, high=high, p=two_sided_p(t, n - 1))


def two_sided_p(t: float, degrees: int) -> float:
    """Probability that |T| exceeds |t| for Student's t with so many degrees of freedom.

    The finite series for whole degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
    """
    if degrees < 1:
        raise ValueError(f"need at least 1 degree of freedom, got {degrees}")
    theta = math.atan(abs(t) / math.sqrt(degrees))
    cos2 = math.cos(theta) ** 2
    is_odd = degrees % 2 == 1
    # odd v:   A = 2/pi (theta + sin cos (1 + 2/3 cos^2 + ...))
    # even v:  A = sin (1 + 1/2 cos^2 + 3/8 cos^4 + ...)
    term = math.cos(theta) if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cos2 * (k - 1) / k
        total += term
    inside = math.sin(theta) * total
    if is_odd:
        inside = 2.0 / math.pi * (theta + inside)
    return max(0.0, 1.0 - inside)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted for their number: all claims under 5 % hold together with 95 % (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, k in enumerate(order):
        # p_(i) <- max over j <= i of (m - j + 1) p_(j), at most 1
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = highest
    return tuple(adjusted)


def compare_with(
    base: str, by_controller: Mapping[str, Sequence[float]]
) -> dict[str, tuple[PairedDifference, float | None]]:
    """Compare: every other controller's paired difference from one, with its p-value adjusted for all of them.

    Args:
        base: whom the others are compared with.
        by_controller: one figure per seed, the seeds in the same order for all.
    """
    found = {
        name: paired_difference(values, by_controller[base])
        for name, values in by_controller.items()
        if name != base
    }
    if any(difference.p is None for difference in found.values()):
        return {name: (difference, None) for name, difference in found.items()}
    adjusted = holm([difference.p or 0.0 for difference in found.values()])
    return {name: (difference, p) for (name, difference), p in zip(found.items(), adjusted, strict=True)}


def best_and_ties(by_controller: Mapping[str, Sequence[float]]) -> tuple[str, tuple[str, ...]]:
    """The controller with the lowest mean, and those that these seeds cannot tell from it.

    Args:
        by_controller: one figure per seed, the seeds in the same order for all; lower is better.

    Returns:
        (best, ties): a tie is a controller whose paired difference from the best has a p-value over 5 %, adjusted
        for the number of controllers. With a single seed everybody is a tie.

    Raises:
        ValueError: nobody is compared, or the numbers of seeds differ.
    """
    if not by_controller or len({len(values) for values in by_controller.values()}) != 1:
        raise ValueError(
            f"need the same seeds for every controller, got {[len(v) for v in by_controller.values()]}"
        )
    best = min(by_controller, key=lambda name: math.fsum(by_controller[name]))
    found = compare_with(best, by_controller)
    return best, tuple(name for name, (_, p) in found.items() if p is None or p > SIGNIFICANCE)
