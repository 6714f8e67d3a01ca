import io
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from leed_traffic.evaluate.report.drawing import INK, OURS, STYLE, as_svg, draw_polylines, short, theme_css


def drawing(lines=()):
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.0, 1.0))
        axes = figure.subplots()
        draw_polylines(axes, lines, color=OURS, linewidth=1.0)
        return as_svg(figure)


def test_colours_of_the_light_theme_become_variables_with_both_values():
    svg = drawing([[(0.0, 0.0), (1.0, 1.0)]])
    root = ET.parse(io.StringIO(svg)).getroot()
    styles = [element.get("style", "") for element in root.iter()]
    assert any("var(--ours)" in style for style in styles)
    assert not any(OURS in style or INK in style for style in styles)
    assert theme_css() in svg
    assert f"--ours:{OURS}" in theme_css().split("@media")[0]


def test_the_same_figure_gives_the_same_bytes():
    assert drawing([[(0.0, 0.0), (1.0, 1.0)]]) == drawing([[(0.0, 0.0), (1.0, 1.0)]])


def test_many_lines_are_one_path_and_none_is_none():
    one = drawing([[(0.0, 0.0), (1.0, 1.0)]])
    many = drawing([[(k, 0.0), (k + 1.0, 1.0)] for k in range(50)])
    assert many.count("<path") <= one.count("<path") + 4  # ticks of another range
    assert "<svg" in drawing()


@pytest.mark.parametrize(
    ("name", "written"), [("x" * 24, "x" * 24), ("Main Street and Elm Street", "Main Street and Elm…")]
)
def test_a_name_is_cut_between_words_from_25_letters_on(name, written):
    assert short(name) == written


def test_a_long_id_is_folded():
    folded = short("cluster_" + "0123456789" * 4)
    assert len(folded) <= 24
    assert folded.startswith("cluster")
