"""Agreement of two computations of a policy: by the size of their logits, and by the stage that they ask for."""

import numpy as np
from numpy.typing import NDArray

CHOICE_SHARE = 1e-3  # of the legal logits' size by which the best stage leads, where it must be the same one


def disagreement(
    got: NDArray[np.floating], expected: NDArray[np.floating], legal: NDArray[np.bool_], *, share: float
) -> str:
    """Return how two rows of logits differ; empty where they agree.

    Sums of float32 differ in their last digits from processor to processor, and the more, the larger they are: a
    logit of 400 is known to 3e-5. So what may differ is a share of the row's size. A large logit of a stage that
    may not be chosen must not hide another choice: where the best of the legal stages leads plainly, it must be
    the best in both.

    Args:
        got: (S,) computed now.
        expected: (S,) as exported.
        legal: (S,) stages that could be chosen then.
        share: of the largest absolute logit, at least of 1, by which a logit may differ.
    """
    if got.shape != expected.shape or legal.shape != expected.shape:
        return f"gives {got.size} logits, exported with {expected.size} for {legal.size} stages"
    allowed = share * max(1.0, float(np.abs(expected).max(initial=0.0)))
    largest = float(np.abs(got - expected).max(initial=0.0))
    if not largest <= allowed:  # NaN, too
        figures = f"{np.round(got, 5).tolist()}, exported with {np.round(expected, 5).tolist()}"
        return f"gives {figures}: a difference of {largest:.3g}, allowed {allowed:.3g}"
    chosen, wanted = (np.where(legal, row, -np.inf) for row in (got, expected))
    if legal.sum() < 2 or chosen.argmax() == wanted.argmax():
        return ""
    second, best = np.sort(expected[legal])[-2:]
    margin = float(best - second)
    plain = CHOICE_SHARE * max(1.0, float(np.abs(expected[legal]).max()))
    if margin > plain:
        return f"asks for stage {chosen.argmax()}, exported with {wanted.argmax()}, which led by {margin:.3g}"
    return ""
