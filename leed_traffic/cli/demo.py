"""`leedctl demo`: the whole chain on one scenario, from demonstrations to a report, in a few minutes."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.evaluate import print_comparison
from leed_traffic.cli.generate import generate_with_progress
from leed_traffic.cli.terminal.output import JsonOption, WorkersOption, cores, messages, print_json, progress
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED, seeds_of
from leed_traffic.errors import DeviceError, ExitCode, UsageError

if TYPE_CHECKING:
    from leed_traffic.artifacts.demonstrations import DemonstrationManifest
    from leed_traffic.evaluate.report.figures import LearningCurve
    from leed_traffic.evaluate.runs import Comparison
    from leed_traffic.serve.control.loop import ServeSummary
    from leed_traffic.simulation.score.score import SeedScore
    from leed_traffic.train.config import TrainConfig

SCENARIO = "arterial5"
# Budgets: together about 5 minutes on 2 cores
SEARCH_RUNS = 53  # simulated hours for the author's search
DEMONSTRATION_SEEDS = (1, 2, 3)
TRAIN_EPISODES = 40  # on-policy hours after cloning and DAgger
VALIDATION_SEEDS = 3
SERVED_SEED = 1001
SERVE_LIMIT_S = 180.0  # wall time for the served hour
MARKER_NAME = "demo.json"  # says that a folder is a demo's and may be made anew


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for everything; an older demo there is replaced.")] = Path(
        "runs/demo"
    ),
    workers: WorkersOption = None,
    seeds: Annotated[str, typer.Option(help="Evaluation seeds: a count (from 1001 on), a range or a list.")] = "5",
    as_json: JsonOption = False,
) -> None:
    """Show the whole chain on a road with five signals: demonstrations, training, export, serving, evaluation.

    Takes a few minutes on two cores and needs no language model: the embedded author `search` writes the plans.
    Everything is simulated; nothing here is a certified safety function.

    \b
    Examples:
      leedctl demo
      leedctl demo --out /tmp/demo --seeds 10
      leedctl demo --json > demo.json

    Exit codes: 0 done, 2 a folder or a seed that cannot be used, 5 the served hour failed.
    """
    from leed_traffic.generate.config import GenerateConfig

    began_s = time.monotonic()
    evaluation_seeds = seeds_of(seeds)
    if min(evaluation_seeds) < FIRST_EVALUATION_SEED:
        raise UsageError(f"--seeds {seeds}: seeds below {FIRST_EVALUATION_SEED} are for generating and training")
    from leed_traffic.train.config import ComputeConfig, EnvConfig, PpoConfig, TrainConfig, ValidationConfig
    from leed_traffic.train.export import export_run
    from leed_traffic.train.run import train

    n_workers = workers or cores()
    _make_room(out)
    demonstrations = out / "demonstrations"
    run = out / "training"
    bundle = out / "bundle"

    _say(1, "the author `search` tries plans at five signals and demonstrates the best")
    manifest = generate_with_progress(
        GenerateConfig(
            scenario=SCENARIO, out=demonstrations, runs=SEARCH_RUNS, seeds=DEMONSTRATION_SEEDS, workers=n_workers
        )
    )
    _say(2, "every signal learns its own policy: cloning, DAgger, PPO")
    config = TrainConfig(
        demonstrations=demonstrations,
        out=run,
        env=EnvConfig(scenario=SCENARIO),
        compute=ComputeConfig(workers=n_workers),
        ppo=PpoConfig(episodes=TRAIN_EPISODES),
        validation=ValidationConfig(validation_seeds=VALIDATION_SEEDS),
    )
    with progress(f"train {SCENARIO}", config.total_episodes) as bar:
        train(config, bar)
    export_run(run, bundle)
    _say(3, "a real SUMO server and, as its client over TCP, `leedctl serve` with the exported policies")
    summary, served = _serve(bundle, out / "events")
    _say(4, f"every controller on {len(evaluation_seeds)} seeds that training never saw")
    comparison, names = _evaluate(demonstrations, bundle, evaluation_seeds, n_workers, out)
    _say(5, "report")
    facts = _facts(manifest, config, summary, served, time.monotonic() - began_s)
    _write_report(out / "report.html", comparison, names, _curve(run, comparison, names), manifest, facts)
    if as_json:
        print_json(comparison.evaluation)
    else:
        print_comparison(comparison, names)
    _tell(out, bundle, time.monotonic() - began_s)


def _say(part: int, what: str) -> None:
    messages.print(f"{part}/5", style="bold", end=" ")
    messages.print(what)


def _make_room(out: Path) -> None:
    """Make a new folder, or empty an older demo's.

    Raises:
        UsageError: something else is there.
    """
    if out.exists():
        if not out.is_dir() or (any(out.iterdir()) and not (out / MARKER_NAME).is_file()):
            raise UsageError(f"--out {out}: holds something other than a demo; give a new or empty folder")
        for item in out.iterdir():
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER_NAME).write_text(json.dumps({"scenario": SCENARIO}) + "\n", encoding="utf-8")
    except OSError as err:
        raise UsageError(f"--out {out}: cannot be written ({err.strerror})") from err


def _serve(bundle: Path, events: Path) -> tuple["ServeSummary", "SeedScore"]:
    """Serve one hour between two processes; return the client's summary and the score of the server's record.

    Raises:
        DeviceError: server or client failed.
    """
    from leed_traffic.artifacts.bundle import read_bundle
    from leed_traffic.artifacts.scenario import load_scenario
    from leed_traffic.serve.control.loop import ServeSummary
    from leed_traffic.simulation.demand.demand import write_demand
    from leed_traffic.simulation.score.score import read_score
    from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server

    scenario = load_scenario(SCENARIO)
    content = read_bundle(bundle)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="leed-demo-") as folder:
        route_files = write_demand(scenario, SERVED_SEED, Path(folder))
        record = Path(folder) / "record"
        server = start_server(
            scenario, port=port, seed=SERVED_SEED, route_files=route_files, record=record, audit=True
        )
        command = [
            sys.executable,
            "-m",
            "leed_traffic.cli.main",
            "serve",
            str(bundle),
            "--connect",
            f"127.0.0.1:{port}",
        ]
        command += [
            "--state",
            str(Path(folder) / "state"),
        ]  # the street of a demo is gone after it, and its latches with it
        try:
            client = subprocess.run(
                [*command, "--events", str(events), "--json"],
                stdout=subprocess.PIPE,
                timeout=SERVE_LIMIT_S,
                check=False,
            )
            if client.returncode != int(ExitCode.OK):
                raise DeviceError(
                    f"leedctl serve ended with exit code {client.returncode}; its messages are above"
                )
            server.wait(SERVE_LIMIT_S)
        except subprocess.TimeoutExpired as err:
            raise DeviceError(
                f"the served hour took more than {SERVE_LIMIT_S:.0f} s; is the machine busy?"
            ) from err
        finally:
            stop_server(server)
        score = read_score(
            record, scenario, content.network, content.site, seed=SERVED_SEED, route_files=route_files
        )
        return ServeSummary.model_validate_json(client.stdout), score


def _evaluate(
    demonstrations: Path, bundle: Path, seeds: tuple[int, ...], workers: int, out: Path
) -> tuple["Comparison", dict[str, str]]:
    from leed_traffic.evaluate.compare import compare
    from leed_traffic.evaluate.config import RULES, EvaluateConfig
    from leed_traffic.evaluate.controllers import Choice, ControllerKind, parse_controllers
    from leed_traffic.evaluate.exports import write_results

    plan = Choice(kind=ControllerKind.PLAN, path=demonstrations)
    ours = Choice(kind=ControllerKind.BUNDLE, path=bundle)
    choices = (*parse_controllers(RULES), plan, ours)
    names = {choice.name: str(choice.kind) for choice in choices} | {
        plan.name: "demonstrating plan",
        ours.name: "LEED policies",
    }
    config = EvaluateConfig(
        scenario=SCENARIO,
        controllers=choices,
        seeds=seeds,
        workers=workers,
        keeps_timeline=True,
        show=("actuated", ours.name),
    )
    with progress("evaluate", config.n_runs) as bar:
        comparison = compare(
            config, lambda run: bar(1, f"{names[run.controller]} seed {run.seed}: {run.delay_s:.1f} s")
        )
    write_results(out / "evaluation", comparison)
    return comparison, names


def _curve(run: Path, comparison: "Comparison", names: dict[str, str]) -> "LearningCurve":
    """Validation delay and expert weights against simulated hours; the rules' delays as references."""
    from leed_traffic.evaluate.report.figures import LearningCurve
    from leed_traffic.train.records.run_folder import read_metrics, read_setting

    rows = read_metrics(run)
    looks = [row for row in rows if row.delay_s is not None]
    weighted = [row for row in rows if row.weights]
    rules = {
        names[result.controller]: result.delay_s.mean
        for result in comparison.evaluation.results
        if not result.controller.startswith(("plan:", "bundle:"))
    }
    expert_s = next((row.expert_delay_s for row in rows if row.expert_delay_s is not None), None)
    ids = list(weighted[0].weights) if weighted else []
    return LearningCurve(
        hours=tuple(row.simulated_hours for row in looks),
        delay_s=tuple(row.delay_s for row in looks if row.delay_s is not None),
        demonstration_hours=read_setting(run).demonstration_hours,
        references_s=rules if expert_s is None else {**rules, "demonstrating plan": expert_s},
        weight_hours=tuple(row.simulated_hours for row in weighted),
        weights={name: tuple(row.weights.get(name, 0.0) for row in weighted) for name in ids},
    )


