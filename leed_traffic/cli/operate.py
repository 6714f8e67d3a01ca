"""`leedctl reload`, `mode`, `status`: commands for a controller that runs; `replay`: its decisions, made again."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leed_traffic.cli.serve import default_state
from leed_traffic.cli.terminal.output import JsonOption, messages, print_json, print_table, progress
from leed_traffic.domain.short_ids import fold_ids
from leed_traffic.errors import ExitCode, UsageError
from leed_traffic.serve.safety.supervisor import OperatingMode

if TYPE_CHECKING:
    from leed_traffic.serve.operations.channel import CommandReply
    from leed_traffic.serve.replay.replay import ReplayReport

State = Annotated[
    Path | None, typer.Option(help="State folder of the controller, as given to `leedctl serve --state`.")
]
Place = Annotated[
    str | None, typer.Option(help="Scenario or HOST-PORT whose default state folder is meant, instead of --state.")
]
Pid = Annotated[int | None, typer.Option(help="Process id, where several controllers share a state folder.")]
POLL_S = 0.2  # between two questions after a swap


def reload_command(
    bundle: Annotated[
        Path | None, typer.Argument(help="Folder of the new bundle. Default: the one of the start, read again.")
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Back to the bundle that ran before.")] = False,
    state: State = None,
    place: Place = None,
    pid: Pid = None,
    wait: Annotated[
        float, typer.Option(help="For so many seconds, until every signal has moved; 0: do not wait.")
    ] = 300.0,
    as_json: JsonOption = False,
) -> None:
    """Swap the bundle of a running controller, at a stage boundary of each signal.

    The new bundle must pass all that a start checks, and fit the signals that are served: otherwise the old one
    runs on. For ten minutes (`serve --probation`) a fault of the new policies or a trip of the monitor leads back
    to the old one.

    Exit codes: 0 every signal has moved (or --wait 0: accepted), 1 not all have moved within --wait or the bundle
    was rolled back, 2 no such controller or nothing to go back to, 3 bundle refused, 4 made for something else, 5
    the controller does not answer.

    \b
    Examples:
      leedctl reload models/arterial5-v2 --state /var/lib/leed/state/arterial5
      leedctl reload --place localhost-8813
      leedctl reload --rollback --place arterial5
    """
    if rollback and bundle is not None:
        raise UsageError("--rollback goes back to the bundle that ran before: give no other")
    folder = _folder(state, place)
    request = {"command": "rollback"} if rollback else {"command": "reload"}
    if bundle is not None:
        request["bundle"] = str(bundle.resolve())
    reply = _ask(folder, request, pid)
    messages.print(reply.said, markup=False, soft_wrap=True)
    status = _wait_for_all(folder, pid, wait) if wait > 0.0 else None
    has_moved = status is None or (status["n_waiting"] == 0 and reply.bundle in ("", status["bundle"]))
    if as_json:
        print_json({"said": reply.said, "has_moved": has_moved, "status": status})
    elif status is not None:
        moved = len(status["signals"]) - status["n_waiting"]
        all_of_them = len(status["signals"])
        print(f"bundle {status['bundle'][:12]} runs at {moved} of {all_of_them} signals")
    if not has_moved:
        messages.print("not done: see the controller's log, changes.csv or `leedctl status`")
    raise typer.Exit(int(ExitCode.OK if has_moved else ExitCode.LIMITS_EXCEEDED))


def mode_command(
    mode: Annotated[
        OperatingMode, typer.Argument(help="monitor: watch; shadow: decide, send nothing; active: drive.")
    ],
    state: State = None,
    place: Place = None,
    pid: Pid = None,
) -> None:
    """Change the mode of a running controller: signals are handed back or taken over as at its end or start.

    Exit codes: 0 accepted, 2 no such controller, 5 it does not answer.

    \b
    Examples:
      leedctl mode shadow --state /var/lib/leed/state/arterial5
      leedctl mode active --place localhost-8813
    """
    print(_ask(_folder(state, place), {"command": "mode", "mode": mode.value}, pid).said)


def status_command(state: State = None, place: Place = None, pid: Pid = None, as_json: JsonOption = False) -> None:
    """Show a running controller: mode and stage of each signal, bundle, latches.

    Exit codes: 0, 2 no such controller, 5 it does not answer.

    \b
    Examples:
      leedctl status --place arterial5
      leedctl status --state /var/lib/leed/state/arterial5 --json
    """
    status = _ask(_folder(state, place), {"command": "status"}, pid).status or {}
    if as_json:
        print_json(status)
        return
    names = fold_ids(s["id"] for s in status["signals"])
    rows = [
        [
            names[s["id"]],
            s["mode"],
            _words(s["latched"] or s["cause"]),
            _stage(s),
            _words(s["reason"]),
            s["bundle"][:12],
        ]
        for s in status["signals"]
    ]
    trial = ", on probation" if status["is_on_probation"] else ""
    print_table(
        f"{status['scenario']} at {status['time_s']:.0f} s: {status['control']}, bundle "
        f"{status['bundle'][:12]}{trial}",
        ["signal", "mode", "why", "stage", "last ruling", "bundle"],
        rows,
    )
    if blind := [names[s["id"]] for s in status["signals"] if not s["sees_inside"]]:
        print(f"no clearance is extended at {', '.join(blind)}: nothing there sees inside the junction")


def replay_command(
    recording: Annotated[
        Path, typer.Argument(help="recording.jsonl.gz of a run, or the folder of `serve --events`.")
    ],
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="Bundles that ran. Default: looked for where they were then.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Decide a recorded run again and compare every decision, byte for byte. Needs neither SUMO nor torch.

    Exit codes: 0 nothing differs, 1 something does, 2 no recording or a damaged one, 3 not the bundle that ran.

    \b
    Examples:
      leedctl replay logs/
      leedctl replay logs/earlier-1/recording.jsonl.gz models/arterial5 --json
    """
    import logging

    from leed_traffic.serve.logs.recording import RECORDING_NAME
    from leed_traffic.serve.replay.replay import replay

    path = recording / RECORDING_NAME if recording.is_dir() else recording
    logging.getLogger("leed_traffic").setLevel(logging.CRITICAL + 1)  # events of then are not news
    total = path.stat().st_size if path.is_file() else 0
    with progress("replay (bytes)", total) as bar:
        seen = 0

        def on_read(done: int) -> None:
            nonlocal seen
            bar(done - seen)
            seen = done

        report = replay(path, bundles or [], on_read)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    raise typer.Exit(int(ExitCode.LIMITS_EXCEEDED if report.differ else ExitCode.OK))


