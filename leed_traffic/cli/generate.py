"""`leedctl generate`: plans by an author, executed and written as demonstrations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.output import cores, messages, print_json, print_table, progress
from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.generate.author import Author

if TYPE_CHECKING:
    from leed_traffic.artifacts.demonstrations import DemonstrationManifest
    from leed_traffic.generate.run import GenerateConfig


def generate_command(
    scenario: Annotated[str, typer.Argument(help="Name of a scenario, or path of a .sumocfg.")],
    out: Annotated[Path, typer.Option(help="Folder to write; older demonstrations there are replaced.")],
    author: Annotated[Author, typer.Option(help="Who writes the plans; both work without a model.")] = Author.SEARCH,
    runs: Annotated[int, typer.Option(help="Simulated hours that the search may spend.")] = 60,
    seeds: Annotated[str, typer.Option(help="Demand seeds of the demonstrations: a count, a range or a list.")] = "3",
    workers: Annotated[int | None, typer.Option(min=1, help="Parallel simulations; all cores unless said.")] = None,
    site: Annotated[str | None, typer.Option(help="Signal limits: as-net, or a site file; else the scenario's own.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search's random changes.")] = 1,
    decision_interval: Annotated[float, typer.Option(min=1.0, help="Seconds between two decisions.")] = 5.0,
    reach: Annotated[float, typer.Option(min=10.0, max=200.0, help="Metres that the observation's detectors see.")] = 100.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout: the manifest.")] = False,
) -> None:
    """Write plans for every signal of a scenario, try them, and record the best as demonstrations.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    Examples:
      leedctl generate crossing --author webster --out runs/crossing/demonstrations
      leedctl generate arterial5 --author search --runs 60 --workers 2 --out runs/arterial5/demonstrations
      leedctl generate path/to/net.sumocfg --site as-net --out runs/net/demonstrations --json

    \b
    Exit codes: 0 written, 2 unusable scenario, option or folder, 4 unusable site file, 130 interrupted.
    """
    from leed_traffic.generate.run import GenerateConfig

    if runs < 1:
        raise UsageError(f"--runs {runs}: need at least 1")
    config = GenerateConfig(
        scenario=scenario,
        out=out,
        author=author,
        site=site,
        runs=runs,
        seeds=_demonstration_seeds(seeds),
        seed=seed,
        workers=workers or cores(),
        decision_interval_s=decision_interval,
        reach_m=reach,
    )
    try:
        manifest = generate_with_progress(config)
    except KeyboardInterrupt:
        messages.print("stopped; the same command goes on from here")
        raise typer.Exit(int(ExitCode.INTERRUPTED)) from None
    if as_json:
        print_json(manifest)
    else:
        show_manifest(manifest, out)


def generate_with_progress(config: "GenerateConfig") -> "DemonstrationManifest":
    """Generate with a progress bar on stderr; counts simulated hours."""
    from leed_traffic.generate.run import generate, planned_runs

    with progress(f"demonstrations ({config.author.value})", planned_runs(config)) as bar:
        return generate(config, lambda done, total, what: bar(1, what)).manifest


def show_manifest(manifest: "DemonstrationManifest", out: Path) -> None:
    """The starts and the result as a table on stdout."""
    rows = [["nobody asks (fallback cycle)", f"{manifest.baseline_delay_s:.1f}"]]
    rows += [[name, f"{delay_s:.1f}"] for name, delay_s in sorted(manifest.starts.items(), key=lambda item: -item[1])]
    rows += [[f"author {manifest.author}", f"{manifest.delay_s:.1f}"]]
    seeds = ", ".join(map(str, manifest.author_seeds))
    print_table(f"{manifest.scenario}: plans of the author `{manifest.author}`", ["plans", f"delay s (seeds {seeds})"], rows)
    shown = ", ".join(map(str, manifest.seeds))
    messages.print(
        f"{out}: demonstrations of seeds {shown}, delay {manifest.demonstrated_delay_s:.1f} s, "
        f"after {manifest.simulated_hours:.0f} simulated hours"
    )


def _demonstration_seeds(text: str) -> tuple[int, ...]:
    """`3` is seeds 1, 2, 3; `4-6` and `4,7` name them."""
    from leed_traffic.cli.output import parse_seeds

    if text.isdecimal():
        return parse_seeds(f"1-{text}")
    return parse_seeds(text)
