import json

import pytest
from pydantic import ValidationError

from leed_traffic.errors import UsageError
from leed_traffic.evaluate.results import (
    ControllerResult,
    Evaluation,
    per_seed_csv,
    summarise,
    table_columns,
    table_rows,
    verdict,
    write_output,
)

from .conftest import make_run

EVALUATION_KEYS = ["scenario", "site", "sensing", "seeds", "sumo_version", "results"]
RESULT_KEYS = [
    "controller", "delay_s", "trip_time_s", "waiting_s", "queue_veh", "scheduled", "departed", "finished", "never_departed",
    "unsafe_changes", "emergency_stops", "collisions", "teleports",
]  # fmt: skip


def test_the_json_document_has_exactly_the_documented_keys(make_comparison):
    document = json.loads(make_comparison({"fixed": (50.0, 52.0, 54.0)}).evaluation.model_dump_json())
    assert list(document) == EVALUATION_KEYS
    assert list(document["results"][0]) == RESULT_KEYS
    assert list(document["results"][0]["delay_s"]) == ["mean", "low", "high"]
    assert document["seeds"] == [1001, 1002, 1003]


def test_the_schema_allows_nothing_else():
    schema = Evaluation.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == EVALUATION_KEYS
    result = schema["$defs"]["ControllerResult"]
    assert result["additionalProperties"] is False
    assert result["required"] == RESULT_KEYS
    assert schema["$defs"]["Delay"]["required"] == ["mean", "low", "high"]


def test_a_document_survives_being_written_and_read(make_comparison):
    evaluation = make_comparison({"fixed": (50.0, 52.0, 54.0), "max-wave": (20.0,  21.0, 22.0)}).evaluation  # fmt: skip
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation


def test_counts_are_totals_and_figures_are_means_over_the_seeds():
    result = summarise("fixed", [make_run("fixed", seed, delay) for seed, delay in ((1, 10.0), (2, 12.0), (3, 14.0))])
    assert (result.scheduled, result.departed, result.finished, result.never_departed) == (300, 294, 270, 6)
    assert result.emergency_stops == 3
    assert result.delay_s.mean == 12.0
    assert result.delay_s.low == pytest.approx(7.0317, abs=1e-3)
    assert result.delay_s.high == pytest.approx(16.9683, abs=1e-3)
    assert result.trip_time_s == 72.0


def test_a_single_seed_has_null_for_its_interval():
    delay = summarise("fixed", [make_run("fixed", 1, 10.0)]).delay_s
    assert json.loads(delay.model_dump_json()) == {"mean": 10.0, "low": None, "high": None}


@pytest.mark.parametrize(
    "change", [{"never_departed": 3}, {"finished": 99}, {"delay_s": {"mean": float("nan"), "low": 1, "high": 2}}]
)
def test_a_result_in_which_somebody_is_not_counted_is_refused(change):
    sound = summarise("fixed", [make_run("fixed", 1, 10.0)]).model_dump()
    with pytest.raises(ValidationError):
        ControllerResult.model_validate({**sound, **change})


def test_every_run_is_a_line_of_the_csv():
    lines = per_seed_csv([make_run("fixed", 1001, 10.25), make_run("plan:a,b", 1002, 11.0)]).splitlines()
    assert lines[0].split(",")[:6] == ["controller", "seed", "delay_s", "trip_time_s", "waiting_s", "queue_veh"]
    assert lines[1].startswith("fixed,1001,10.250,70.250,")
    assert lines[2].startswith('"plan:a,b",1002,')


def test_a_gridlocked_seed_shows_in_the_table(make_comparison):
    comparison = make_comparison({"plan:x": (15.9, 1112.0, 15.2)})
    (row,) = table_rows(comparison, {"plan:x": "plan:x"})
    cells = dict(zip(table_columns(), row, strict=True))
    assert cells["worst seed"] == "1112.0"
    assert cells["never dep."] == "6"


def test_the_verdict_names_the_best_and_its_ties(make_comparison):
    comparison = make_comparison({"fixed": (50.0, 52.0, 54.0), "a": (20.0, 30.0, 40.0), "b": (19.0, 33.0, 41.0)})
    text = verdict(comparison, {"fixed": "fixed", "a": "rule a", "b": "rule b"})
    assert text.startswith("Lowest delay: rule a (30.0 s).")
    assert text.endswith("Not distinguishable from it at 95 % over 3 paired seeds: rule b.")


def test_the_verdict_says_when_the_best_is_clear(make_comparison):
    comparison = make_comparison({"fixed": (50.0, 61.0, 70.0), "a": (20.0, 30.0, 40.0)})
    assert "Every other controller is worse" in verdict(comparison, {"fixed": "fixed", "a": "a"})


def test_one_seed_is_not_ranked(make_comparison):
    comparison = make_comparison({"fixed": (50.0,), "a": (20.0,)})
    assert verdict(comparison, {"fixed": "fixed", "a": "a"}).startswith("One seed")


def test_one_controller_is_not_compared(make_comparison):
    assert verdict(make_comparison({"fixed": (50.0, 51.0, 52.0)}), {"fixed": "fixed"}).startswith("One controller")


def test_a_file_is_written_whole_and_leaves_no_temporary_name(tmp_path):
    write_output(tmp_path / "new" / "a.txt", "text")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_output(tmp_path / "file" / "a.txt", "text")
