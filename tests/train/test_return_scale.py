import numpy as np

from leed_traffic.train.return_scale import MIN_RETURN_STD, ReturnScale


def test_the_return_scale_is_the_standard_deviation_of_everything_seen():
    parts = [np.random.default_rng(k).normal(3.0 * k, 1.0 + k, (50, 2)) for k in range(4)]
    scale = ReturnScale(2)
    assert scale.std.tolist() == [1.0, 1.0]
    for part in parts:
        scale.add(part)
    np.testing.assert_allclose(scale.std, np.concatenate(parts).std(axis=0))


def test_returns_that_never_differ_are_divided_by_the_least_scale():
    scale = ReturnScale(1)
    scale.add(np.ones((10, 1)))
    assert scale.std.tolist() == [MIN_RETURN_STD]


def test_a_state_goes_on_to_the_same_scale():
    first = ReturnScale(2)
    first.add(np.arange(8.0).reshape(4, 2))
    second = ReturnScale(2)
    second.load_state(first.state())
    for scale in (first, second):
        scale.add(np.arange(6.0).reshape(3, 2))
    assert first.std.tolist() == second.std.tolist()
