"""`leedctl generate`: plans by an author, executed and written as demonstrations."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import (
    JsonOption,
    WorkersOption,
    cores,
    messages,
    print_json,
    print_table,
    progress,
)
from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.generate.config import AuthorName, GenerateConfig

if TYPE_CHECKING:
    from leed_traffic.artifacts.demonstrations import DemonstrationManifest
    from leed_traffic.generate.language_model.authorship import Authorship
    from leed_traffic.generate.progress import Asking


@takes(
    GenerateConfig,
    arguments=("scenario",),
    without=("workers",),
    names={"language.urls": "url", "language.start_s": "start-timeout"},
)
def generate_command(
    given: Given[GenerateConfig], workers: WorkersOption = None, as_json: JsonOption = False
) -> None:
    """Write plans for every signal of a scenario, try them, and record the best as demonstrations.

    An interrupted run goes on where it stopped when the same command is given again; a model is asked nothing
    twice.

    \b
    Examples:
      leedctl generate crossing --author webster --out runs/crossing/demonstrations
      leedctl generate arterial5 --author search --runs 90 --workers 2 --out runs/arterial5/demonstrations
      leedctl generate path/to/net.sumocfg --site as-net --out runs/net/demonstrations --json
      leedctl generate crossing --author given --plans my_plans.json --out runs/crossing/mine
      leedctl generate arterial5 --author vllm --url http://gpu:8000/v1 --model NAME --out runs/arterial5/by-model
      leedctl generate arterial5 --author vllm --replay runs/arterial5/by-model/transcripts.jsonl --out runs/again

    \b Exit codes: 0 written, 2 unusable scenario, option, model or folder, 4 unusable site file, 5 model server or
    a worker lost, 130 interrupted.
    """
    author = given["author"]
    if author is not AuthorName.VLLM and any(given[f"language.{name}"] for name in ("urls", "model", "replay")):
        raise UsageError(f"--url, --model and --replay belong to --author vllm, not to --author {author.value}")
    _generate_and_show(given.build(workers=workers or cores()), as_json)


def _generate_and_show(config: GenerateConfig, as_json: bool) -> None:
    from leed_traffic.generate.language_model.authorship import read_authorship

    try:
        manifest = generate_with_progress(config)
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from here")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    authorship = read_authorship(config.out) if config.author is AuthorName.VLLM else None
    if as_json:
        print_json(
            manifest.model_dump(mode="json") | {"authorship": authorship.model_dump(mode="json")}
            if authorship
            else manifest
        )
    else:
        show_manifest(manifest, config.out)
    if authorship and not as_json:
        show_authorship(authorship, config.out)


def generate_with_progress(config: GenerateConfig) -> "DemonstrationManifest":
    """Generate with a progress bar on stderr; counts simulated hours."""
    from leed_traffic.generate.authors import planned_runs
    from leed_traffic.generate.run import generate

    with progress(f"demonstrations ({config.author.value})", planned_runs(config)) as bar:
        return generate(
            config, lambda done, total, note: bar(1, note), lambda asking: bar(0, _asking_note(asking))
        ).manifest


def show_manifest(manifest: "DemonstrationManifest", out: Path) -> None:
    """Print the starts and the result as a table on stdout."""
    rows = [["nobody asks (fallback cycle)", f"{manifest.baseline_delay_s:.1f}"]]
    rows += [
        [name, f"{delay_s:.1f}"] for name, delay_s in sorted(manifest.starts.items(), key=lambda item: -item[1])
    ]
    rows += [[f"author {manifest.author}", f"{manifest.delay_s:.1f}"]]
    seeds = ", ".join(map(str, manifest.author_seeds))
    print_table(
        f"{manifest.scenario}: plans of the author `{manifest.author}`",
        ["plans", f"delay s (seeds {seeds})"],
        rows,
    )
    shown = ", ".join(map(str, manifest.seeds))
    messages.print(
        f"{out}: demonstrations of seeds {shown}, delay {manifest.demonstrated_delay_s:.1f} s, "
        f"after {manifest.simulated_hours:.0f} simulated hours"
    )


def show_authorship(authorship: "Authorship", out: Path) -> None:
    """Print the language model's record, round by round, as a table on stdout."""
    from leed_traffic.generate.run import REPORT_NAME

    columns = [
        "round",
        "plans asked",
        "valid at once",
        "after repair",
        "stood in for",
        "diversity",
        "tokens written",
    ]
    rows = [
        [
            str(r.number),
            str(r.asked),
            f"{r.valid_at_once / r.asked:.0%}",
            f"{r.valid / r.asked:.0%}",
            str(r.fallbacks),
            "-" if r.diversity is None else f"{r.diversity:.2f}",
            str(r.reply_tokens),
        ]
        for r in authorship.rounds
    ]
    print_table(f"plans by {authorship.model}", columns, rows)
    shares = ", ".join(f"{author} {share:.0%}" for author, share in authorship.shares.items())
    messages.print(f"final plans: {shares}; {out / REPORT_NAME} shows them and why", markup=False)


def _asking_note(asking: "Asking") -> str:
    """Progress of the model: intersections, speed, valid share, time left."""
    speed = asking.tokens / asking.seconds if asking.seconds > 0.0 else 0.0
    valid = asking.valid / asking.plans if asking.plans else 0.0
    left_s = asking.seconds * (asking.asked - asking.plans) / asking.plans if asking.plans else 0.0
    return (
        f"round {asking.round_number}: {asking.done} of {asking.intersections} intersections, {speed:.0f} "
        "tokens/s, "
        f"{valid:.0%} valid, {left_s:.0f} s left"
    )
