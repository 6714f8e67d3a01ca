"""Training algorithm: clone the demonstrations, DAgger, then PPO with the expert in its loss.

The work comes in units (cloning, a round of DAgger, an update); after each the run is checkpointed, and a killed
run goes on from there to the same bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.demonstrations import Demonstrations
from leed_traffic.domain.observation import observation_spec
from leed_traffic.errors import TrainingError
from leed_traffic.simulation.env.episode import Episode
from leed_traffic.train.averaging import PolicyAverage
from leed_traffic.train.config import Sharing, TrainConfig
from leed_traffic.train.expert import Expert, ExpertSteps, labelled_steps
from leed_traffic.train.parallel.blocks import BLOCK_SIZE, BlockedLearner, BlockWorkers, cut_into_blocks
from leed_traffic.train.records.best_policies import BestPolicies, golden_steps
from leed_traffic.train.records.checkpoint import describe, read_checkpoint, write_checkpoint
from leed_traffic.train.records.curves import ScalarLog
from leed_traffic.train.records.run_folder import (
    BEST_NAME,
    CHECKPOINT_NAME,
    MetricsRow,
    RunSetting,
    UnitTiming,
    read_metrics,
    read_timings,
    write_metrics,
    write_timings,
)
from leed_traffic.train.rollout import ActorWeights, Plans, Rollout
from leed_traffic.train.sampler import Sampler
from leed_traffic.train.weighting import ExpertWeighting

Array = NDArray[np.float64]

CLONE = "clone"
DAGGER = "dagger"
PPO = "ppo"


class Runner:
    """State of a training run and its units of work."""

    def __init__(
        self,
        config: TrainConfig,
        setting: RunSetting,
        demonstrations: Demonstrations | None,
        sampler: Sampler,
        blocks: BlockWorkers,
        scalars: ScalarLog,
    ) -> None:
        """Begin, or prepare to resume.

        Args:
            config: what to do.
            setting: network and limits.
            demonstrations: of the expert; None: PPO alone.
            sampler: drives the episodes.
            blocks: workers that learn.
            scalars: gets the curve.
        """
        self._config = config
        self._setting = setting
        self._sampler = sampler
        self._scalars = scalars
        sizes = _observation_sizes(config, setting)
        n_stages = max(i.n_stages for i in setting.intersections)
        shape = (len(sizes), max(sizes))
        self._expert = Expert.of(demonstrations, setting.network, shape, n_stages) if demonstrations else None
        # parameters that are shared are shared by all
        size = BLOCK_SIZE if config.learner.sharing is Sharing.NOTHING else len(sizes)
        cut = cut_into_blocks(sizes, n_stages, config.learner, seed=config.seed, size=size)
        self.learner = BlockedLearner(cut, blocks)
        demonstrated = self._expert.demonstrated if self._expert else None
        self._weighting = ExpertWeighting(demonstrated, len(sizes), config.weighting)
        self._average = PolicyAverage(config.ppo.averaging)
        self._best_delay_s = float("inf")
        self._expert_delay_s: float | None = None
        self.rows: list[MetricsRow] = []
        self._timings: list[UnitTiming] = []

    def learn(self) -> None:
        """Do the units that are left: cloning, rounds of DAgger, updates of PPO."""
        config = self._config
        n_done = len(self.rows)
        self._sampler.restart_clock()
        if self._expert is not None:
            if n_done == 0:
                self._clone(self._expert)
            for k in range(max(n_done - 1, 0), config.n_rounds):
                self._label(self._expert, k)
        for k in range(max(n_done + config.ppo.n_updates - config.n_units, 0), config.ppo.n_updates):
            self._update(k)

    def _clone(self, expert: Expert) -> None:
        """Fit the demonstrations; see how the clones and the expert itself do on the validation hours."""
        config = self._config.cloning
        agreement = self.learner.clone(expert.steps(), config.cloning_steps, config)
        self.learner.fit_critic(expert.demonstrated, config)
        self._expert_delay_s = self._validate(None)
        delay_s = self._validate(self.learner.weights())
        self._log(CLONE, delay_s=delay_s, losses={"agreement": agreement})

    def _label(self, expert: Expert, k: int) -> None:
        """Let the expert label the states that the policies reach; fit all labels (DAgger, Ross et al. 2011)."""
        config = self._config
        rollouts = self._drive(config.dagger.dagger_episodes, "DAgger", expert.plans)
        expert.labelled += [labelled_steps(rollout) for rollout in rollouts]
        agreement = self.learner.clone(expert.steps(), config.dagger.dagger_steps, config.cloning)
        episodes = [rollout.episode for rollout in rollouts]
        nothing = np.zeros(len(self._setting.intersections))
        losses = self.learner.update(episodes, None, nothing, config.ppo, config.ppo_rates, critic_only=True)
        is_due = self._is_due(k + 1, config.n_rounds)
        self._log(
            DAGGER,
            mean_return=_mean_return(rollouts),
            delay_s=self._validate(self.learner.weights()) if is_due else None,
            losses={**losses, "agreement": agreement},
        )

    def _update(self, k: int) -> None:
        """Learn from on-policy episodes, leaning on the expert as far as the weights say."""
        config = self._config
        ppo = config.ppo
        expert = self._expert
        is_cloned = expert is not None and config.is_cloned
        if k == 0 and expert is not None and is_cloned:
            self.learner.temper(expert.steps(), ppo.tempered_entropy)
        rollouts = self._drive(ppo.episodes_per_update, f"update {k + 1} of {ppo.n_updates}", None)
        episodes = [rollout.episode for rollout in rollouts]
        w = self._weighting.update(episodes)
        steps = self._weighted_steps(expert) if expert is not None and w.any() else None
        critic_only = k < ppo.critic_first_updates
        losses = self.learner.update(episodes, steps, w, ppo, config.ppo_rates, critic_only=critic_only)
        if is_cloned and not critic_only:
            self._average.add(self.learner.weights())
        is_due = self._is_due(k + 1, ppo.n_updates)
        self._log(
            PPO,
            mean_return=_mean_return(rollouts),
            delay_s=self._validate(self._learned()) if is_due else None,
            w=w,
            losses=losses,
        )

    def resume(self) -> None:
        """Take up the last checkpoint; without one the run begins anew.

        Raises:
            TrainingError: it is damaged.
        """
        path = self._config.out / CHECKPOINT_NAME
        if path.exists():
            content = read_checkpoint(path)
            try:
                self._load_state(content)
                done = content["done"]
                hours = content["hours_told"]
            except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as err:
                raise TrainingError(f"{path}: damaged checkpoint ({describe(err)}); train again") from err
            self.rows = read_metrics(self._config.out)[:done]
            self._timings = read_timings(self._config.out)[:done]
            self._sampler.on_progress(hours, f"resumed after {done} of {self._config.n_units} units")
        self._scalars.keep(self.rows)

    def _drive(self, n: int, note: str, plans: Plans | None) -> list[Rollout]:
        """Drive the next n on-policy hours."""
        first = self._sampler.episodes
        seeds = [self._config.training_seed(first + k) for k in range(n)]
        return self._sampler.drive(self.learner.weights(), seeds, note, plans)

    def _weighted_steps(self, expert: Expert) -> ExpertSteps:
        """Choices of the expert with f(A_e): known for the demonstrated ones, 1 for the labelled."""
        steps = expert.steps()
        beta = self._config.weighting.advantage_beta
        if beta is not None:
            known = self.learner.advantage_weights(expert.demonstrated, beta)
            steps.weight[:, : known.shape[1]] = known
        return steps

    def _learned(self) -> ActorWeights:
        """Policies to judge and export: the mean of the updates, or the last where these began from nothing."""
        return self._average.weights if self._average.count else self.learner.weights()

    def _is_due(self, n_done: int, n: int) -> bool:
        """True if policies are validated after n_done of n rounds or updates."""
        return n_done % self._config.validation.validate_every == 0 or n_done == n

    def _validate(self, weights: ActorWeights | None) -> float:
        """Mean delay on the validation hours; the best policies so far are kept on disk. None: the expert drives."""
        plans = self._expert.plans if self._expert else None
        rollouts = self._sampler.validate(weights, self._config.validation.validation_seeds, plans)
        delays = [rollout.episode.score.delay_s for rollout in rollouts if rollout.episode.score is not None]
        if len(delays) != len(rollouts):
            raise ValueError("a recording env must score its episode")
        delay_s = float(np.mean(delays))
        if weights is not None and delay_s < self._best_delay_s:
            self._best_delay_s = delay_s
            self._keep_best(weights, rollouts[0].episode)
        return delay_s

    def _keep_best(self, weights: ActorWeights, episode: Episode) -> None:
        steps = golden_steps(episode)
        best = BestPolicies(
            actor=weights,
            golden_observation=episode.observation[steps],
            golden_legal=episode.legal[steps],
            delay_s=self._best_delay_s,
            unit=len(self.rows) + 1,
            episodes=self._sampler.episodes,
            simulated_hours=self._setting.demonstration_hours + self._sampler.hours,
        )
        best.write(self._config.out / BEST_NAME)

    def _log(
        self,
        phase: str,
        *,
        losses: dict[str, float],
        delay_s: float | None,
        mean_return: float | None = None,
        w: Array | None = None,
    ) -> None:
        """Write the figures of a unit that ended, and a checkpoint."""
        unit = len(self.rows) + 1
        self._timings.append(UnitTiming(unit=unit, cpu_s=self._sampler.cpu_s))
        row = MetricsRow(
            unit=unit,
            phase=phase,
            episodes=self._sampler.episodes,
            simulated_hours=self._setting.demonstration_hours + self._sampler.hours,
            mean_return=mean_return,
            expert_return=None if self._expert is None else float(self._expert.demonstrated.mean_return.mean()),
            delay_s=delay_s,
            expert_delay_s=self._expert_delay_s,
            weights={} if w is None else self._by_id(w),
            similarity={} if w is None else self._by_id(self._weighting.similarity),
            losses=losses,
        )
        self.rows.append(row)
        write_metrics(self._config.out, self.rows)
        write_timings(self._config.out, self._timings)
        self._scalars.add(row)
        write_checkpoint(self._config.out / CHECKPOINT_NAME, self._state())
        self._sampler.restart_clock()

    def _state(self) -> dict[str, Any]:
        """Values that a bit-for-bit continuation needs."""
        n_validated = sum(row.delay_s is not None for row in self.rows) + (self._expert_delay_s is not None)
        validated_hours = n_validated * self._config.validation.validation_seeds
        return {
            "done": len(self.rows),
            "learner": self.learner.state(),
            "weighting": self._weighting.state(),
            "average": self._average.state(),
            "labelled": self._expert.state() if self._expert else [],
            "episodes": self._sampler.episodes,
            "on_policy_hours": self._sampler.hours,
            "best_delay_s": self._best_delay_s,
            "expert_delay_s": self._expert_delay_s,
            "hours_told": self._sampler.episodes + validated_hours,
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        self.learner.load_state(state["learner"])
        self._weighting.load_state(state["weighting"])
        self._average.load_state(state["average"])
        if self._expert:
            self._expert.load_state(state["labelled"])
        self._sampler.episodes = state["episodes"]
        self._sampler.hours = state["on_policy_hours"]
        self._best_delay_s = state["best_delay_s"]
        self._expert_delay_s = state["expert_delay_s"]

    def _by_id(self, values: Array) -> dict[str, float]:
        named = zip(self._setting.intersections, values, strict=True)
        return {intersection.id: float(value) for intersection, value in named if np.isfinite(value)}


def _observation_sizes(config: TrainConfig, setting: RunSetting) -> list[int]:
    """(N,) D of each intersection."""
    specs = [
        observation_spec(
            intersection,
            decision_interval_s=config.env.decision_interval_s,
            reach_m=config.env.reach_m,
            counts_persons=setting.weights.counts_persons,
        )
        for intersection in setting.intersections
    ]
    return [spec.size for spec in specs]


def _mean_return(rollouts: list[Rollout]) -> float:
    return float(np.mean([rollout.episode.total_reward for rollout in rollouts]))