def _print_report(report: "ReplayReport") -> None:
    what = f"{report.decisions:,} decisions, {report.rulings:,} logged rulings, {report.commands:,} commands"
    print(f"{what} of {len(report.intersections)} signals in {report.ticks:,} ticks: {report.differ:,} differ")
    if report.is_cut_off:
        messages.print(f"the run was cut off: its recording ends at {report.end_s:g} s without a word")
    if not report.is_same_envelope:
        messages.print("the envelope of this program is not the one that was recorded")
    if report.first is not None:
        first = report.first
        print(f"first at {first.time_s:.1f} s, {first.intersection}: recorded {first.recorded}; now {first.now}")


def _folder(state: Path | None, place: str | None) -> Path:
    if (state is None) == (place is None):
        raise UsageError("give exactly one of --state DIR and --place NAME: which controller is meant")
    folder = state or default_state(place or "")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one that `leedctl serve` uses")
    return folder


def _ask(folder: Path, request: dict[str, str], pid: int | None) -> "CommandReply":
    from leed_traffic.serve.operations.channel import ask

    return ask(folder, request, pid=pid)


def _wait_for_all(folder: Path, pid: int | None, seconds: float) -> dict[str, Any]:
    """Wait until every signal has moved or the time is over; return the status."""
    give_up_s = time.monotonic() + seconds
    moved = 0
    status = _ask(folder, {"command": "status"}, pid).status or {}
    before = status["ticks"]  # that status may still be the one before the command
    with progress("signals moved", len(status["signals"])) as bar:
        while True:
            now_moved = len(status["signals"]) - status["n_waiting"]
            bar(now_moved - moved)
            moved = now_moved
            if (not status["n_waiting"] and status["ticks"] > before) or time.monotonic() >= give_up_s:
                return status
            time.sleep(POLL_S)
            status = _ask(folder, {"command": "status"}, pid).status or {}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _stage(signal: dict[str, Any]) -> str:
    stage = f"{signal['stage'] + 1} of {signal['n_stages']}"
    return f"to {stage}" if signal["is_clearing"] else f"{stage} for {signal['green_s']:.0f} s"