def _write_report(
    path: Path,
    comparison: "Comparison",
    names: dict[str, str],
    curve: "LearningCurve",
    manifest: "DemonstrationManifest",
    facts: list[tuple[str, str]],
) -> None:
    from leed_traffic.evaluate.report.report import Story, write_report

    ours = comparison.evaluation.results[-1].controller
    author = (
        f"the embedded author `{manifest.author}`, "
        f"{'model ' + manifest.model if manifest.model else 'no language model'}"
    )
    story = Story(title=f"LEED on {SCENARIO}", ours=ours, author=author, curve=curve, facts=facts)
    write_report(path, comparison, names, story)


def _facts(
    manifest: "DemonstrationManifest",
    config: "TrainConfig",
    summary: "ServeSummary",
    served: "SeedScore",
    wall_s: float,
) -> list[tuple[str, str]]:
    return [
        (
            "Search",
            f"{manifest.simulated_hours:.0f} simulated hours: plans tried on seeds "
            f"{', '.join(map(str, manifest.author_seeds))}, the last standing on others, too",
        ),
        (
            "Training",
            f"{config.ppo.episodes} on-policy hours, seed {config.seed}, "
            f"validated on {config.validation.validation_seeds} other seeds",
        ),
        (
            "Served over TCP",
            f"{summary.end_s - summary.begin_s:.0f} s of seed {served.seed} by `leedctl serve`: delay "
            f"{served.delay_s:.1f} s, "
            f"{summary.decisions} decisions (p99 {summary.decision.p99_ms:.1f} ms), {len(summary.violations)} "
            "monitor "
            f"violations, {served.unsafe_changes} unsafe changes, {served.teleports} teleports",
        ),
        ("Wall time", f"{wall_s:.0f} s, report not counted"),
    ]


def _tell(out: Path, bundle: Path, wall_s: float) -> None:
    messages.print(f"done in {wall_s:.0f} s; open {out / 'report.html'}")
    messages.print(f"demonstrations: {out / 'demonstrations'}   training: {out / 'training'}   bundle: {bundle}")
    messages.print(
        f"served hour: {out / 'events'}   evaluation: {out / 'evaluation'}   (tensorboard --logdir "
        f"{out / 'training'})"
    )
