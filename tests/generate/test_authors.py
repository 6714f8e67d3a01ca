"""The contract that every author keeps; also of `author.py`, `embedded.py` and `schedule.py`."""

import time

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import check_plan
from leed_traffic.errors import UsageError
from leed_traffic.generate.author import Author
from leed_traffic.generate.authors import AUTHORS, check_author, planned_runs
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.author import LanguageModelAuthor, Sampling
from leed_traffic.generate.language_model.config import ModelConfig
from leed_traffic.generate.schedule import Schedule
from leed_traffic.generate.search.starts import field_starts
from leed_traffic.simulation.env.env_spec import env_spec

SETTING = env_spec(load_scenario("crossing"))


def check_author_contract(author: Author, briefs) -> None:
    """What `generate` relies on, whoever writes the plans."""
    starts = author.starts(briefs)
    assert len(starts) == author.schedule.n_starts
    for plans in starts.values():
        assert set(plans) == {brief.intersection.id for brief in briefs}
        for brief in briefs:
            check_plan(plans[brief.intersection.id], brief.intersection, brief.timing)
    assert author.starts(briefs) == starts, "the same starts every time"
    if author.schedule.sizes and author.model is None:
        proposals = author.propose(briefs, 0, author.schedule.sizes[0])
        assert 1 <= len(proposals) <= author.schedule.sizes[0]
        assert all(set(p.plans) <= {brief.intersection.id for brief in briefs} for p in proposals)
    if not author.schedule.n_confirmed:
        assert not author.schedule.sizes, "what is improved is confirmed"


@pytest.mark.parametrize("name", list(AuthorName))
def test_every_author_keeps_the_contract(name, tmp_path):
    briefs = write_briefs(SETTING.scenario, SETTING.network, SETTING.site.timings, (11,))
    config = GenerateConfig(scenario="crossing", out=tmp_path, author=name)
    if name is AuthorName.GIVEN:
        plans = tmp_path / "plans.json"
        (some,) = field_starts(briefs)["max-wave 100 m"].values()
        plans.write_text(f'{{"{some.intersection}": {some.model_dump_json()}}}')
        config = config.model_copy(update={"plans": plans})
    if name is AuthorName.VLLM:
        config = config.model_copy(update={"language": ModelConfig(model="m", urls=("http://localhost:1/v1",))})
    check_author(config)
    with AUTHORS[name].open(config, SETTING, time.monotonic, lambda asking: None) as author:
        assert author.name is name
        assert author.schedule == AUTHORS[name].schedule_for(config)
        check_author_contract(author, briefs)
    assert planned_runs(config) >= 2 + len(config.seeds)


def test_an_author_without_rounds_is_never_asked_for_one():
    with pytest.raises(NotImplementedError, match="webster has no rounds"):
        AUTHORS[AuthorName.WEBSTER]().propose((), 0, 1)


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


def test_what_a_schedule_spends_follows_from_its_parts():
    assert Schedule(n_starts=2).runs == 6, "the fallback cycle and two starts on two hours"
    assert Schedule(n_starts=2, seeds=(11,)).runs == 3
    confirmed = Schedule(n_starts=2, n_confirmed=3)
    assert confirmed.runs == 6 + 2 + 8 * 3
    rounds = Schedule(n_starts=2, n_drawn=8, sizes=(5, 2), n_confirmed=3)
    assert rounds.runs == confirmed.runs + (8 + 2) + 2 * (6 + 3)
    assert rounds.n_told == rounds.runs + 2
