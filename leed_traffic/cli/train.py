"""`leedctl train` and `leedctl export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, print_table, progress
from leed_traffic.train.config import TrainConfig

if TYPE_CHECKING:
    from leed_traffic.artifacts.bundle import Bundle


@takes(TrainConfig, arguments=("env.scenario",))
def train_command(given: Given[TrainConfig], as_json: JsonOption = False) -> None:
    """Train one policy per intersection: clone the demonstrations, DAgger, then PPO.

    Ends with a bundle in OUT/bundle, of the policies that did best on validation hours.

    \b
    Examples:
        leedctl train arterial5 --demonstrations demos/ --out runs/arterial5
        leedctl train arterial5 --demonstrations demos/ --out runs/arterial5 --resume
        leedctl train arterial5 --demonstrations demos/ --out runs/loops --sensing loops
        leedctl train arterial5 --out runs/ppo-alone --episodes 100
        leedctl train path/to/town.sumocfg --spread 0.1 --out runs/town
        leedctl train arterial5 --demonstrations demos/ --out runs/clone --episodes 0
        leedctl train grid4x4 --demonstrations demos/ --out runs/cluster --backend ray --address auto

    Exit codes: 0 done, 2 an input is missing or broken, 4 demonstrations made for something else, 5 a worker lost.
    """
    from leed_traffic.artifacts.bundle import read_bundle
    from leed_traffic.train.records.run_folder import BUNDLE_NAME
    from leed_traffic.train.run import train

    config = given.build()
    _tell_same_day(config)
    driven = config.model_copy(update={"demonstrations": None}) if _tells_left_aside(config) else config
    with progress(f"train {config.env.scenario}", driven.total_episodes) as bar:
        run = train(config, bar)
    _report(run, read_bundle(run / BUNDLE_NAME), as_json)


def export_command(
    run: Annotated[Path, typer.Argument(help="Run folder from `leedctl train`.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="Bundle folder to make; an older bundle there is replaced.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Export a run's best policies as a bundle; an interrupted run exports the best so far.

    \b
    Examples:
        leedctl export runs/arterial5 --out models/arterial5

    Exit codes: 0 done, 2 the run is missing or broken.
    """
    from leed_traffic.train.export import export_run

    _report(run, export_run(run, out), as_json)


def _tell_same_day(config: TrainConfig) -> None:
    """Warn, before hours are spent, that a policy that meets one day alone may fit that day."""
    from leed_traffic.artifacts.scenario import load_scenario, with_spread

    scenario = with_spread(load_scenario(config.env.scenario), config.env.spread)
    if scenario.demand is None and scenario.spread == 0.0:
        messages.print(
            f"{scenario.name}: every hour drives the same day; --spread 0.1 lets days differ", markup=False
        )


def _tells_left_aside(config: TrainConfig) -> bool:
    """Return whether the demonstrations lose to the fallback cycle; say so."""
    from leed_traffic.artifacts.demonstrations import read_manifest
    from leed_traffic.train.expert import is_left_aside

    manifest = None if config.demonstrations is None else read_manifest(config.demonstrations)
    is_aside = manifest is not None and is_left_aside(manifest, config)
    if manifest is not None and is_aside:
        messages.print(
            f"{config.demonstrations}: left aside, its plans ({manifest.delay_s:.1f} s) lose to the fallback "
            "cycle "
            f"({manifest.baseline_delay_s:.1f} s); PPO begins without them unless --follow-worse-expert is given",
            markup=False,
        )
    return is_aside


def _report(run: Path, bundle: "Bundle", as_json: bool) -> None:
    from leed_traffic.train.records.run_folder import read_metrics

    rows = read_metrics(run)
    training = bundle.manifest.training
    if as_json:
        document = {
            "run": str(run),
            "bundle": str(bundle.path),
            "bundle_digest": bundle.digest,
            "validation_delay_s": training.validation_delay_s,
            "simulated_hours": training.simulated_hours,
            "curve": [row.model_dump(mode="json") for row in rows],
        }
        print_json(document)
        return
    table = [
        [
            f"{row.unit} {row.phase}",
            f"{row.simulated_hours:.1f}",
            "-" if row.mean_return is None else f"{row.mean_return:.0f}",
            "-" if row.delay_s is None else f"{row.delay_s:.1f}",
            "-" if row.expert_delay_s is None else f"{row.expert_delay_s:.1f}",
            "-" if not row.weights else f"{sum(row.weights.values()) / len(row.weights):.2f}",
        ]
        for row in rows
    ]
    print_table("Training", ["unit", "hours", "return", "validation delay s", "expert s", "mean w"], table)
    best = "-" if training.validation_delay_s is None else f"{training.validation_delay_s:.1f} s"
    print(f"bundle {bundle.path}: {len(bundle.ids)} policies, validation delay {best}")
