"""A policy's action: the stage to show next, asked for at every decision step."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leed_traffic.domain.safety.envelope import Permission


def legal_mask(permissions: Sequence[Permission], n_stages_max: int) -> NDArray[np.bool_]:
    """(N, S_max) which stages each intersection may ask for; False beyond its own stages."""
    mask = np.zeros((len(permissions), n_stages_max), dtype=bool)
    for n, permission in enumerate(permissions):
        mask[n, : len(permission.legal)] = permission.legal
    return mask


def choose_best(logits: NDArray[np.floating], legal: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(N,) the legal stage with the highest logit; the first one on a tie."""
    best: NDArray[np.intp] = np.where(legal, logits, -np.inf).argmax(axis=-1)
    return best


def choose_at_random(
    logits: NDArray[np.floating], legal: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.intp]:
    """(N,) a legal stage drawn with probability softmax(logits) (Gumbel-max; Gumbel 1954)."""
    return choose_best(logits + rng.gumbel(size=logits.shape), legal)
