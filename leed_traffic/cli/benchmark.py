"""`leedctl benchmark`: learners against each other and against the rules, from the same start."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.artifacts.validation import first_fault
from leed_traffic.cli.terminal.output import cores, messages, print_json, print_table, progress
from leed_traffic.errors import UsageError

if TYPE_CHECKING:
    from leed_traffic.benchmark.findings import ScenarioFindings
    from leed_traffic.benchmark.study import StudyConfig


def benchmark_command(
    scenarios: Annotated[list[str], typer.Argument(help="Names, or paths of .sumocfg files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of all runs; given again, the study goes on there.")],
    learners: Annotated[
        str, typer.Option(help="Who learns; --list names them all.")
    ] = "leed,ippo,mappo,shared-ppo,clone",
    site: Annotated[str | None, typer.Option(help="Limits: `as-net`; else each scenario's own.")] = None,
    training_seeds: Annotated[int, typer.Option(min=1, help="Runs of each learner.")] = 5,
    evaluation_seeds: Annotated[int, typer.Option(min=1, help="Unseen hours for every final policy.")] = 5,
    validation_seeds: Annotated[int, typer.Option(min=1, help="Hours on which the curves are measured.")] = 3,
    episodes: Annotated[int, typer.Option(min=0, help="Own hours of a learner with an expert.")] = 16,
    long_episodes: Annotated[int, typer.Option(min=0, help="Own hours of a learner without one.")] = 96,
    search_runs: Annotated[
        int,
        typer.Option(min=6, help="Hours of the search; under 42 it spends 6 and only chooses between two rules."),
    ] = 6,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Training runs at a time; all cores unless said.")
    ] = None,
    list_learners: Annotated[
        bool, typer.Option("--list", help="Who can be compared, and leave.", is_eager=False)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Train learners from the same start and compare what they need and what they reach.

    Counted are all simulated hours: search, demonstrations, DAgger and on-policy hours; not the looks at the
    validation hours, which every learner has at the same pace. CPU seconds likewise. Judged are the final frozen
    policies on hours that nobody saw. Writes findings.json, tables.md and curves.png to OUT; a killed study goes
    on where it stopped.

    \b
    Examples:
      leedctl benchmark arterial5 --out runs/study
      leedctl benchmark arterial5 grid4x4 --learners leed,ippo --training-seeds 3 --out runs/study
      leedctl benchmark path/to/net.sumocfg --site as-net --learners leed,no-expert-loss,gate-alone --out runs/ablation

    Exit codes: 0 done, 2 an input is missing or broken, 5 a worker process was killed.
    """
    from leed_traffic.benchmark.learners import LEARNERS
    from leed_traffic.benchmark.page import write_pages
    from leed_traffic.benchmark.study import study

    if list_learners:
        print_table("Learners", ["name", "what"], [[learner.name, learner.description] for learner in LEARNERS])
        return
    config = _config(
        scenarios=tuple(scenarios),
        out=out,
        learners=learners,
        site=site,
        training_seeds=training_seeds,
        evaluation_seeds=evaluation_seeds,
        validation_seeds=validation_seeds,
        episodes=episodes,
        long_episodes=long_episodes,
        search_runs=search_runs,
        workers=workers or cores(),
    )
    with progress("benchmark", config.n_steps) as bar:
        found = study(config, lambda note: bar(1, note))
    write_pages(out, found)
    if as_json:
        print_json(found)
        return
    for scenario in found.scenarios:
        _show(scenario)
    messages.print(f"written: {out}/findings.json, tables.md, curves.png")


def _config(**settings: object) -> "StudyConfig":
    from pydantic import ValidationError

    from leed_traffic.benchmark.study import StudyConfig

    try:
        return StudyConfig.model_validate(settings)
    except ValidationError as err:
        raise UsageError(first_fault(err, as_option=True)) from err


def _show(scenario: "ScenarioFindings") -> None:
    from leed_traffic.benchmark.page import COLUMNS, row, rule_row

    rows = [rule_row(rule) for rule in scenario.rules] + [row(finding) for finding in scenario.learners]
    print_table(f"{scenario.scenario}, site {scenario.site}, bar {scenario.bar_s:.1f} s", list(COLUMNS), rows)
