"""The table of authors, and what is refused before anything runs."""

import time

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import UsageError
from leed_traffic.generate.authors import check_author
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.author import LanguageModelAuthor, Sampling
from leed_traffic.generate.search.starts import field_starts
from leed_traffic.simulation.env.env_spec import env_spec

SETTING = env_spec(load_scenario("crossing"))


def test_a_language_model_is_named_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="name the model"):
        check_author(GenerateConfig(scenario="crossing", out=tmp_path, author=AuthorName.VLLM))


def test_the_record_of_a_model_names_the_embedded_start_that_stood_in():
    class Silent:
        name = "silent"

        def converse(self, questions, on_reply):
            raise AssertionError("nobody asks")

    briefs = write_briefs(SETTING.scenario, SETTING.network, SETTING.site.timings, (11,))
    author = LanguageModelAuthor(Silent(), Sampling(), time.monotonic, lambda asking: None)
    record = author.authorship(field_starts(briefs)["steady"], briefs)
    assert set(record.written_by.values()) == {"embedded: steady"}
    assert (record.model, record.asked_now, record.asking_s) == ("silent", 0, 0.0)
