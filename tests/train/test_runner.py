import numpy as np
import pytest

from leed_traffic.artifacts.policy import verify_bundle
from leed_traffic.train.config import Sharing, Similarity
from leed_traffic.train.records.run_folder import read_metrics
from tests.train.fakes import FakeRollouts
from tests.train.test_run import config, run


def test_the_bundle_holds_the_policies_that_validated_best(tmp_path):
    run(tmp_path / "run")
    delays = [row.delay_s for row in read_metrics(tmp_path / "run") if row.delay_s is not None]
    assert verify_bundle(tmp_path / "run" / "bundle").manifest.training.validation_delay_s == min(delays)


def test_updates_of_critics_alone_stay_out_of_the_mean(tmp_path):
    judged = []
    rollouts = FakeRollouts(lambda tasks: judged.append(tasks[0].weights) if tasks[0].is_scored else None)
    run(tmp_path / "a", rollouts, dagger_rounds=0, validate_every=1, critic_first_updates=1)
    before, cloned, only_critics, first, _ = judged
    assert before is None
    assert (cloned.w1 == only_critics.w1).all()
    assert not np.allclose(first.w1, only_critics.w1)


@pytest.mark.parametrize("expert", ["demos", None])
def test_cloned_policies_are_judged_as_the_mean_of_their_updates_and_fresh_ones_as_the_last(tmp_path, expert):
    driving, judged = [], []

    def note(tasks):
        if tasks[0].plans is None and tasks[0].weights is not None:
            (judged if tasks[0].is_scored else driving).append(tasks[0].weights)

    run(tmp_path / "run", FakeRollouts(note), demonstrations=expert, dagger_rounds=0, validate_every=1)
    (_, first, second), (seen_first, seen_second, _) = driving, judged[-3:]
    for now, before, seen, earlier in zip(second, first, seen_second, seen_first, strict=True):
        assert (earlier == before).all()
        assert np.allclose(seen, 0.25 * before + 0.75 * now if expert else now, atol=1e-7)


@pytest.mark.parametrize(
    ("settings", "factor"),
    [({}, 3.0), ({"demonstrations": None}, 1.0), ({"cloning_steps": 0, "dagger_rounds": 0}, 1.0)],
)
def test_cloned_policies_take_larger_steps_of_their_own(tmp_path, settings, factor):
    rates = config(tmp_path, learning_rate=0.001, direct_learning_rate=0.004, **settings).ppo_rates
    assert rates == pytest.approx((0.001 * factor, 0.004 * factor))


@pytest.mark.parametrize(
    "settings",
    [
        {"expert_weight": "fixed"},
        {"expert_weight": "none"},
        {"expert_weight": "decay", "decay_rate": 0.5},
        {"similarity": Similarity.OFF},
        {"similarity": Similarity.LEAN_WHEN_NEAR},
        {"sharing": Sharing.CRITIC},
        {"sharing": Sharing.EVERYTHING},
        {"sharing": Sharing.CRITIC, "demonstrations": None},
        {"advantage_beta": 1.0},
        {"cloning_steps": 0, "critic_steps": 0, "dagger_rounds": 0},
        {"critic_first_updates": 1},
        {"demonstrations": None},
    ],
)
def test_every_ablation_runs_to_its_end(tmp_path, settings):
    asked, told = run(tmp_path / "run", episodes=2, **settings)
    assert told == asked.total_episodes
    last = read_metrics(tmp_path / "run")[-1]
    if settings.get("expert_weight") == "fixed":
        assert set(last.weights.values()) == {0.5}
    if settings.get("expert_weight") == "none" or "demonstrations" in settings:
        assert set(last.weights.values()) == {0.0}
