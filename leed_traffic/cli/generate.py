"""`leedctl generate`: plans by an author, executed and written as demonstrations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.cli.terminal.output import SpreadOption, cores, messages, print_json, print_table, progress
from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.generate.config import AuthorName

if TYPE_CHECKING:
    from leed_traffic.artifacts.demonstrations import DemonstrationManifest
    from leed_traffic.generate.config import GenerateConfig
    from leed_traffic.generate.language_model.authorship import Authorship
    from leed_traffic.generate.progress import Asking

MODEL_PANEL = "Language model (--author vllm)"


def generate_command(
    scenario: Annotated[str, typer.Argument(help="Name of a scenario, or path of a .sumocfg.")],
    out: Annotated[Path, typer.Option(help="Folder to write; older demonstrations there are replaced.")],
    author: Annotated[
        AuthorName, typer.Option(help="Who writes the plans; webster and search need no language model.")
    ] = AuthorName.SEARCH,
    plans: Annotated[
        Path | None, typer.Option(help="With --author given: a plans.json that is there already.")
    ] = None,
    runs: Annotated[
        int,
        typer.Option(
            help="Hours that the search may spend; under 42 it spends 6 and only chooses between two rules."
        ),
    ] = 90,
    seeds: Annotated[
        str, typer.Option(help="Demand seeds of the demonstrations: a count, a range or a list.")
    ] = "3",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Parallel simulations; all cores unless said.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Signal limits: as-net, or a site file; else the scenario's own.")
    ] = None,
    spread: SpreadOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search's random changes.")] = 1,
    decision_interval: Annotated[float, typer.Option(min=1.0, help="Seconds between two decisions.")] = 5.0,
    reach: Annotated[
        float, typer.Option(min=10.0, max=200.0, help="Metres that the observation's detectors see.")
    ] = 100.0,
    sensing: Annotated[
        str, typer.Option(help="What plans see: ideal, camera, loops, or a sensing file.")
    ] = "ideal",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout: the manifest.")] = False,
    url: Annotated[
        list[str] | None,
        typer.Option(
            help="Model server, as http://HOST:8000/v1; repeat for several.", rich_help_panel=MODEL_PANEL
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name that the servers offer; without --url the model that vLLM loads here.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="Transcripts of an earlier run; no model is asked.", rich_help_panel=MODEL_PANEL),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=50, help="At most; two without gain end it.", rich_help_panel=MODEL_PANEL)
    ] = 3,
    candidates: Annotated[
        int, typer.Option(min=1, max=64, help="Plans per intersection and round.", rich_help_panel=MODEL_PANEL)
    ] = 4,
    repairs: Annotated[
        int, typer.Option(min=0, max=10, help="Times that a refused plan goes back.", rich_help_panel=MODEL_PANEL)
    ] = 2,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1024, help="Questions under way at a time.", rich_help_panel=MODEL_PANEL)
    ] = 64,
    temperature: Annotated[
        float, typer.Option(min=0.0, max=2.0, help="More gives more varied plans.", rich_help_panel=MODEL_PANEL)
    ] = 0.7,
    timeout: Annotated[
        float, typer.Option(min=1.0, help="Seconds for one reply.", rich_help_panel=MODEL_PANEL)
    ] = 300.0,
    start_timeout: Annotated[
        float, typer.Option(min=0.0, help="Seconds for a server to come up, or back.", rich_help_panel=MODEL_PANEL)
    ] = 240.0,
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
    from leed_traffic.generate.config import GenerateConfig
    from leed_traffic.generate.language_model.config import ModelConfig

    if runs < 1:
        raise UsageError(f"--runs {runs}: need at least 1")
    asked = {"urls": tuple(url or ()), "model": model, "replay": replay}
    if author is not AuthorName.VLLM and any(asked.values()):
        raise UsageError(f"--url, --model and --replay belong to --author vllm, not to --author {author.value}")
    language = ModelConfig(
        urls=tuple(url or ()),
        model=model,
        replay=replay,
        rounds=rounds,
        candidates=candidates,
        repairs=repairs,
        concurrency=concurrency,
        temperature=temperature,
        timeout_s=timeout,
        start_s=start_timeout,
    )
    config = GenerateConfig(
        scenario=scenario,
        out=out,
        author=author,
        plans=plans,
        site=site,
        spread=spread,
        runs=runs,
        seeds=_demonstration_seeds(seeds),
        seed=seed,
        workers=workers or cores(),
        decision_interval_s=decision_interval,
        reach_m=reach,
        sensing=sensing,
        language=language,
    )
    _generate_and_show(config, as_json)


def _generate_and_show(config: "GenerateConfig", as_json: bool) -> None:
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


def generate_with_progress(config: "GenerateConfig") -> "DemonstrationManifest":
    """Generate with a progress bar on stderr; counts simulated hours."""
    from leed_traffic.generate.authors import planned_runs
    from leed_traffic.generate.run import generate

    with progress(f"demonstrations ({config.author.value})", planned_runs(config)) as bar:
        return generate(
            config, lambda done, total, what: bar(1, what), lambda asking: bar(0, _asking_note(asking))
        ).manifest


def show_manifest(manifest: "DemonstrationManifest", out: Path) -> None:
    """The starts and the result as a table on stdout."""
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
    """How the language model did, round by round, as a table on stdout."""
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
    """How far the model is: intersections, speed, valid share, time left."""
    speed = asking.tokens / asking.seconds if asking.seconds > 0.0 else 0.0
    valid = asking.valid / asking.plans if asking.plans else 0.0
    left_s = asking.seconds * (asking.asked - asking.plans) / asking.plans if asking.plans else 0.0
    return (
        f"round {asking.round_number}: {asking.done} of {asking.intersections} intersections, {speed:.0f} tokens/s, "
        f"{valid:.0%} valid, {left_s:.0f} s left"
    )


def _demonstration_seeds(text: str) -> tuple[int, ...]:
    """`3` is seeds 1, 2, 3; `4-6` and `4,7` name them."""
    from leed_traffic.cli.terminal.output import parse_seeds

    if text.isdecimal() and int(text) > 0:
        return parse_seeds(f"1-{text}")
    return parse_seeds(text)
