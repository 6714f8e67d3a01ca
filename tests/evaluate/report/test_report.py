import base64
import re
import xml.etree.ElementTree as ET

import pytest

from leed_traffic.evaluate.report.figures import LearningCurve
from leed_traffic.evaluate.report.report import Story, render_report, write_report

DELAYS = {"fixed": (50.0, 52.0, 54.0), "max-wave": (20.0, 21.0, 22.0), "bundle:out/b": (18.0, 19.0, 20.0)}
LABELS = {"fixed": "fixed", "max-wave": "max-wave", "bundle:out/b": "LEED"}
CURVE = LearningCurve(
    hours=(2.0, 4.0, 6.0),
    delay_s=(25.0, 20.0, 19.0),
    demonstration_hours=2.0,
    references_s={"fixed": 52.0, "max-wave": 21.0},
    weight_hours=(4.0, 6.0),
    weights={"J1": (0.5, 0.1), "J2": (0.2, 0.0)},
)


def images(page: str) -> list[str]:
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(image).decode() for image in found]


@pytest.fixture(scope="module")
def page(make_comparison) -> str:
    story = Story(
        title="Test",
        ours="bundle:out/b",
        author="search (no language model)",
        curve=CURVE,
        facts=[("Training", "6 h")],
    )
    return render_report(make_comparison(DELAYS), LABELS, story)


def test_the_report_names_every_controller_and_the_author(page):
    for label in LABELS.values():
        assert label in page
    assert "bundle:out/b" in page
    assert "search (no language model)" in page
    assert "not a certified safety function" in page


def test_the_report_fetches_nothing(page):
    assert "http://" not in page
    assert "https://" not in page
    assert "//" not in page.replace("data:image/svg+xml;base64,", "").split("<figure>")[0]
    sources = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^">)]{0,30})', page)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_a_figure_points_to_nothing_outside_itself(page):
    for svg in images(page):
        links = [
            value
            for element in ET.fromstring(svg).iter()
            for key, value in element.attrib.items()
            if key.endswith("href")
        ]
        assert all(link.startswith("#") for link in links)


def test_every_figure_has_a_text_for_who_cannot_see_it(page):
    tags = re.findall(r"<img [^>]*>", page)
    assert len(tags) == 5  # delays, differences, learning, weights, stages
    assert all(re.search(r'alt="[^"]{20,}"', tag) for tag in tags)


def test_text_from_outside_is_escaped(make_comparison):
    evil = "plan:<script>alert(1)</script>&\"'"
    comparison = make_comparison({"fixed": (5.0, 6.0, 7.0), evil: (1.0, 2.0, 3.0)})
    story = Story(title="<b>title</b>", author="<i>author</i>", facts=[("<u>", "<s>")])
    page = render_report(comparison, {"fixed": "fixed", evil: evil}, story)
    for tag in ("<script", "<b>title", "<i>", "<u>", "<s>"):
        assert tag not in page
    assert "&lt;script&gt;" in page
    ET.fromstring(page.partition("\n")[2])  # still well-formed


def test_a_vehicle_that_never_departed_is_marked(page):
    assert '<td class="bad">6</td>' in page


def test_a_comparison_alone_makes_a_report_without_learning(make_comparison):
    page = render_report(make_comparison({"fixed": (5.0, 6.0, 7.0)}), {"fixed": "fixed"}, Story(title="Test"))
    assert "<h2>Learning</h2>" not in page
    assert "<h2>Delay by controller</h2>" in page


def test_the_same_input_gives_the_same_bytes(page, make_comparison):
    story = Story(
        title="Test",
        ours="bundle:out/b",
        author="search (no language model)",
        curve=CURVE,
        facts=[("Training", "6 h")],
    )
    assert render_report(make_comparison(DELAYS), LABELS, story) == page


def test_the_report_is_one_file(tmp_path, make_comparison):
    write_report(tmp_path / "report.html", make_comparison(DELAYS), LABELS, Story(title="Test"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_gridlocked_controller_and_a_single_seed_can_be_drawn(make_comparison):
    page = render_report(
        make_comparison({"fixed": (15.0,), "plan:x": (1112.0,)}),
        {"fixed": "fixed", "plan:x": "x"},
        Story(title="T"),
    )
    assert len(images(page)) == 2
