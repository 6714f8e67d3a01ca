"""`leedctl train` and `leedctl export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.cli.terminal.output import JsonOption, SpreadOption, messages, print_json, print_table, progress
from leed_traffic.errors import UsageError

if TYPE_CHECKING:
    from leed_traffic.artifacts.bundle import Bundle
    from leed_traffic.train.config import TrainConfig


def train_command(
    scenario: Annotated[
        str, typer.Argument(help="A scenario's name or a path to a .sumocfg.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Run folder to make.", show_default=False)],
    demonstrations: Annotated[
        Path | None, typer.Option(help="Folder from `leedctl generate`; without: no expert.")
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(help="On-policy hours after cloning (16); 0: cloning and DAgger alone.")
    ] = None,
    episodes_per_update: Annotated[int | None, typer.Option(help="On-policy hours behind one update (2).")] = None,
    workers: Annotated[
        int, typer.Option(help="Rollout processes and learning threads here; 0: in this process.")
    ] = 2,
    backend: Annotated[
        str, typer.Option("--backend", "--engine", help="local, or ray: a cluster, with the same result.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster: HOST:PORT or auto; else this machine.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, choices and training demand.")] = 1,
    site: Annotated[
        str | None, typer.Option(help="Limits: `derived`, `as-net` or a file; else the scenario's own.")
    ] = None,
    spread: SpreadOption = None,
    decision_interval: Annotated[float | None, typer.Option(help="Seconds between two requests (5).")] = None,
    reach: Annotated[float | None, typer.Option(help="Metres that the detectors see (100).")] = None,
    cloning_steps: Annotated[
        int | None, typer.Option(help="Most gradient steps on the demonstrations (3000); ablation: 0.")
    ] = None,
    critic_steps: Annotated[
        int | None, typer.Option(help="The critics' steps on them (500); ablation: 0.")
    ] = None,
    dagger_rounds: Annotated[
        int | None, typer.Option(help="Rounds of DAgger, labelled by the plans (8); ablation: 0.")
    ] = None,
    follow_worse_expert: Annotated[
        bool, typer.Option("--follow-worse-expert", help="Learn from plans that lose to the fallback cycle, too.")
    ] = False,
    expert_weight: Annotated[str | None, typer.Option(help="dynamic (the default), fixed, decay or none.")] = None,
    fixed_weight: Annotated[float | None, typer.Option(help="w with --expert-weight fixed (0.5).")] = None,
    gate: Annotated[str | None, typer.Option(help="parity (the default), margin or none.")] = None,
    similarity: Annotated[
        str | None, typer.Option(help="DTW in a dynamic w: lean-when-far (the default), lean-when-near or off.")
    ] = None,
    sharing: Annotated[
        str | None, typer.Option(help="Baselines: nothing (the default), critic (MAPPO) or everything.")
    ] = None,
    sensing: Annotated[
        str | None, typer.Option(help="ideal (the default), camera, loops, or a sensing file.")
    ] = None,
    detector_faults: Annotated[
        float | None, typer.Option(help="Lasting detector faults per lane and hour (0).")
    ] = None,
    reward: Annotated[
        str | None, typer.Option(help="queue, time-loss (the default) or pressure; as in the demonstrations.")
    ] = None,
    advantage_beta: Annotated[
        float | None, typer.Option(help="beta of f(A_e) = exp(A_e / beta); without: f = 1.")
    ] = None,
    validation_seeds: Annotated[int | None, typer.Option(help="Hours on which policies are compared (3).")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's last checkpoint, bit for bit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
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
    from leed_traffic.train.run import train
    from leed_traffic.train.run_folder import BUNDLE_NAME

    settings: dict[str, Any] = {
        "scenario": scenario,
        "demonstrations": demonstrations,
        "out": out,
        "site": site,
        "spread": spread,
        "seed": seed,
        "workers": workers,
        "backend": backend,
        "address": address,
        "resume": resume,
        "episodes": episodes,
        "episodes_per_update": episodes_per_update,
        "decision_interval_s": decision_interval,
        "reach_m": reach,
        "cloning_steps": cloning_steps,
        "critic_steps": critic_steps,
        "dagger_rounds": dagger_rounds,
        "follow_worse_expert": follow_worse_expert,
        "expert_weight": expert_weight,
        "fixed_weight": fixed_weight,
        "gate": gate,
        "similarity": similarity,
        "sharing": sharing,
        "sensing": sensing,
        "detector_faults": detector_faults,
        "reward": reward,
        "advantage_beta": advantage_beta,
        "validation_seeds": validation_seeds,
    }
    config = _config({name: value for name, value in settings.items() if value is not None})
    _tell_same_day(config)
    driven = config.model_copy(update={"demonstrations": None}) if _tells_left_aside(config) else config
    with progress(f"train {scenario}", driven.total_episodes) as bar:
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


def _config(settings: dict[str, Any]) -> "TrainConfig":
    """The settings as a checked model.

    Raises:
        UsageError: a value makes no sense, alone or with another.
    """
    from pydantic import ValidationError

    from leed_traffic.train.config import TrainConfig

    try:
        return TrainConfig.from_flat(settings)
    except ValidationError as err:
        raise UsageError(first_fault(err, as_option=True, shows_value=True)) from err


def _tell_same_day(config: "TrainConfig") -> None:
    """A policy that meets one day alone may fit that day: say so before hours are spent on it."""
    from leed_traffic.artifacts.scenario import load_scenario, with_spread

    scenario = with_spread(load_scenario(config.env.scenario), config.env.spread)
    if scenario.demand is None and scenario.spread == 0.0:
        messages.print(
            f"{scenario.name}: every hour drives the same day; --spread 0.1 lets days differ", markup=False
        )


def _tells_left_aside(config: "TrainConfig") -> bool:
    """Whether the demonstrations lose to the cycle that runs when nobody asks; said, where it is so."""
    from leed_traffic.artifacts.demonstrations import read_manifest
    from leed_traffic.train.expert import is_left_aside

    manifest = None if config.demonstrations is None else read_manifest(config.demonstrations)
    is_aside = manifest is not None and is_left_aside(manifest, config)
    if manifest is not None and is_aside:
        messages.print(
            f"{config.demonstrations}: left aside, its plans ({manifest.delay_s:.1f} s) lose to the fallback cycle "
            f"({manifest.baseline_delay_s:.1f} s); PPO begins without them unless --follow-worse-expert is given",
            markup=False,
        )
    return is_aside


def _report(run: Path, bundle: "Bundle", as_json: bool) -> None:
    from leed_traffic.train.run_folder import read_metrics

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
