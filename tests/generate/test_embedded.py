import json

import pytest

from leed_traffic.domain.plan import SequencePlan, max_wave_plan
from leed_traffic.generate.authors import AUTHORS, planned_runs
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.run import generate
from leed_traffic.generate.schedule import AUTHOR_SEEDS
from tests.generate.short_hour import SHORT_S


@pytest.mark.sumo
def test_webster_writes_demonstrations_that_are_its_better_half(short, tmp_path):
    config = GenerateConfig(scenario=short, out=tmp_path / "d", author=AuthorName.WEBSTER, seeds=(1, 2))
    seen = []
    made = generate(config, lambda done, total, what: seen.append((done, total)))
    assert seen == [(k + 1, planned_runs(config)) for k in range(planned_runs(config))]
    assert all(isinstance(plan, SequencePlan) for plan in made.plans.values())
    assert made.manifest.delay_s == min(made.manifest.starts.values())
    assert (made.manifest.author, made.manifest.model) == ("webster", None)
    assert [(t.intersection, t.seed, len(t)) for t in made.trajectories] == [
        ("C", 1, SHORT_S // 5),
        ("C", 2, SHORT_S // 5),
    ]
    assert sorted(item.name for item in config.out.iterdir()) == [
        "manifest.json",
        "plans.json",
        "trajectories.parquet",
    ]


@pytest.mark.sumo
def test_plans_that_are_there_already_become_demonstrations(short, tmp_path):
    (tmp_path / "plans.json").write_text(
        json.dumps({"C": max_wave_plan("C", reach_m=70.0).model_dump(mode="json")})
    )
    config = GenerateConfig(
        scenario=short, out=tmp_path / "out", author=AuthorName.GIVEN, plans=tmp_path / "plans.json", seeds=(1,)
    )
    made = generate(config)
    assert (made.manifest.author, made.manifest.simulated_hours) == ("given", pytest.approx(3 * SHORT_S / 3600.0))
    assert (
        made.manifest.author_seeds == AUTHOR_SEEDS[:1]
    )  # the baseline, the plans, and one hour to demonstrate: three runs
    assert made.plans == {"C": max_wave_plan("C", reach_m=70.0)}


def test_an_author_without_rounds_is_never_asked_for_one():
    with pytest.raises(NotImplementedError, match="webster has no rounds"):
        AUTHORS[AuthorName.WEBSTER]().propose((), 0, 1)
