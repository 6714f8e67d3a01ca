from types import SimpleNamespace

import pytest

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Round
from leed_traffic.domain.plan import max_wave_plan
from leed_traffic.generate.language_model.authorship import Authorship, Writing, summarise
from leed_traffic.generate.language_model.report import BOTTOM, LEFT, RIGHT, TOP, _chart, write_report
from tests.generate.briefs import crossroads

NAME = "<i>J</i>"


def round_of(delay_s, proposed_s=None):
    return Round(
        what="max-wave",
        candidates=2,
        valid=1,
        kept=0,
        delay_s=delay_s,
        rewards={NAME: -100.0},
        proposed_delay_s=proposed_s,
    )


def made(rounds):
    manifest = DemonstrationManifest(
        author="vllm", model="tiny", author_seeds=(11, 12), scenario="crossing", network_digest="n", site_name="s",
        site_digest="d", decision_interval_s=5.0, reach_m=100.0, reward="queue", seeds=(1,), sumo_version="1.28",
        leed_version="1", baseline_delay_s=80.0, starts={"steady": 60.0, "max-wave 100 m": 55.0}, delay_s=50.0,
        demonstrated_delay_s=51.0, rounds=tuple(rounds), simulated_hours=3.0,
    )  # fmt: skip
    plan = max_wave_plan(NAME).model_copy(update={"reasoning": "Let <b>A</b> & B finish."})
    return SimpleNamespace(manifest=manifest, plans={NAME: plan})


def record(reasons, n_rounds=1):
    wrote = Writing(asked=2, valid_at_once=0, valid=1, reasons=reasons)
    rounds = [summarise(k + 1, {NAME: wrote}, replies=3, tokens=(1700, 90), model_s=1.5) for k in range(n_rounds)]
    return Authorship(
        model="tiny", prompt_version="v2", prompt_digest="0123456789abcdef", rounds=tuple(rounds),
        written_by={NAME: "tiny, round 1, proposal 2"}, asking_s=0.0, asked_now=0,
    )  # fmt: skip


def test_names_reasons_and_faults_are_text_and_never_markup(tmp_path):
    authorship = record(("<script>alert(1)</script>",))
    write_report(tmp_path / "report.html", made([round_of(50.0)]), authorship, [crossroads(NAME)])
    page = (tmp_path / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "Let &lt;b&gt;A&lt;/b&gt; &amp; B finish." in page
    assert not any(markup in page for markup in ("<script", "<i>J", "<b>A"))
    assert "under the best embedded plans (max-wave 100 m)" in page
    assert "All of them were remembered; no model was asked." in page


def test_the_delay_falls_from_the_top_of_the_chart_to_its_bottom():
    chart = _chart(60.0, [round_of(55.0, 58.0), round_of(50.0, 50.0)])
    assert [(p["x"], p["y"], p["label"]) for p in chart["points"]] == [
        (LEFT, TOP, "start"),
        ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0, "1"),
        (RIGHT, BOTTOM, "2"),
    ]
    assert [p["value"] for p in chart["proposed"]] == [58.0], "a proposal that stands needs no second mark"


@pytest.mark.parametrize("rounds", [[], [round_of(60.0)]])
def test_a_course_without_change_lies_in_the_middle(rounds):
    assert {p["y"] for p in _chart(60.0, rounds)["points"]} == {(TOP + BOTTOM) / 2.0}
