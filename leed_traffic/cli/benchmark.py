"""`leedctl benchmark`: learners against each other and against the rules, from the same start."""

from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.benchmark.config import StudyConfig
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

if TYPE_CHECKING:
    from leed_traffic.benchmark.findings import ScenarioFindings


@takes(StudyConfig, arguments=("scenarios",), without=("workers",))
def benchmark_command(
    given: Given[StudyConfig],
    workers: WorkersOption = None,
    list_learners: Annotated[
        bool, typer.Option("--list", help="Who can be compared, and leave.", is_eager=False)
    ] = False,
    as_json: JsonOption = False,
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
      leedctl benchmark path/to/net.sumocfg --site as-net --learners leed,gate-alone --out runs/ablation

    Exit codes: 0 done, 2 an input is missing or broken, 5 a worker process was killed.
    """
    from leed_traffic.benchmark.learners import LEARNERS
    from leed_traffic.benchmark.page import write_pages
    from leed_traffic.benchmark.study import n_steps, study

    if list_learners:
        print_table("Learners", ["name", "what"], [[learner.name, learner.description] for learner in LEARNERS])
        return
    config = given.build(workers=workers or cores())
    with progress("benchmark", n_steps(config)) as bar:
        found = study(config, lambda note: bar(1, note))
    write_pages(config.out, found)
    if as_json:
        print_json(found)
        return
    for scenario in found.scenarios:
        _show(scenario)
    messages.print(f"written: {config.out}/findings.json, tables.md, curves.png")


def _show(scenario: "ScenarioFindings") -> None:
    from leed_traffic.benchmark.page import COLUMNS, row, rule_row

    rows = [rule_row(rule) for rule in scenario.rules] + [row(finding) for finding in scenario.learners]
    print_table(f"{scenario.scenario}, site {scenario.site}, bar {scenario.bar_s:.1f} s", list(COLUMNS), rows)
