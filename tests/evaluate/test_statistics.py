import math

import pytest

from leed_traffic.evaluate.statistics import (
    best_and_ties,
    compare_with,
    holm,
    mean_interval,
    paired_difference,
    t_quantile_95,
    two_sided_p,
)


def test_the_t_quantile_is_that_of_the_tables():
    # Student's t, two-sided 95 %: any printed table
    assert t_quantile_95(1) == pytest.approx(12.706, abs=1e-3)
    assert t_quantile_95(4) == pytest.approx(2.776, abs=1e-3)
    assert t_quantile_95(30) == pytest.approx(2.042, abs=1e-3)
    assert t_quantile_95(31) == pytest.approx(2.0395, abs=1e-4)
    assert t_quantile_95(40) == pytest.approx(2.0211, abs=1e-4)
    assert t_quantile_95(120) == pytest.approx(1.9799, abs=1e-4)


def test_the_t_quantile_falls_towards_the_normal_one():
    quantiles = [t_quantile_95(v) for v in range(1, 200)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert t_quantile_95(10**9) == pytest.approx(1.959964)


def test_no_degree_of_freedom_has_no_quantile():
    with pytest.raises(ValueError, match="at least 1 degree"):
        t_quantile_95(0)


def test_an_interval_is_the_one_worked_out_by_hand():
    # 10, 12, 14: mean 12, s = 2, half = 4.3027 * 2 / sqrt(3) = 4.9683
    mean, low, high = mean_interval([10.0, 12.0, 14.0])
    assert mean == 12.0
    assert low == pytest.approx(12.0 - 4.9683, abs=1e-3)
    assert high == pytest.approx(12.0 + 4.9683, abs=1e-3)


def test_two_values_use_one_degree_of_freedom():
    # 1, 3: mean 2, s = sqrt(2), half = 12.7062 * sqrt(2) / sqrt(2)
    _, low, high = mean_interval([1.0, 3.0])
    assert low == pytest.approx(2.0 - 12.7062)
    assert high == pytest.approx(2.0 + 12.7062)


def test_one_value_has_no_interval():
    assert mean_interval([7.5]) == (7.5, None, None)


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([5.0, 5.0, 5.0]) == (5.0, 5.0, 5.0)


def test_the_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1 value"):
        mean_interval([])


def test_the_order_of_the_values_does_not_matter():
    values = [0.1 * k for k in range(10)]
    assert mean_interval(values) == mean_interval(values[::-1])


def test_a_small_but_steady_difference_is_told_apart_although_intervals_overlap():
    # differences of 1.0 +- 0.1 on seeds that spread by 10 s
    better, worse = [20.0, 30.0, 40.0], [21.0, 31.1, 40.9]
    assert mean_interval(better)[2] > mean_interval(worse)[1]
    assert best_and_ties({"worse": worse, "better": better}) == ("better", ())


def test_an_unsteady_difference_is_a_tie():
    assert best_and_ties({"a": [20.0, 30.0, 40.0], "b": [19.0, 33.0, 41.0]}) == ("a", ("b",))


def test_a_controller_with_the_same_delays_is_a_tie():
    assert best_and_ties({"a": [20.0, 30.0], "b": [20.0, 30.0]}) == ("a", ("b",))


def test_with_one_seed_everybody_is_a_tie():
    assert best_and_ties({"a": [20.0], "b": [90.0], "c": [30.0]}) == ("a", ("b", "c"))


def test_controllers_on_different_numbers_of_seeds_are_not_compared():
    with pytest.raises(ValueError, match="same seeds"):
        best_and_ties({"a": [1.0, 2.0], "b": [1.0]})


def test_intervals_are_finite_for_finite_values():
    _, low, high = mean_interval([1e6, 0.0, 3.0])
    assert low is not None
    assert high is not None
    assert math.isfinite(low)
    assert math.isfinite(high)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 29, 30, 60])
def test_at_the_quantile_the_p_value_is_five_percent(degrees):
    assert two_sided_p(t_quantile_95(degrees), degrees) == pytest.approx(0.05, abs=1e-5)


def test_p_values_are_those_of_the_tables():
    # one-sided 99.5 % quantiles of Student's t: 63.657, 9.925, 3.169 (v = 1, 2, 10)
    assert [two_sided_p(t, v) for t, v in ((63.657, 1), (9.925, 2), (3.169, 10))] == pytest.approx(
        [0.01] * 3, abs=1e-5
    )
    assert two_sided_p(0.0, 5) == pytest.approx(1.0)
    assert two_sided_p(-3.169, 10) == two_sided_p(3.169, 10)


def test_a_paired_difference_is_the_one_worked_out_by_hand():
    # differences 1, 2, 3: mean 2, s = 1, t = 2 sqrt(3) = 3.4641 with 2 degrees; p = 1 - t / sqrt(2 + t^2) = 0.07418
    found = paired_difference([11.0, 22.0, 33.0], [10.0, 20.0, 30.0])
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0 - 2.4841, 2.0 + 2.4841), abs=1e-3)
    assert found.p == pytest.approx(0.07418, abs=1e-5)


def test_equal_runs_do_not_differ_and_a_constant_shift_does():
    assert paired_difference([1.0, 2.0], [1.0, 2.0]).p == 1.0
    assert paired_difference([2.0, 3.0], [1.0, 2.0]).p == 0.0


def test_holms_adjustment_is_the_one_worked_out_by_hand():
    # sorted 0.01, 0.02, 0.03 times 3, 2, 1 = 0.03, 0.04, 0.03: never falling
    assert holm([0.03, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_a_difference_that_one_comparison_would_grant_is_no_longer_told_apart_among_many():
    base, near = [20.0, 30.0, 40.0], [21.0, 31.2, 41.6]  # p = 0.0186 alone
    assert best_and_ties({"base": base, "near": near}) == ("base", ())
    others = {f"same {k}": [20.5, 29.9, 40.3] for k in range(3)}
    assert best_and_ties({"base": base, "near": near, **others}) == ("base", ("near", *others))


def test_with_one_seed_nothing_is_adjusted():
    assert compare_with("a", {"a": [1.0], "b": [3.0]})["b"][1] is None
