import re
from dataclasses import replace

import pytest

from leed_traffic.evaluate.report.report import Story, render_report
from leed_traffic.evaluate.report.traffic_sections import traffic_sections
from leed_traffic.evaluate.results import Delay, IntersectionResult
from tests.evaluate.conftest import LABELS

from .test_report import images

pytestmark = pytest.mark.sumo

PLOTS = [
    "Map of delay",
    "Time-space diagram",
    "Coordination diagrams",
    "Queues by approach",
    "Stages",
    "Split monitor",
]


@pytest.fixture(scope="module")
def page(report_pages) -> str:
    return report_pages["road"]


def test_every_plot_that_a_signal_engineer_knows_is_there_with_a_sentence_below(page):
    titles = re.findall(r"<h2>([^<]*)</h2>", page)
    assert [title for title in titles if title in PLOTS] == PLOTS
    for title in PLOTS:
        part = page.split(f"<h2>{title}</h2>")[1].split("</section>")[0]
        assert len(images(part)) == 1
        assert re.search(r"<figcaption>[^<]{80,}</figcaption>", part)
    assert {"Delay by class", "Delay by intersection", "Shadows", "Differences"} <= set(titles)


def test_the_list_of_contents_names_every_section(page):
    assert re.findall(r'<a href="#([^"]*)"', page) == re.findall(r'<section id="([^"]*)"', page)


def test_on_a_single_signal_the_corridor_is_left_out_with_the_reason(report_pages):
    page = report_pages["crossing"]
    part = page.split("<h2>Time-space diagram</h2>")[1].split("</section>")[0]
    assert "Left out: no two signals" in part
    assert images(part) == []
    assert "walker" in page.split("<h2>Delay by class</h2>")[1].split("</section>")[0]


def test_of_many_intersections_the_worst_come_first_and_the_rest_is_folded(make_comparison):
    comparison = make_comparison({"fixed": (50.0, 52.0), "max-wave": (20.0, 21.0)})
    results = tuple(
        IntersectionResult(
            controller=name, intersection=f"J{k}", vehicles=100.0, delay_s=Delay(mean=float(k), low=None, high=None),
            waiting_s=1.0, queue_veh=1.0, stage_share=(0.9,), clearance_share=0.1, changes_per_h=10.0,
        )
        for name in ("fixed", "max-wave")
        for k in range(50)
    )  # fmt: skip
    few, many = (
        replace(
            comparison, rows=None, evaluation=comparison.evaluation.model_copy(update={"intersections": shown})
        )
        for shown in (results[:3] + results[50:53], results)
    )
    labels = {"fixed": "fixed", "max-wave": "max-wave"}
    (table, _), (first, rest, explained) = (
        traffic_sections(c, labels, None)["Delay by intersection"] for c in (few, many)
    )
    assert [row[0] for row in table.rows] == ["J0", "J1", "J2"]
    assert table.summary == ""
    assert [row[0] for row in (*first.rows, *rest.rows)] == [f"J{k}" for k in range(49, 9, -1)]
    assert len(first.rows) == 12
    assert (first.summary, rest.summary) == ("", "28 more")
    assert "The 40 worst of 50 are shown" in explained.text
    page = render_report(many, labels, Story(title="Test"))
    assert "<details><summary>28 more</summary><div" in page
    assert page.split("<details>")[0].count("<td>J") == 12


def test_the_same_recording_gives_the_same_bytes(report_pages, recorded_crossing):
    story = Story(title="Test", ours=recorded_crossing.evaluation.differences[0].controller)
    assert render_report(recorded_crossing, LABELS, story) == report_pages["crossing"]


def test_figures_follow_the_readers_theme(page):
    for svg in images(page):
        assert "prefers-color-scheme:dark" in svg
        assert "var(--ink)" in svg
