import time

import pytest

from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.train.actor_critic import ActorCritic
from leed_traffic.train.sampler import Sampler
from tests.train.fakes import S_MAX, SIZES, FakeRollouts

WEIGHTS = ActorCritic(SIZES, S_MAX, 8, seed=1).weights()
PLANS = {"A": None}


def sampler(*, runs_here=True):
    tasks, notes = [], []
    made = Sampler(FakeRollouts(tasks.append), lambda n, note: notes.append((n, note)), runs_here=runs_here)
    return made, tasks, notes


def test_on_policy_hours_are_counted_and_drawn_from_their_seeds():
    made, tasks, notes = sampler()
    rollouts = made.drive(WEIGHTS, [7, 8], "update 1", PLANS)
    assert (made.episodes, made.hours) == (2, 2.0)
    assert [(task.seed, task.sample_seed, task.is_scored) for task in tasks[0]] == [(7, 7, False), (8, 8, False)]
    assert notes == [(1, "update 1")] * 2
    assert all(rollout.label is not None for rollout in rollouts)


def test_validation_counts_no_hour_and_takes_best_stages():
    made, tasks, notes = sampler()
    made.validate(WEIGHTS, 2, PLANS)
    made.validate(None, 1, PLANS)
    assert (made.episodes, made.hours) == (0, 0.0)
    seeds = [[task.seed for task in batch] for batch in tasks]
    assert seeds == [[FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + 1], [FIRST_VALIDATION_SEED]]
    assert [task.sample_seed for batch in tasks for task in batch] == [None] * 3
    assert (tasks[0][0].plans, tasks[1][0].plans) == (None, PLANS)
    assert [note for _, note in notes] == ["validating", "validating", "validating the expert"]


@pytest.mark.parametrize(("runs_here", "driven_s", "validated_s"), [(True, 0.0, -5.0), (False, 5.0, 0.0)])
def test_simulations_elsewhere_are_added_and_validation_here_is_taken_off(
    monkeypatch, runs_here, driven_s, validated_s
):
    class Slow(FakeRollouts):
        def run(self, tasks, on_done=None):
            rollouts = super().run(tasks, on_done)
            for rollout in rollouts:
                object.__setattr__(rollout.episode, "cpu_s", 5.0)
            return rollouts

    monkeypatch.setattr(time, "process_time", lambda: 100.0)
    made = Sampler(Slow(), lambda n, note: None, runs_here=runs_here)
    made.restart_clock()
    made.drive(WEIGHTS, [1], "")
    assert made.cpu_s == driven_s
    made.restart_clock()
    made.validate(WEIGHTS, 1, None)
    assert made.cpu_s == validated_s
