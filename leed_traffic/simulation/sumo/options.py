"""SUMO's command line for one scenario, and the files that a recorded run leaves behind."""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from leed_traffic.artifacts.sumo.inputs import SumoInputs
from leed_traffic.simulation.sumo.additional_files import check_own_folder

PROGRAMS_NAME = "programs.add.xml"


TRIPS_NAME = "trips.xml"
STATISTICS_NAME = "statistics.xml"
SUMMARY_NAME = "summary.xml"
STATES_NAME = "signal_states.xml"
_STATES_REQUEST = "signal_states.add.xml"


def sumo_options(
    scenario: SumoInputs,
    *,
    seed: int,
    route_files: Sequence[Path],
    record: Path | None = None,
    additional_files: Sequence[Path] = (),
    audit: bool = False,
) -> list[str]:
    """SUMO's command line without its program name: nothing is teleported, nobody gives up waiting to enter.

    Raises:
        ScenarioError: SUMO cannot use a folder of our own files.
    """
    for folder in {
        *(path.absolute().parent for path in additional_files),
        *([record.absolute()] if record else []),
    }:
        check_own_folder(folder)
    extra = [*scenario.additional_files, *additional_files]
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)
        if audit:
            extra.append(_request_states(record))
    options = {"--net-file": str(scenario.net_file), "--seed": str(seed)}
    # the end: a flow that names only a number of vehicles spaces them up to there
    options |= {
        "--begin": str(scenario.begin_s),
        "--end": str(scenario.end_s),
        "--step-length": str(scenario.step_length_s),
    }
    options |= {"--time-to-teleport": "-1", "--max-depart-delay": "-1"}
    if (
        record is None
    ):  # nobody reads the collisions; looking for them costs a twentieth of a step and changes nothing
        options |= {"--collision.action": "none"}
    else:
        options |= {"--collision.check-junctions": "true", "--collision.action": "warn"}
    options |= {"--no-step-log": "true", "--no-warnings": "true", "--duration-log.disable": "true"}
    if route_files:
        options |= {"--route-files": ",".join(map(str, route_files))}
    if extra:
        options |= {"--additional-files": ",".join(map(str, extra))}
    if record is not None:
        options |= {"--tripinfo-output": str(record / TRIPS_NAME)}
        options |= {"--tripinfo-output.write-unfinished": "true", "--tripinfo-output.write-undeparted": "true"}
        options |= {
            "--statistic-output": str(record / STATISTICS_NAME),
            "--summary-output": str(record / SUMMARY_NAME),
        }
    theirs = dict(zip(scenario.options[::2], scenario.options[1::2], strict=True))
    ours = [word for name, value in options.items() if name not in theirs for word in (name, value)]
    # theirs in one argument each: after a space SUMO would read the value of a flag as another option
    return [*ours, *(f"{name}={value}" for name, value in theirs.items())]


def _request_states(record: Path) -> Path:
    """An additional file that asks for the state of every signal at every step."""
    path = record / _STATES_REQUEST
    states = quoteattr(str(record.resolve() / STATES_NAME))
    path.write_text(f'<additional><timedEvent type="SaveTLSStates" dest={states}/></additional>\n')
    return path
