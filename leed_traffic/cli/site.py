"""`leedctl site`: propose the limits of every signal, and prove that nothing can break them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import AS_NET, Site, check_interval, derive_site, load_site, write_site_file
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, print_table, progress
from leed_traffic.cli.terminal.signal_names import WITH_STREETS, name_signals
from leed_traffic.domain.network import Network
from leed_traffic.domain.safety.timing import DEFAULT_DECISION_INTERVAL_S
from leed_traffic.domain.safety.verification import Verification, question, verify_timing
from leed_traffic.errors import ExitCode, SiteError

if TYPE_CHECKING:
    from leed_traffic.artifacts.scenario import Scenario

app = typer.Typer(no_args_is_help=True, help="Limits of every signal: derive them, verify them.")

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or the path of a .sumocfg.")
]


@app.command("derive")
def derive_command(
    scenario: ScenarioArgument,
    out: Annotated[Path | None, typer.Option(help="Write the limits there as a commented site.toml.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Propose limits for every signal from its speeds and geometry.

    A person reviews the file and owns it. A site.toml beside the scenario is used by every command.

    Examples:
        leedctl site derive crossing

        leedctl site derive grid4x4 --out site.toml
    """
    from leed_traffic.simulation.scenario.places import read_places

    loaded, network = _open(scenario)
    site = derive_site(network)
    if out is not None:
        write_site_file(out, network, site.timings)
        messages.print(f"{out}: limits of {len(site.timings)} signals; review them before use", markup=False)
    if as_json:
        timings = [timing.limits() for timing in site.timings]
        print_json({"scenario": loaded.name, "site": site.name, "digest": site.digest, "timings": timings})
        return
    rows = []
    names = name_signals(
        (t.intersection for t in site.timings), read_places(loaded.net_file, network.intersections)
    )
    for timing in site.timings:
        others = [[j for j in range(timing.n_stages) if j != i] for i in range(timing.n_stages)]
        for i, following in enumerate(others):
            changes = [timing.clearances.between(i, j) for j in following]
            rows.append(
                [
                    *names.cells(timing.intersection, f" {i}"),
                    f"{timing.min_green_s[i]:g}",
                    f"{timing.max_green_s[i]:g}",
                ]
                + [f"{timing.fallback_green_s[i]:g}"]
                + [f"{max(part):g}" for part in zip(*changes, strict=True)]
                + [f"{timing.max_red_s:g}"]
            )
    columns = ["min green", "max green", "fallback", "walk clears", "yellow", "all-red", "max red"]
    columns = [*names.columns("signal, stage"), *columns]
    print_table(
        f"{loaded.name}: proposed limits, s (clearances: the longest of each stage)",
        columns,
        rows,
        least_width=WITH_STREETS,
    )


@app.command("verify")
def verify_command(
    scenario: ScenarioArgument,
    site: Annotated[
        str | None, typer.Option(help="A site.toml, `derived` or `as-net`; default: the scenario's own.")
    ] = None,
    decision_interval: Annotated[
        float, typer.Option(min=0.1, max=60.0, help="Seconds from one decision to the next.")
    ] = DEFAULT_DECISION_INTERVAL_S,
    as_json: JsonOption = False,
) -> None:
    """Enumerate every state that envelope and stage program can reach, and judge each.

    Whatever is asked, nonsense and silence included: no conflicting greens, whole yellows, all-reds and pedestrian
    clearances, minimum and maximum greens. Exit code 4 if a state violates a limit.

    Examples:
        leedctl site verify crossing

        leedctl site verify grid4x4 --site site.toml --json
    """
    loaded, network = _open(scenario)
    limits = load_site(site, loaded, network)
    if limits.name == AS_NET:
        messages.print(
            "as-net: the net's own clearances, held to themselves; the floors of a reviewed site do not apply",
            soft_wrap=True,
        )
    found = _verify(loaded, network, limits, decision_interval)
    states = sum(v.states for v in found)
    violations = sum(len(v.violations) for v in found)
    if as_json:
        signals = [asdict(v) for v in found]
        totals = {"states": states, "violations": violations, "intersections": signals}
        print_json({"scenario": loaded.name, "site": limits.name, "digest": limits.digest, **totals})
    else:
        for v in found:
            print(f"{v.intersection}: {v.states} states, {len(v.violations)} violations")
            for violation in v.violations:
                print(f"  {violation}")
        print(f"{loaded.name} under site {limits.name}: {states} states, {violations} violations")
    if violations:
        raise typer.Exit(int(ExitCode.MISMATCH))


def _open(name: str) -> "tuple[Scenario, Network]":
    from leed_traffic.simulation.network.network_import import import_network

    scenario = load_scenario(name)
    return scenario, import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)


def _verify(scenario: "Scenario", network: Network, site: Site, interval_s: float) -> list[Verification]:
    """One verification per intersection; equal intersections are walked through once."""
    steps = interval_s / scenario.step_length_s
    if abs(steps - round(steps)) > 1e-6:
        raise SiteError(
            f"--decision-interval {interval_s}: need a multiple of the simulation step, {scenario.step_length_s} s"
        )
    answers: dict[tuple[object, ...], Verification] = {}
    found = []
    with progress("verify", len(site.timings)) as advance:
        for intersection, timing in zip(network.intersections, site.timings, strict=True):
            check_interval(timing, interval_s, where=site.name)
            asked = question(intersection, timing)
            if asked not in answers:
                answers[asked] = verify_timing(
                    intersection,
                    timing,
                    decision_interval_s=interval_s,
                    step_s=scenario.step_length_s,
                    is_reviewed=site.name != AS_NET,
                )
            found.append(replace(answers[asked], intersection=intersection.id))
            advance()
    return found
