"""Simulated hours of a training run: on-policy episodes and validation, with what they took."""

import time
from collections.abc import Callable, Sequence

from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.train.parallel.workers import RolloutWorkers
from leed_traffic.train.rollout import ActorWeights, Plans, Rollout, RolloutTask

Progress = Callable[[int, str], None]  # episodes done since the last call, a few words


class Sampler:
    """Drives the episodes of a run and counts them."""

    def __init__(self, workers: RolloutWorkers, on_progress: Progress, *, runs_here: bool) -> None:
        """Begin with nothing driven.

        Args:
            workers: drive the episodes.
            on_progress: called as each episode ends.
            runs_here: simulations run in this process, whose CPU time holds theirs.
        """
        self._workers = workers
        self.on_progress = on_progress
        self._runs_here = runs_here
        self._begin_cpu_s = 0.0
        self._elsewhere_cpu_s = 0.0
        self.episodes = 0
        self.hours = 0.0  # simulated, on-policy

    def drive(
        self, weights: ActorWeights, seeds: Sequence[int], note: str, plans: Plans | None = None
    ) -> list[Rollout]:
        """Drive on-policy episodes, choices drawn.

        Args:
            weights: the current policies.
            seeds: of demand and choices, one per episode.
            note: words for the progress.
            plans: an expert that labels every state.
        """
        tasks = [RolloutTask(weights=weights, seed=seed, sample_seed=seed, plans=plans) for seed in seeds]
        rollouts = self._workers.run(tasks, lambda: self.on_progress(1, note))
        self.episodes += len(seeds)
        self.hours += sum(rollout.episode.simulated_s for rollout in rollouts) / 3600.0
        if not self._runs_here:
            self._elsewhere_cpu_s += sum(rollout.episode.cpu_s for rollout in rollouts)
        return rollouts

    def validate(self, weights: ActorWeights | None, n: int, plans: Plans | None) -> list[Rollout]:
        """Drive n validation hours, best stages only.

        Args:
            weights: the policies; None: the expert drives.
            n: hours.
            plans: of the expert.
        """
        note = "validating the expert" if weights is None else "validating"
        seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + n)
        driver = plans if weights is None else None
        tasks = [RolloutTask(weights=weights, seed=seed, plans=driver, is_scored=True) for seed in seeds]
        rollouts = self._workers.run(tasks, lambda: self.on_progress(1, note))
        if self._runs_here:
            self._elsewhere_cpu_s -= sum(rollout.episode.cpu_s for rollout in rollouts)
        return rollouts

    def restart_clock(self) -> None:
        """Begin to count CPU time."""
        self._begin_cpu_s = time.process_time()
        self._elsewhere_cpu_s = 0.0

    @property
    def cpu_s(self) -> float:
        """CPU seconds since the clock was restarted: learner and on-policy simulations, validation not counted."""
        return time.process_time() - self._begin_cpu_s + self._elsewhere_cpu_s
