from leed_traffic.benchmark.findings import LearnerFindings, ScenarioFindings, StudyFindings, TrainingSeed
from leed_traffic.benchmark.page import COLUMNS, draw_curves, render_tables, row, write_pages


def seed(delay_s, hours=None):
    return TrainingSeed(
        curve=((4.0, 9.0, 40.0), (8.0, 20.0, delay_s)),
        hours_to_bar=hours,
        cpu_s_to_bar=None if hours is None else 2.0 * hours,
        hours_to_stay=hours,
        delay_s=delay_s,
        gridlocked_seeds=0,
        never_departed=1,
        unsafe_changes=0,
    )


def finding(*seeds):
    return LearnerFindings(learner="leed", what="", seeds=seeds)


def test_a_table_has_a_cell_for_every_column_and_says_never():
    cells = row(finding(seed(20.0), seed(22.0)))
    assert len(cells) == len(COLUMNS)
    assert cells[:2] == ["leed", "never"]
    assert cells[-1] == "2"


def test_the_study_is_written_as_json_table_and_picture(tmp_path):
    scenario = ScenarioFindings(
        scenario="net", site="as-net", bar_s=21.0, rules=(), learners=(finding(seed(20.0, 8.0)),)
    )
    found = StudyFindings(
        training_seeds=1, evaluation_seeds=1, validation_seeds=1, episodes=4, long_episodes=8, search_runs=6,
        sumo_version="1.28.0", scenarios=(scenario,),
    )  # fmt: skip
    write_pages(tmp_path, found)
    assert StudyFindings.model_validate_json((tmp_path / "findings.json").read_bytes()) == found
    assert "### net (site as-net, bar 21.0 s)" in (tmp_path / "tables.md").read_text() == render_tables(found)
    assert (tmp_path / "curves.png").read_bytes() == draw_curves(found)
