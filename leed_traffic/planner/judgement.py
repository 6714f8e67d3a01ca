"""Judgement of many studied junctions together, what is best where: linear in a junction's figures, with correlated errors.

    log d_k = w_k . x + e_k         d_k delay of plan k, x figures of the brief
    e ~ N(0, S)                     S over the plans: who does well by more than expected, and who with him

One junction's day is half chance; over many junctions the chance averages out, and what is left is a function of
the brief that a model can learn. Some plans' results at a junction correct what is expected of the others there (a
Gaussian conditional):

    E[e_u | e_s] = S_us S_ss^-1 e_s       u unseen, s seen
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leed_traffic.generate.brief import Brief
from leed_traffic.planner.study import Study
from leed_traffic.simulation.incumbents.webster import flow_ratios, lost_time

RIDGE = 3.0  # penalty on the weights of standardised figures, in observations
NUGGET = 0.02  # share of each plan's variance that no other plan shares: keeps S invertible with few junctions

Array = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Expectations of every plan that all junctions tried."""

    whats: tuple[str, ...]
    centre: Array  # (F,)
    scale: Array  # (F,)
    weights: Array  # (1 + F, K), of log delay
    covariance: Array  # (K, K)

    def expected(self, brief: Brief, seen: Mapping[str, float] | None = None) -> dict[str, float]:
        """Expected log delay of every plan, by name.

        Args:
            brief: of any junction.
            seen: delays in seconds that some plans had there.
        """
        mean = self._mean(brief)
        known = [k for k, what in enumerate(self.whats) if what in (seen or {})]
        if seen and known:
            surprise = np.log([seen[self.whats[k]] for k in known]) - mean[known]
            mean = mean + self.covariance[:, known] @ np.linalg.solve(
                self.covariance[np.ix_(known, known)], surprise
            )
        return dict(zip(self.whats, mean.tolist(), strict=True))

    def imagined(self, brief: Brief, rng: Rng) -> dict[str, float]:
        """Delays in seconds that the plans might have at a junction."""
        drawn = rng.multivariate_normal(self._mean(brief), self.covariance, method="cholesky")
        return dict(zip(self.whats, np.exp(drawn).tolist(), strict=True))

    def _mean(self, brief: Brief) -> Array:
        x = np.concatenate(([1.0], (figures(brief) - self.centre) / self.scale))
        mean: Array = x @ self.weights
        return mean


def judge(studies: Sequence[Study]) -> Judgement:
    """Fit what the studies found (ridge regression, one for each plan)."""
    x = np.array([figures(study.brief) for study in studies])
    y = np.log([[tried.delay_s for tried in study.tried] for study in studies])
    centre = x.mean(axis=0)
    scale = np.maximum(x.std(axis=0), 1e-9)
    design = np.hstack([np.ones((len(x), 1)), (x - centre) / scale])
    penalty = RIDGE * np.diag([0.0] + [1.0] * x.shape[1])
    # W = (X'X + r I)^-1 X'Y
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ y)
    left = y - design @ weights
    covariance = left.T @ left / max(1, len(x) - x.shape[1] - 1)
    covariance += np.diag(NUGGET * np.diag(covariance) + 1e-6)
    whats = tuple(tried.what for tried in studies[0].tried)
    return Judgement(whats=whats, centre=centre, scale=scale, weights=weights, covariance=covariance)


def figures(brief: Brief) -> Array:
    """(F,) what of a junction may decide which plan is best; all of it is in the brief's text or follows from it."""
    ratios = np.array([flow_ratios(brief, p) for p in range(len(brief.period_starts_s))])
    fullest = ratios[int(ratios.sum(axis=1).argmax())]
    full = float(fullest.sum())
    lost_s = lost_time(brief.timing)
    lanes = brief.intersection.lanes
    return np.array(
        [
            full,
            full**2,
            lost_s / 20.0,
            full * lost_s / 20.0,
            brief.intersection.n_stages,
            float(fullest.max()) / max(full, 1e-9),
            len(lanes) / len({lane.approach for lane in lanes}),
            float(np.mean([lane.speed_mps for lane in lanes])),
            float(len(ratios)),
        ]
    )
