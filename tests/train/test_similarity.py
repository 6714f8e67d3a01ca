import numpy as np
import pytest

from leed_traffic.train.similarity import (
    Gate,
    distances,
    dtw,
    expert_floor,
    return_gate,
    similarity,
    smooth_weight,
    switch_off,
    thin_out,
)


def plain_dtw(a, b, band):
    """The textbook's double loop for one pair: (sum of the best path, its steps)."""
    t_a, t_b = len(a), len(b)
    band = max(band, abs(t_a - t_b), 1)
    best = {(-1, -1): (0.0, 0)}
    for i in range(t_a):
        for j in range(t_b):
            if abs(i - j) > band:
                continue
            before = [best[p] for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if p in best]
            total, steps = min(before, key=lambda x: x[0])
            best[i, j] = (total + np.linalg.norm(a[i] - b[j]), steps + 1)
    return best[t_a - 1, t_b - 1][0] / best[t_a - 1, t_b - 1][1]


@pytest.mark.parametrize(("t_a", "t_b", "band"), [(1, 1, 1), (7, 7, 2), (20, 20, 20), (12, 15, 2), (15, 12, 4)])
def test_dtw_agrees_with_a_plain_double_loop(t_a, t_b, band):
    rng = np.random.default_rng(t_a)
    a, b = rng.normal(size=(t_a, 3, 4)), rng.normal(size=(t_b, 3, 4))
    expected = [plain_dtw(a[:, n], b[:, n], band) for n in range(3)]
    np.testing.assert_allclose(dtw(a, b, band=band), expected, rtol=1e-12)


def test_the_same_trajectory_is_at_no_distance_and_a_late_one_nearly_so():
    wave = np.sin(np.arange(60) / 6.0)[:, None, None]
    late = np.roll(wave, 3, axis=0)
    assert dtw(wave, wave, band=6)[0] == 0.0
    assert dtw(wave, late, band=6)[0] < 0.3 * np.abs(wave - late).mean()


def test_trajectories_are_thinned_to_at_most_180_points():
    assert thin_out(np.zeros((720, 2, 3))).shape == (180, 2, 3)
    assert thin_out(np.zeros((721, 2, 3))).shape == (144, 2, 3)
    assert thin_out(np.zeros((5, 2, 3))).shape == (5, 2, 3)
    np.testing.assert_allclose(thin_out(np.arange(360.0)[:, None, None])[:2, 0, 0], [0.5, 2.5])


def test_an_hour_like_the_experts_own_hours_is_fully_similar():
    rng = np.random.default_rng(0)
    references = [thin_out(rng.normal(size=(50, 2, 3))) for _ in range(3)]
    floor = expert_floor(references)
    near, far = (
        distances(rng.normal(size=(50, 2, 3)), references),
        distances(10.0 + rng.normal(size=(50, 2, 3)), references),
    )
    assert (similarity(near, floor) > 0.8).all()
    assert (similarity(far, floor) < 0.1).all()


def test_the_parity_gate_closes_when_the_agent_earns_what_the_expert_does():
    expert = np.array([-100.0, -100.0, -100.0, -100.0])
    agent = np.array([-120.0, -105.0, -100.0, -80.0])
    np.testing.assert_allclose(return_gate(expert, agent, Gate.PARITY, margin=0.1), [1.0, 0.5, 0.0, 0.0])


def test_the_margin_gate_closes_when_the_agent_earns_a_tenth_more():
    expert = np.array([-100.0, -100.0, -100.0])
    agent = np.array([-110.0, -95.0, -90.0])
    np.testing.assert_allclose(return_gate(expert, agent, Gate.MARGIN, margin=0.1), [1.0, 0.5, 0.0])


def test_without_a_gate_the_expert_always_counts():
    assert return_gate(np.array([-1.0]), np.array([5.0]), Gate.NONE, margin=0.1).item() == 1.0


def test_the_weight_moves_smoothly_and_ends_at_zero():
    w = smooth_weight(None, np.array([0.8]), smoothing=0.5)
    assert w.item() == 0.8
    for _ in range(12):
        w = smooth_weight(w, np.zeros(1), smoothing=0.5)
    assert w.item() > 0.0
    assert switch_off(w).item() == 0.0
