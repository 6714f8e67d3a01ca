import json

import pytest
from pydantic import ValidationError

from leed_traffic.evaluate.results import ControllerResult, Evaluation
from leed_traffic.evaluate.summary import summarise

from .conftest import make_run

EVALUATION_KEYS = ["scenario", "site", "seeds", "sumo_version", "results"]
ADDED_KEYS = [
    "sensing",
    "demand_spread",
    "reference",
    "differences",
    "spread",
    "classes",
    "intersections",
    "shadows",
    "left_alone",
    "limit_breaks",
    "program_cycles",
    "collision_causes",
    "streets",
]  # all may be left out
RESULT_KEYS = [
    "controller", "delay_s", "trip_time_s", "waiting_s", "queue_veh", "scheduled", "departed", "finished", "never_departed",
    "unsafe_changes", "emergency_stops", "collisions", "teleports",
]  # fmt: skip


def test_the_json_document_has_exactly_the_documented_keys(make_comparison):
    document = json.loads(make_comparison({"fixed": (50.0, 52.0, 54.0)}).evaluation.model_dump_json())
    assert list(document)[: len(EVALUATION_KEYS)] == EVALUATION_KEYS
    assert list(document)[len(EVALUATION_KEYS) :] == ADDED_KEYS
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


@pytest.mark.parametrize(
    "change", [{"never_departed": 3}, {"finished": 99}, {"delay_s": {"mean": float("nan"), "low": 1, "high": 2}}]
)
def test_a_result_in_which_somebody_is_not_counted_is_refused(change):
    sound = summarise("fixed", [make_run("fixed", 1, 10.0)]).model_dump()
    with pytest.raises(ValidationError):
        ControllerResult.model_validate({**sound, **change})
