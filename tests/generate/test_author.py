"""The contract that every author keeps; also of `authors.py` and `embedded.py`."""

import time

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.domain.plan import check_plan
from leed_traffic.generate.author import Author
from leed_traffic.generate.authors import AUTHORS, check_author, planned_runs
from leed_traffic.generate.brief import write_briefs
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.language_model.config import ModelConfig
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
