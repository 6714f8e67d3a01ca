from pathlib import Path

import pytest
from pydantic import ValidationError

from leed_traffic.benchmark.config import StudyConfig
from leed_traffic.benchmark.learners import find_learners
from leed_traffic.generate.search.budget import SHORT_RUNS


def config(**settings):
    return StudyConfig(**{"scenarios": ("crossing",), "out": Path("out"), **settings})


def test_the_learners_of_the_default_are_known():
    assert len(find_learners(config().learners)) == 5


@pytest.mark.parametrize(
    ("setting", "least", "below"),
    [("search_runs", SHORT_RUNS, SHORT_RUNS - 1), ("training_seeds", 1, 0), ("episodes", 0, -1)],
)
def test_a_study_that_could_not_run_is_refused(setting, least, below):
    assert getattr(config(**{setting: least}), setting) == least
    with pytest.raises(ValidationError, match=setting):
        config(**{setting: below})


def test_a_study_of_nothing_is_refused():
    with pytest.raises(ValidationError, match="scenarios"):
        config(scenarios=())
