"""Training run from demonstrations to a bundle: inputs are checked, the run folder made, the bundle exported."""

from importlib.metadata import version
from pathlib import Path

import torch

from leed_traffic.artifacts.demonstrations import DemonstrationManifest, Demonstrations, read_demonstrations
from leed_traffic.simulation.env.env_spec import EnvSpec
from leed_traffic.train.config import TrainConfig
from leed_traffic.train.env import env_of
from leed_traffic.train.expert import check_demonstrations, demonstrations_digest, is_left_aside
from leed_traffic.train.export import export_run
from leed_traffic.train.parallel.blocks import BlockWorkers
from leed_traffic.train.parallel.workers import RolloutWorkers, ThreadedBlocks, open_workers
from leed_traffic.train.records.curves import ScalarLog
from leed_traffic.train.records.run_folder import BUNDLE_NAME, TENSORBOARD_NAME, RunSetting, prepare_folder
from leed_traffic.train.runner import Runner
from leed_traffic.train.sampler import Progress, Sampler


def train(config: TrainConfig, on_progress: Progress) -> Path:
    """Train the policies of a scenario.

    An expert that loses to the fallback cycle is left aside unless the settings say otherwise.

    Args:
        config: what to do.
        on_progress: called as simulated hours end; `config.total_episodes` in all.

    Returns:
        The run folder, with the bundle in `bundle/`.

    Raises:
        ScenarioError: the scenario is missing or has no signals.
        DemonstrationError: the demonstrations are missing or broken.
        MismatchError: they were made for something else.
        TrainingError: the folder holds another run, or its checkpoint is damaged.
    """
    spec = env_of(config.env)
    demonstrations = None
    manifest = None
    if config.demonstrations is not None:
        demonstrations = read_demonstrations(config.demonstrations)
        manifest = demonstrations.manifest
        check_demonstrations(manifest, config.demonstrations, config.env, spec.network, spec.site)
    if manifest is not None and is_left_aside(manifest, config):
        on_progress(
            0, f"expert left aside: {manifest.delay_s:.1f} s, fallback cycle {manifest.baseline_delay_s:.1f} s"
        )
        config = config.model_copy(update={"demonstrations": None})
        demonstrations = None
    with open_workers(config.compute, spec) as (rollouts, blocks):
        return train_with(config, _setting(spec, manifest), demonstrations, rollouts, on_progress, blocks)


def train_with(
    config: TrainConfig,
    setting: RunSetting,
    demonstrations: Demonstrations | None,
    rollouts: RolloutWorkers,
    on_progress: Progress,
    blocks: BlockWorkers | None = None,
) -> Path:
    """Train on given workers; without `blocks` the learner works in this process."""
    # small matrices: threads cost more than they give, and one thread always adds in one order
    torch.set_num_threads(1)
    prepare_folder(config, setting)
    sampler = Sampler(rollouts, on_progress, runs_here=config.compute.workers == 0)
    with ScalarLog(config.out / TENSORBOARD_NAME) as scalars:
        runner = Runner(config, setting, demonstrations, sampler, blocks or ThreadedBlocks(1), scalars)
        if config.resume:
            runner.resume()
        runner.learn()
    export_run(config.out, config.out / BUNDLE_NAME)
    return config.out


def _setting(spec: EnvSpec, manifest: DemonstrationManifest | None) -> RunSetting:
    """Network, limits and provenance, for the run folder."""
    return RunSetting(
        scenario=spec.scenario.name,
        intersections=spec.network.intersections,
        site_name=spec.site.name,
        timings=spec.site.timings,
        weights=spec.site.weights,
        priority=spec.site.priority,
        author=manifest.author if manifest else "",
        demonstrations_digest=demonstrations_digest(manifest) if manifest else "",
        sensing_digest="" if spec.sensing.is_perfect else spec.sensing.digest(),
        demonstration_hours=manifest.simulated_hours if manifest else 0.0,
        sumo_version=version("libsumo"),
        torch_version=str(torch.__version__),
    )
