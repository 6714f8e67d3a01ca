"""Similarity of an agent's hour to the expert's, and the weight of the expert that follows from it.

    d = DTW(tau_a, tau_e) / path length                 on observations, which hold the stage, too
    sim = exp(-max(d / floor - 1, 0))                   floor: d between hours of the expert, per intersection
    gate = clip((R_E - R_A) / (m |R_E|), 0, 1)          "parity": 0 as soon as the agent earns as much
    gate = clip(1 + (R_E - R_A) / (m |R_E|), 0, 1)      "margin": 0 once the agent earns a share m more
    w = (1 - sim) gate                                  smoothed over updates, off below 1e-3

Public texts on LEED name similarity and a dynamic weight; these formulas are our reconstruction.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_POINTS = 180  # of a trajectory: 180 points of 20 s each cost 0.45 s for 144 intersections, 720 cost 12 s
BAND_SHARE = 0.1  # of the trajectory by which one hour may lag behind the other (Sakoe and Chiba 1978)
OFF_BELOW = 1e-3


class Gate(StrEnum):
    """Return at which the expert is left behind."""

    PARITY = "parity"
    MARGIN = "margin"
    NONE = "none"


def thin_out(observation: NDArray[np.floating], max_points: int = MAX_POINTS) -> Array:
    """(P, N, D) means over consecutive steps of (T, N, D), with P <= max_points; a rest at the end is left out."""
    t = len(observation)
    chunk = -(-t // max_points)
    points = t // chunk
    shape = (points, chunk, *observation.shape[1:])
    steps: Array = observation[: points * chunk].astype(np.float64)
    means: Array = steps.reshape(shape).mean(axis=1)
    return means


def dtw(a: Array, b: Array, *, band: int) -> Array:
    """(N,) dynamic time warping distance per step of its path, for N pairs at once (Sakoe and Chiba 1978).

    Walks the anti-diagonals i + j = k, each computed at once; three of them are held, never a whole matrix.

    Args:
        a: (T_a, N, D).
        b: (T_b, N, D).
        band: only pairs with |i - j T_a / T_b| <= band are matched; at least |T_a - T_b|, or no path exists.
    """
    t_a = len(a)
    t_b = len(b)
    n = a.shape[1]
    band = max(band, abs(t_a - t_b), 1)
    before: tuple[Array, Array] = _unreached(n, t_a)  # diagonal k - 2, indexed by i
    last: tuple[Array, Array] = _unreached(n, t_a)  # diagonal k - 1
    for k in range(t_a + t_b - 1):
        low = max(0, k - t_b + 1, -(-(k - band) // 2))
        high = min(k, t_a - 1, (k + band) // 2)
        now = _unreached(n, t_a)
        i = np.arange(low, high + 1)
        cost = np.sqrt(np.square(a[i] - b[k - i]).sum(axis=2)).T  # (N, cells)
        if k == 0:
            now[0][:, 1], now[1][:, 1] = cost[:, 0], 1.0
        else:
            # D(i, j) = c(i, j) + min(D(i-1, j-1), D(i-1, j), D(i, j-1)); column i + 1 holds i, column 0 is outside
            sums = np.stack([before[0][:, i], last[0][:, i], last[0][:, i + 1]])
            steps = np.stack([before[1][:, i], last[1][:, i], last[1][:, i + 1]])
            best = sums.argmin(axis=0)[None]
            now[0][:, i + 1] = cost + np.take_along_axis(sums, best, axis=0)[0]
            now[1][:, i + 1] = 1.0 + np.take_along_axis(steps, best, axis=0)[0]
        before = last
        last = now
    out: Array = last[0][:, t_a] / last[1][:, t_a]
    return out


def distances(a: NDArray[np.floating], references: list[Array]) -> Array:
    """(N,) mean distance of one hour (T, N, D) to thinned-out references."""
    points = thin_out(a)
    mean: Array = np.mean([dtw(points, b, band=_band(points)) for b in references], axis=0)
    return mean


def expert_floor(references: list[Array]) -> Array:
    """(N,) mean distance between the expert's hours on different seeds; up to fourfold by intersection."""
    pairs = [(a, b) for k, a in enumerate(references) for b in references[k + 1 :]]
    floor: Array = np.maximum(np.mean([dtw(a, b, band=_band(a)) for a, b in pairs], axis=0), 1e-6)
    return floor


def similarity(d: Array, floor: Array) -> Array:
    """(N,) 1: as alike as the expert's hours among themselves; towards 0 the farther off."""
    # sim = exp(-max(d / floor - 1, 0))
    sim: Array = np.exp(-np.maximum(d / floor - 1.0, 0.0))
    return sim


def return_gate(expert: Array, agent: Array, kind: Gate, *, margin: float) -> Array:
    """(N,) 1: the agent earns far less than the expert; 0: never pull it back to a worse expert.

    Args:
        expert: (N,) R_E, mean undiscounted return of the demonstrations.
        agent: (N,) R_A.
        kind: see `Gate`.
        margin: m, share of |R_E|.
    """
    if kind is Gate.NONE:
        return np.ones_like(expert)
    shortfall = (expert - agent) / (margin * np.maximum(np.abs(expert), 1e-6))
    return np.clip(shortfall if kind is Gate.PARITY else 1.0 + shortfall, 0.0, 1.0)


def smooth_weight(previous: Array | None, fresh: Array, *, smoothing: float) -> Array:
    """(N,) exponential moving average: w flickers otherwise."""
    return fresh if previous is None else smoothing * previous + (1.0 - smoothing) * fresh


def switch_off(w: Array) -> Array:
    """(N,) the weight with tiny values set to 0, so that the term stops."""
    return np.where(w < OFF_BELOW, 0.0, w)


def _band(points: Array) -> int:
    return int(np.ceil(BAND_SHARE * len(points)))


def _unreached(n: int, t: int) -> tuple[Array, Array]:
    return np.full((n, t + 1), np.inf), np.zeros((n, t + 1))
