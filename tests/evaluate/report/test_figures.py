import re

import pytest

from leed_traffic.evaluate.report.drawing import OTHERS, OURS
from leed_traffic.evaluate.report.figures import DelayRow, LearningCurve, _near, draw_delays, draw_differences
from leed_traffic.evaluate.report.signal_figures import draw_stages
from leed_traffic.evaluate.results import PairedDelay


def row(label, mean_s, *seeds_s, is_ours=False):
    return DelayRow(
        label=label, mean_s=mean_s, low_s=None, high_s=None, seeds_s=seeds_s or (mean_s,), is_ours=is_ours
    )


def diamonds(svg):
    """Number of filled and of hollow marks in the colour of others."""
    styles = re.findall(r'style="([^"]*)"', svg)
    hollow = sum("fill: none; stroke: var(--others)" in style and "butt" not in style for style in styles)
    return sum("fill: var(--others)" in style for style in styles), hollow


def difference(controller, mean, *, differs):
    return PairedDelay(
        controller=controller, mean=mean, low=mean - 1.0, high=mean + 1.0, p=0.01, p_adjusted=0.02, differs=differs
    )


@pytest.mark.parametrize(("most_s", "is_wide"), [(6.0, False), (6.1, True)])
def test_delays_that_spread_over_more_than_six_times_stand_on_a_logarithmic_axis(most_s, is_wide, monkeypatch):
    scales = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_xscale", lambda axes, scale: scales.append(scale))
    draw_delays([row("a", 1.0), row("b", most_s)])
    assert scales == ["log"] * is_wide


def test_our_controller_has_a_colour_of_its_own():
    assert "var(--ours)" in draw_delays([row("a", 1.0, is_ours=True), row("b", 2.0)])
    assert "var(--ours)" not in draw_delays([row("a", 1.0), row("b", 2.0)]).split("</style>", 1)[1]
    assert OURS != OTHERS


def test_a_difference_that_the_seeds_do_not_show_is_hollow():
    labels = {"a": "a", "b": "b"}
    shown = draw_differences([difference("a", 5.0, differs=True)], labels, "b", None)
    hidden = draw_differences([difference("a", 5.0, differs=False)], labels, "b", None)
    assert diamonds(shown)[0] > diamonds(hidden)[0]


@pytest.mark.parametrize(("reference_s", "limits"), [(30.0, (7.0, 33.0)), (30.1, (8.5, 21.5))])
def test_a_reference_beyond_one_and_a_half_times_the_curve_does_not_flatten_it(reference_s, limits):
    assert _near([20.0, 10.0], [reference_s]) == pytest.approx(limits)


def test_figures_of_nothing_are_drawn_empty():
    assert "<svg" in draw_delays([])
    assert "<svg" in draw_stages({"fixed": {}}, ("A",), None, (0.0, 60.0))


def test_a_learning_curve_needs_a_delay_for_every_hour():
    with pytest.raises(ValueError, match="as many hours as delays"):
        LearningCurve(hours=(1.0,), delay_s=(), demonstration_hours=0.0)
    with pytest.raises(ValueError, match="need 1 weights"):
        LearningCurve(hours=(), delay_s=(), demonstration_hours=0.0, weight_hours=(1.0,), weights={"J": ()})


def test_a_dollar_sign_in_a_name_is_no_formula():
    row = DelayRow(
        label=r"bundle:a$\frac{1$b_c", mean_s=1.0, low_s=None, high_s=None, seeds_s=(1.0,), is_ours=False
    )
    assert "<svg" in draw_delays([row])
