from dataclasses import replace

import numpy as np
import pytest

from leed_traffic.artifacts.demonstrations import read_demonstrations, write_demonstrations
from leed_traffic.domain.road_users import Weights
from leed_traffic.errors import MismatchError
from leed_traffic.generate.config import AuthorName, GenerateConfig
from leed_traffic.generate.run import generate
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.expert import (
    Expert,
    by_intersection,
    check_demonstrations,
    is_left_aside,
    labelled_steps,
    steps_of,
)
from leed_traffic.train.records.run_folder import read_metrics
from leed_traffic.train.run import train
from tests.short_scenario import shortened
from tests.train.fakes import NETWORK, S_MAX, SHAPE, SITE, SIZES, demonstrations
from tests.train.test_learner import config as learner_config
from tests.train.test_learner import learner_of, roll
from tests.train.test_run import config


@pytest.mark.parametrize(
    ("delay_s", "settings", "expected"),
    [
        (20.0, {}, False),
        (30.0, {}, False),
        (30.1, {}, True),
        (99.0, {"follow_worse_expert": True}, False),
        (99.0, {"episodes": 0}, False),
    ],
)
def test_an_expert_that_loses_to_the_fallback_cycle_is_left_aside(delay_s, settings, expected):
    manifest = demonstrations().manifest.model_copy(update={"delay_s": delay_s, "baseline_delay_s": 30.0})
    config = TrainConfig.from_flat({"scenario": "fake", "out": "unused", "demonstrations": "demos", **settings})
    assert is_left_aside(manifest, config) is expected


@pytest.mark.sumo
def test_beside_a_bad_expert_the_agents_learn_as_they_would_alone(tmp_path):
    short = shortened("crossing", 120, tmp_path)
    made = generate(
        GenerateConfig(scenario=short, out=tmp_path / "demos", author=AuthorName.WEBSTER, seeds=(11, 12))
    )
    worse = made.manifest.model_copy(update={"delay_s": made.manifest.baseline_delay_s + 1.0})
    write_demonstrations(tmp_path / "demos", replace(made, manifest=worse))
    told, deep = [], {"scenario": short, "episodes": 2, "workers": 0, "validation_seeds": 1}
    bad = train(
        TrainConfig.from_flat({"out": tmp_path / "bad", "demonstrations": tmp_path / "demos", **deep}),
        lambda n, note: told.append(note),
    )
    alone = train(TrainConfig.from_flat({"out": tmp_path / "alone", **deep}), lambda n, note: None)
    assert [row.losses for row in read_metrics(bad)] == [row.losses for row in read_metrics(alone)]
    assert told[0].startswith("expert left aside")
    hours = read_demonstrations(tmp_path / "demos").manifest.simulated_hours
    assert read_metrics(bad)[-1].simulated_hours == pytest.approx(read_metrics(alone)[-1].simulated_hours + hours)


def test_demonstrations_for_something_else_are_refused(tmp_path):
    manifest = demonstrations().manifest
    right = config(tmp_path)
    check_demonstrations(manifest, right.demonstrations, right.env, NETWORK, SITE)
    changes = {
        "network_digest": "0" * 64,
        "site_digest": "0" * 64,
        "decision_interval_s": 6.0,
        "reach_m": 50.0,
        "reward": "queue",
        "weights": Weights(persons=1.0),
    }
    for name, value in changes.items():
        with pytest.raises(MismatchError, match="this training has"):
            check_demonstrations(
                manifest.model_copy(update={name: value}), right.demonstrations, right.env, NETWORK, SITE
            )


def test_labels_that_were_not_legal_teach_nothing():
    rollout = roll(learner_of(SIZES, S_MAX, learner_config()), 7, plans={"A": None})
    rollout.label[1, 1] = int(np.argmin(rollout.episode.legal[1, 1]))
    rollout.label[2, 0] = 2  # intersection A has two stages
    steps = labelled_steps(rollout)
    assert not steps.has_choice[0, 2]
    assert not steps.has_choice[:, ::4].any()


def test_a_labelled_stage_beyond_the_network_is_the_callers_mistake():
    with pytest.raises(ValueError, match="need a rollout with an expert's labels"):
        labelled_steps(roll(learner_of(SIZES, S_MAX, learner_config()), 7))


def test_hours_are_laid_out_by_intersection():
    hours = np.arange(2 * 3 * 4).reshape(2, 3, 4)  # E, T, N
    flat = by_intersection(hours)
    assert flat.shape == (4, 6)
    assert flat[1].tolist() == [1, 5, 9, 13, 17, 21]
    np.testing.assert_array_equal(flat, by_intersection(list(hours)))
    assert flat.flags["C_CONTIGUOUS"]


def test_labels_survive_a_checkpoint():
    expert = Expert.of(demonstrations(), NETWORK, SHAPE, S_MAX)
    n_demonstrated = len(expert.steps())
    expert.labelled.append(steps_of(expert.demonstrated))
    other = Expert.of(demonstrations(), NETWORK, SHAPE, S_MAX)
    other.load_state(expert.state())
    assert len(other.steps()) == 2 * n_demonstrated
    np.testing.assert_array_equal(other.steps().has_choice, expert.steps().has_choice)
