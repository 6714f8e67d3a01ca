import numpy as np
import pytest

from leed_traffic.artifacts.onnx.agreement import disagreement

ALL = np.array([True, True, True])


def judged(got, expected, legal=ALL, share=1e-5):
    return disagreement(np.array(got, dtype=np.float32), np.array(expected), np.array(legal), share=share)


def test_the_last_digit_of_a_large_logit_may_differ():
    assert judged([400.00003, 2.0, 1.0], [400.0, 2.0, 1.0]) == ""
    assert judged([400.0, 2.00003, 1.0], [400.0, 2.0, 1.0]) == ""  # what was added up was as large


@pytest.mark.parametrize("off", [0.009, np.nan, np.inf])
def test_more_than_a_share_of_the_size_is_a_difference(off):
    assert "allowed 0.004" in judged([400.0 + off, 2.0, 1.0], [400.0, 2.0, 1.0])


def test_small_logits_are_held_to_the_same_figure_as_a_row_of_one():
    assert judged([0.000009, 0.0, 0.0], [0.0, 0.0, 0.0]) == ""
    assert "a difference of 1.1e-05, allowed 1e-05" in judged([0.000011, 0.0, 0.0], [0.0, 0.0, 0.0])


def test_another_choice_among_the_legal_is_a_difference_where_the_best_led_plainly():
    expected, legal = [1e6, 1.0, 0.99], [False, True, True]
    assert judged([1e6, 0.99, 1.0], expected, legal) == "asks for stage 2, exported with 1, which led by 0.01"
    assert judged([1e6, 0.9995, 1.0], [1e6, 1.0, 0.9995], legal) == ""  # nearly as good
    assert judged([1e6, 0.99, 1.0], expected, [False, True, False]) == ""


def test_rows_of_another_length_differ():
    assert judged([1.0, 2.0], [1.0, 2.0, 3.0]) == "gives 2 logits, exported with 3 for 3 stages"
