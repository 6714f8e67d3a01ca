from pathlib import Path

import pytest
from pydantic import ValidationError

from leed_traffic.generate.config import AuthorName, GenerateConfig


def test_the_defaults_are_a_search_that_needs_no_model():
    config = GenerateConfig(scenario="crossing", out=Path("out"))
    assert (config.author, config.language, config.plans) == (AuthorName.SEARCH, None, None)
    assert config.seeds == (1, 2, 3)


@pytest.mark.parametrize(
    ("setting", "least", "below"), [("runs", 1, 0), ("seed", 0, -1), ("workers", 1, 0), ("spread", 0.0, -0.01)]
)
def test_a_setting_below_its_least_is_refused(setting, least, below):
    assert getattr(GenerateConfig(scenario="x", out=Path("out"), **{setting: least}), setting) == least
    with pytest.raises(ValidationError, match=setting):
        GenerateConfig(scenario="x", out=Path("out"), **{setting: below})


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="hours"):
        GenerateConfig(scenario="x", out=Path("out"), hours=3)
