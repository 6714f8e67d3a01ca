import copy

import numpy as np
import pytest

from leed_traffic.train.averaging import PolicyAverage
from leed_traffic.train.rollout import ActorWeights


def actors(value):
    return ActorWeights(*(np.full((1, 2, 2), value + k, dtype=np.float32) for k in range(7)))


def averaged(values, eta):
    average = PolicyAverage(eta)
    for value in values:
        average.add(actors(value))
    return average


@pytest.mark.parametrize(("eta", "mean"), [(0.0, 4.0), (1e12, 9.0)])
def test_an_eta_of_nothing_weighs_all_alike_and_a_large_one_leaves_the_last(eta, mean):
    assert np.allclose(averaged([1.0, 2.0, 9.0], eta).weights.w0, mean)


def test_an_update_weighs_about_as_its_number_to_the_eta():
    # eta = 2: the s-th of t weighs 3 s (s + 1) / (t (t + 1) (t + 2)), the rising form of s^2
    t, values = 12, np.random.default_rng(1).normal(size=12)
    s = np.arange(1, t + 1)
    weight = 3.0 * s * (s + 1) / (t * (t + 1) * (t + 2))
    assert weight.sum() == pytest.approx(1.0)
    assert np.allclose(averaged(values, 2.0).weights.w3, weight @ values + 5.0, atol=1e-6)


def test_the_mean_goes_on_from_where_it_was_and_leaves_what_was_added_alone():
    first, second = averaged([1.0, 2.0], 2.0), PolicyAverage(2.0)
    second.load_state(copy.deepcopy(first.state()))
    given = actors(7.0)
    for average in (first, second):
        average.add(given)
    assert all((a == b).all() for a, b in zip(first.weights, second.weights, strict=True))
    assert (given.w0 == 7.0).all()


def test_without_an_update_there_is_no_mean():
    with pytest.raises(ValueError, match="no update yet"):
        _ = PolicyAverage(2.0).weights
