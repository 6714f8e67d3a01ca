"""A training run from demonstrations to a bundle: clone, relabel what the policies run into, learn from own experience.

The work comes in units (cloning, a relabelling round, an update); after each the run is checkpointed, and a killed
run goes on from there to the same bits.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Demonstrations, read_demonstrations
from leed_traffic.artifacts.scenario import load_scenario, with_spread
from leed_traffic.artifacts.sealed_folder import sha256
from leed_traffic.domain.detectors.sensing import Sensing
from leed_traffic.domain.observation import observation_spec
from leed_traffic.domain.seeds import FIRST_VALIDATION_SEED
from leed_traffic.errors import TrainingError
from leed_traffic.simulation.env.env_spec import EnvSpec, env_spec
from leed_traffic.train.averaging import PolicyAverage
from leed_traffic.train.blocks import BLOCK_SIZE, BlockedLearner, BlockWork, cut_into_blocks
from leed_traffic.train.checkpoint import describe, read_checkpoint, write_checkpoint
from leed_traffic.train.config import Sharing, TrainConfig
from leed_traffic.train.curves import ScalarLog
from leed_traffic.train.expert import (
    ExpertSteps,
    check_demonstrations,
    is_left_aside,
    join_steps,
    labelled_steps,
    stack_demonstrations,
    steps_of,
)
from leed_traffic.train.export import export_run
from leed_traffic.train.rollout import ActorWeights, Rollout, RolloutTask
from leed_traffic.train.run_folder import (
    BEST_NAME,
    BUNDLE_NAME,
    CHECKPOINT_NAME,
    CONFIG_NAME,
    SETTING_NAME,
    TENSORBOARD_NAME,
    MetricsRow,
    RunSetting,
    UnitTiming,
    read_metrics,
    read_setting,
    read_timings,
    settings_that_differ,
    write_metrics,
    write_text,
    write_timings,
)
from leed_traffic.train.weighting import ExpertWeighting
from leed_traffic.train.workers import Rollouts, ThreadedBlocks, crew

Progress = Callable[[int, str], None]  # episodes done since the last call, a few words

GOLDEN_VECTORS = 8
CLONE = "clone"
DAGGER = "dagger"
OWN = "own"


def train(config: TrainConfig, on_progress: Progress) -> Path:
    """Train the policies of a scenario; an expert that loses to the fallback cycle is left aside unless the settings say so.

    Args:
        config: what to do.
        on_progress: told as simulated hours end; `config.total_episodes` in all.

    Returns:
        The run folder, with the bundle in `bundle/`.

    Raises:
        ScenarioError: the scenario is missing or has no signals.
        DemonstrationError: the demonstrations are missing or broken.
        MismatchError: they were made for something else.
        TrainingError: the folder holds another run, or its checkpoint is damaged.
    """
    spec = env_of(config)
    scenario = spec.scenario
    network = spec.network
    site = spec.site
    demonstrations = None if config.demonstrations is None else read_demonstrations(config.demonstrations)
    if demonstrations is not None:
        check_demonstrations(demonstrations.manifest, config, network, site)
    manifest = demonstrations.manifest if demonstrations else None
    if manifest is not None and is_left_aside(manifest, config):
        on_progress(
            0, f"expert left aside: {manifest.delay_s:.1f} s, fallback cycle {manifest.baseline_delay_s:.1f} s"
        )
        config = config.model_copy(update={"demonstrations": None})
        demonstrations = None
    setting = RunSetting(
        scenario=scenario.name,
        intersections=network.intersections,
        site_name=site.name,
        timings=site.timings,
        weights=site.weights,
        priority=site.priority,
        author=manifest.author if manifest else "",
        demonstrations_digest=digest_of(manifest) if manifest else "",
        sensing_digest="" if spec.sensing.is_perfect else spec.sensing.digest(),
        demonstration_hours=manifest.simulated_hours if manifest else 0.0,
        sumo_version=version("libsumo"),
        torch_version=str(torch.__version__),
    )
    with crew(config, spec) as (rollouts, work):
        return train_with(config, setting, demonstrations, rollouts, on_progress, work)


def digest_of(manifest: DemonstrationManifest) -> str:
    """By which a run names the demonstrations that it learned from."""
    return sha256(manifest.model_dump_json().encode())


def env_of(config: TrainConfig) -> EnvSpec:
    """The env that the policies meet.

    Raises:
        ScenarioError: the scenario is missing or has no signals.
    """
    spec = env_spec(
        with_spread(load_scenario(config.scenario), config.spread),
        site=config.site,
        sensing=config.sensing,
        decision_interval_s=config.decision_interval_s,
        reach_m=config.reach_m,
        reward=config.reward,
    )
    return replace(spec, sensing=with_faults(spec.sensing, config.detector_faults))


def train_with(
    config: TrainConfig,
    setting: RunSetting,
    demonstrations: Demonstrations | None,
    rollouts: Rollouts,
    on_progress: Progress,
    work: BlockWork | None = None,
) -> Path:
    """The same on rollouts from anywhere, learning anywhere; without `work` in this process."""
    torch.set_num_threads(
        1
    )  # small matrices: threads cost more than they give, and one thread always adds in one order
    prepare_folder(config, setting)
    with ScalarLog(config.out / TENSORBOARD_NAME) as scalars:
        run = TrainingRun(config, setting, demonstrations, rollouts, on_progress, work or ThreadedBlocks(1))
        if config.resume:
            run.resume()
            scalars.keep(run.rows)
        run.finish(scalars)
    export_run(config.out, config.out / BUNDLE_NAME)
    return config.out


def prepare_folder(config: TrainConfig, setting: RunSetting) -> None:
    """Make the run folder, or hold the one that is there to the same settings.

    Raises:
        TrainingError: another run is there, or nothing to resume.
    """
    out = config.out
    if config.resume:
        different = settings_that_differ(out, config)
        made_on = read_setting(out)
        if different or made_on.model_dump(mode="json") != setting.model_dump(mode="json"):
            raise TrainingError(
                f"{out}: was begun with other settings ({', '.join(different) or 'scenario or demonstrations'}); "
                "resume with the same or train into another folder"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out}: is there already; go on with --resume or train into another folder")
    write_text(out / CONFIG_NAME, config.model_dump_json(indent=2, exclude={"resume"}) + "\n")
    write_text(out / SETTING_NAME, setting.model_dump_json() + "\n")


class TrainingRun:
    """The state of a run and its units of work."""

    def __init__(
        self,
        config: TrainConfig,
        setting: RunSetting,
        demonstrations: Demonstrations | None,
        rollouts: Rollouts,
        on_progress: Progress,
        work: BlockWork,
    ) -> None:
        """Begin, or prepare to resume; see `train_with`."""
        self._config = config
        self._setting = setting
        self._rollouts = rollouts
        self._on_progress = on_progress
        network = setting.network
        specs = [
            observation_spec(
                i,
                decision_interval_s=config.decision_interval_s,
                reach_m=config.reach_m,
                counts_persons=setting.weights.counts_persons,
            )
            for i in network.intersections
        ]
        sizes = [spec.size for spec in specs]
        n_stages = max(i.n_stages for i in network.intersections)
        self._plans = demonstrations.plans if demonstrations else None
        self._demonstrated = None
        if demonstrations:
            self._demonstrated = stack_demonstrations(demonstrations, network, (len(sizes), max(sizes)), n_stages)
        self._labelled: list[ExpertSteps] = []
        block = BLOCK_SIZE if config.sharing is Sharing.NOTHING else len(sizes)  # what is shared is shared by all
        self.learner = BlockedLearner(cut_into_blocks(sizes, n_stages, config, size=block), work)
        self._weighting = ExpertWeighting(self._demonstrated, len(sizes), config)
        self._average = PolicyAverage(config.averaging)
        self._units = (
            [CLONE] * (demonstrations is not None) + [DAGGER] * config.n_rounds + [OWN] * config.n_updates
        )
        self._episodes = 0
        self._own_hours = 0.0
        self._best_delay_s = float("inf")
        self._expert_delay_s: float | None = None
        self.rows: list[MetricsRow] = []
        self._timings: list[UnitTiming] = []
        self._cpu_elsewhere_s = (
            0.0  # of simulations: those of validation are taken off, those in other processes added
        )

    def resume(self) -> None:
        """Take up the last checkpoint; without one the run begins anew.

        Raises:
            TrainingError: it is damaged.
        """
        path = self._config.out / CHECKPOINT_NAME
        if not path.exists():
            return
        content = read_checkpoint(path)
        try:
            self.learner.load_state(content["learner"])
            self._weighting.load_state(content["weighting"])
            self._average.load_state(content["average"])
            self._labelled = [
                ExpertSteps(**{k: v.numpy() for k, v in part.items()}) for part in content["labelled"]
            ]
            self._episodes = content["episodes"]
            self._own_hours = content["own_hours"]
            self._best_delay_s = content["best_delay_s"]
            self._expert_delay_s = content["expert_delay_s"]
            done = content["done"]
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as err:
            raise TrainingError(f"{path}: damaged checkpoint ({describe(err)}); train again") from err
        self.rows = read_metrics(self._config.out)[:done]
        self._timings = read_timings(self._config.out)[:done]
        self._on_progress(content["hours_told"], f"resumed after {done} of {len(self._units)} units")

    def finish(self, scalars: ScalarLog) -> None:
        """Do the units that are left."""
        work = {CLONE: self._clone, DAGGER: self._relabel, OWN: self._learn}
        for unit in range(len(self.rows), len(self._units)):
            phase = self._units[unit]
            begin_cpu_s = time.process_time()
            self._cpu_elsewhere_s = 0.0
            figures = work[phase](unit)
            cpu_s = time.process_time() - begin_cpu_s + self._cpu_elsewhere_s
            self._timings.append(UnitTiming(unit=unit + 1, cpu_s=cpu_s))
            row = MetricsRow(
                unit=unit + 1,
                phase=phase,
                episodes=self._episodes,
                simulated_hours=self._setting.demonstration_hours + self._own_hours,
                expert_delay_s=self._expert_delay_s,
                expert_return=None if self._demonstrated is None else float(self._demonstrated.mean_return.mean()),
                **figures,
            )
            self.rows.append(row)
            write_metrics(self._config.out, self.rows)
            write_timings(self._config.out, self._timings)
            scalars.add(row)
            self._write_checkpoint()

    def _clone(self, unit: int) -> dict[str, Any]:
        """Fit the demonstrations; see how the clones and the expert itself do on the validation hours."""
        demonstrated = self._demonstrated
        if demonstrated is None:
            raise ValueError("cloning needs demonstrations, got none")
        agreement = self.learner.clone(steps_of(demonstrated), self._config.cloning_steps)
        self.learner.fit_critic(demonstrated, self._config.critic_steps)
        self._expert_delay_s = self._validate(None, unit)
        return {"delay_s": self._validate(self.learner.weights(), unit), "losses": {"agreement": agreement}}

    def _relabel(self, unit: int) -> dict[str, Any]:
        """The expert says what it would have done in the states that the policies ran into (DAgger, Ross et al. 2011)."""
        rollouts = self._drive(self._config.dagger_episodes, "relabelling", self._plans)
        self._labelled += [labelled_steps(rollout) for rollout in rollouts]
        agreement = self.learner.clone(self._expert_steps(), self._config.dagger_steps)
        episodes = [rollout.episode for rollout in rollouts]
        n = len(self._setting.intersections)
        losses = self.learner.update(episodes, None, np.zeros(n), critic_only=True)
        n_done = unit - self._units.index(DAGGER) + 1
        is_due = n_done % self._config.validate_every == 0 or n_done == self._config.n_rounds
        delay_s = self._validate(self.learner.weights(), unit) if is_due else None
        return {
            "mean_return": _mean_return(rollouts),
            "delay_s": delay_s,
            "losses": {**losses, "agreement": agreement},
        }

    def _learn(self, unit: int) -> dict[str, Any]:
        """One update from own experience, leaning on the expert as far as the weights say."""
        config = self._config
        update = unit - self._units.index(OWN)
        if update == 0 and config.is_cloned:
            self.learner.soften(self._expert_steps())
        rollouts = self._drive(config.episodes_per_update, f"update {update + 1} of {config.n_updates}", None)
        episodes = [rollout.episode for rollout in rollouts]
        w = self._weighting.update(episodes)
        expert = self._expert_steps(weighted=True) if w.any() else None
        critic_only = update < config.critic_first_updates
        losses = self.learner.update(episodes, expert, w, critic_only=critic_only)
        if config.is_cloned and not critic_only:
            self._average.add(self.learner.weights())
        is_due = (update + 1) % config.validate_every == 0 or unit + 1 == len(self._units)
        return {
            "mean_return": _mean_return(rollouts),
            "delay_s": self._validate(self._learned(), unit) if is_due else None,
            "weights": self._by_id(w),
            "similarity": self._by_id(self._weighting.similarity),
            "losses": losses,
        }

    def _learned(self) -> ActorWeights:
        """What is judged and exported: the mean of the updates; the last one where they began far from any good policy."""
        return self._average.weights if self._average.count else self.learner.weights()

    def _expert_steps(self, *, weighted: bool = False) -> ExpertSteps:
        """Demonstrated and labelled steps; f(A_e) is known for the demonstrated ones only, 1 for the others."""
        demonstrated = self._demonstrated
        if demonstrated is None:
            raise ValueError("expert steps need demonstrations, got none")
        steps = join_steps([steps_of(demonstrated), *self._labelled])
        if weighted and self._config.advantage_beta is not None:
            known = self.learner.advantage_weights(demonstrated)
            steps.weight[:, : known.shape[1]] = known
        return steps

    def _drive(self, n: int, what: str, plans: dict[str, Any] | None) -> list[Rollout]:
        """Own hours with the current policies, choices drawn."""
        weights = self.learner.weights()
        seeds = [self._config.training_seed(self._episodes + k) for k in range(n)]
        tasks = [RolloutTask(weights=weights, seed=seed, sample_seed=seed, plans=plans) for seed in seeds]
        rollouts = self._rollouts.run(tasks, lambda: self._on_progress(1, what))
        self._episodes += n
        if self._config.workers > 0:
            self._cpu_elsewhere_s += sum(rollout.episode.cpu_s for rollout in rollouts)
        self._own_hours += sum(rollout.episode.simulated_s for rollout in rollouts) / 3600.0
        return rollouts

    def _validate(self, weights: ActorWeights | None, unit: int) -> float:
        """Mean delay on the validation hours, best stages only; the best policies so far are kept on disk."""
        what = "validating" if weights is not None else "validating the expert"
        seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + self._config.validation_seeds)
        plans = self._plans if weights is None else None
        tasks = [RolloutTask(weights=weights, seed=seed, plans=plans, is_scored=True) for seed in seeds]
        rollouts = self._rollouts.run(tasks, lambda: self._on_progress(1, what))
        if self._config.workers == 0:
            self._cpu_elsewhere_s -= sum(rollout.episode.cpu_s for rollout in rollouts)
        delays = [rollout.episode.score.delay_s for rollout in rollouts if rollout.episode.score is not None]
        if len(delays) != len(tasks):
            raise ValueError("a recording env must score its episode")
        delay_s = float(np.mean(delays))
        if weights is not None and delay_s < self._best_delay_s:
            self._best_delay_s = delay_s
            self._write_best(weights, rollouts[0], delay_s, unit)
        return delay_s

    def _write_best(self, weights: ActorWeights, rollout: Rollout, delay_s: float, unit: int) -> None:
        steps = np.linspace(0, len(rollout.episode.stage) - 1, GOLDEN_VECTORS).astype(np.intp)
        content = {
            "actor": {name: torch.from_numpy(value) for name, value in weights._asdict().items()},
            "golden_observation": torch.from_numpy(rollout.episode.observation[steps]),
            "golden_legal": torch.from_numpy(rollout.episode.legal[steps]),
            "delay_s": delay_s,
            "unit": unit + 1,
            "episodes": self._episodes,
            "simulated_hours": self._setting.demonstration_hours + self._own_hours,
        }
        write_checkpoint(self._config.out / BEST_NAME, content)

    def _write_checkpoint(self) -> None:
        fields = ("observation", "legal", "stage", "usable", "weight")
        n_validated = sum(row.delay_s is not None for row in self.rows) + (self._expert_delay_s is not None)
        content = {
            "done": len(self.rows),
            "learner": self.learner.state(),
            "weighting": self._weighting.state(),
            "average": self._average.state(),
            "labelled": [
                {name: torch.from_numpy(getattr(part, name)) for name in fields} for part in self._labelled
            ],
            "episodes": self._episodes,
            "own_hours": self._own_hours,
            "best_delay_s": self._best_delay_s,
            "expert_delay_s": self._expert_delay_s,
            "hours_told": self._episodes + n_validated * self._config.validation_seeds,
        }
        write_checkpoint(self._config.out / CHECKPOINT_NAME, content)

    def _by_id(self, values: NDArray[np.float64]) -> dict[str, float]:
        named = zip(self._setting.intersections, values, strict=True)
        return {intersection.id: float(value) for intersection, value in named if np.isfinite(value)}


def with_faults(sensing: Sensing, per_lane_hour: float) -> Sensing:
    """The same detectors with lasting faults; with any, every hour also draws how wrong the others are."""
    if not per_lane_hour:
        return sensing
    return replace(sensing, varies=True, faults=replace(sensing.faults, faults_per_lane_hour=per_lane_hour))


def _mean_return(rollouts: list[Rollout]) -> float:
    return float(np.mean([rollout.episode.total_reward for rollout in rollouts]))
