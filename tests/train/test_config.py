import pytest
from pydantic import ValidationError

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.train.config import PpoConfig, TrainConfig

LEAST = {"scenario": "crossing", "out": "runs/a"}


def fields():
    """(part, name, field) of every setting; part is empty for those of the run itself."""
    parts = dict(TrainConfig.parts())
    for name, field in TrainConfig.model_fields.items():
        if name in parts:
            yield from ((name, inner, found) for inner, found in parts[name].model_fields.items())
        else:
            yield "", name, field


def test_every_setting_has_a_name_of_its_own_and_a_line_of_help():
    names = [name for _, name, _ in fields()]
    assert len(names) == len(set(names))
    assert not set(names) & {part for part, _ in TrainConfig.parts()}
    assert [name for _, name, field in fields() if not field.description] == []


def test_flat_settings_reach_their_parts_and_come_back():
    config = TrainConfig.from_flat({**LEAST, "gamma": 0.5, "workers": 0, "demonstrations": "demos"})
    assert (config.env.scenario, config.learner.gamma, config.compute.workers) == ("crossing", 0.5, 0)
    shaping = config.shaping()
    assert (shaping["gamma"], shaping["scenario"], shaping["seed"]) == (0.5, "crossing", 1)
    assert not {"workers", "backend", "out", "resume", "demonstrations"} & set(shaping)
    assert set(config.shaping(exclude_unset=True)) == {"gamma", "scenario"}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"episodes": -1}, "ppo.episodes: Input should be greater than or equal to 0"),
        ({"episodes": 7, "episodes_per_update": 4}, "--episodes 7: need a multiple of --episodes-per-update, 4"),
        ({"address": "a:1"}, "--address a:1: needs the backend ray, got local"),
        ({"learning_rates": 1.0}, "learning_rates: Extra inputs are not permitted"),
        ({"cloning_steps": 0, "episodes": 0}, "nothing to do: no demonstrations to clone and no episodes"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_with_its_name(settings, fault):
    with pytest.raises(ValidationError) as caught:
        TrainConfig.from_flat({**LEAST, **settings})
    assert fault in first_fault(caught.value)


def test_the_digest_knows_what_shapes_the_result_and_nothing_else():
    config = TrainConfig.from_flat(LEAST)
    elsewhere = TrainConfig.from_flat({**LEAST, "out": "runs/b", "workers": 7, "backend": "ray", "resume": True})
    assert config.digest() == elsewhere.digest()
    assert config.digest() != TrainConfig.from_flat({**LEAST, "gamma": 0.98}).digest()


@pytest.mark.parametrize(("episodes", "n"), [(0, 0), (2, 1), (6, 3)])
def test_updates_are_whole(episodes, n):
    assert PpoConfig(episodes=episodes).n_updates == n


@pytest.mark.parametrize(
    ("settings", "units", "hours"),
    [
        ({"episodes": 6}, 3, 6 + 2 * 3),
        ({"episodes": 6, "demonstrations": "d", "dagger_rounds": 3}, 7, 9 + (2 + 2 + 2) * 3),
        ({"episodes": 0, "demonstrations": "d", "dagger_rounds": 0}, 1, 2 * 3),
    ],
)
def test_units_and_hours_of_a_run_are_known_before(settings, units, hours):
    config = TrainConfig.from_flat({**LEAST, **settings})
    assert (config.n_units, config.total_episodes) == (units, hours)


@pytest.mark.parametrize(
    ("settings", "is_cloned"),
    [
        ({}, False),
        ({"demonstrations": "d"}, True),
        ({"demonstrations": "d", "cloning_steps": 0}, True),
        ({"demonstrations": "d", "cloning_steps": 0, "dagger_steps": 0}, False),
        ({"demonstrations": "d", "cloning_steps": 0, "dagger_rounds": 0}, False),
    ],
)
def test_ppo_takes_larger_steps_only_where_policies_were_cloned(settings, is_cloned):
    config = TrainConfig.from_flat({**LEAST, "learning_rate": 0.001, "direct_learning_rate": 0.004, **settings})
    factor = 3.0 if is_cloned else 1.0
    assert config.ppo_rates == pytest.approx((0.001 * factor, 0.004 * factor))
