from pathlib import Path

import pytest
from pydantic import ValidationError

from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.planner.config import ExamConfig, FineTuneConfig


@pytest.mark.parametrize(("width", "is_taken"), [(32, True), (64, True), (33, False), (16, False)])
def test_a_width_is_a_multiple_of_a_head(width, is_taken):
    asked = {"lessons": Path("l.jsonl"), "out": Path("out"), "hidden": width}
    if is_taken:
        assert FineTuneConfig(**asked).hidden == width
    else:
        with pytest.raises(ValidationError, match="hidden"):
            FineTuneConfig(**asked)


def test_an_exam_is_about_other_junctions_than_the_lessons():
    exam = ExamConfig(out=Path("out"), language=ModelConfig(model="m"))
    assert exam.seed != FineTuneConfig(lessons=Path("l"), out=Path("o")).seed
    with pytest.raises(ValidationError, match="junctions"):
        ExamConfig(out=Path("out"), language=ModelConfig(model="m"), junctions=0)
