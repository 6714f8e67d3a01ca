"""`leedctl serve`: a bundle's policies at the signals, over TraCI."""

import contextlib
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.cli.terminal.aside import said_aside, whether_heard_or_not
from leed_traffic.cli.terminal.neutral import shield
from leed_traffic.cli.terminal.options import Given, takes
from leed_traffic.cli.terminal.output import JsonOption, ProgressBar, messages, print_json, print_table, progress
from leed_traffic.domain.seeds import FIRST_EVALUATION_SEED
from leed_traffic.domain.short_ids import fold_ids
from leed_traffic.errors import DeviceError, UsageError
from leed_traffic.serve.control.config import ServeConfig
from leed_traffic.serve.device.owner import is_marked

if TYPE_CHECKING:
    from leed_traffic.domain.detectors.layout import Detector
    from leed_traffic.domain.safety.program import StageProgram
    from leed_traffic.serve.control.assignment import Assignment
    from leed_traffic.serve.control.config import Look
    from leed_traffic.serve.control.loop import ServeSummary, Watcher
    from leed_traffic.serve.device.contract import SignalDevice
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.run import Connect

START_S = 60.0  # until a SUMO of our own has loaded its net
TRY_S = 0.5  # one look whether it listens, then one whether it still runs
SERVER_PANEL = "SUMO, of our own or one that runs"
PAGE_PANEL = "Status page"
NOTE_EVERY_S = 300.0  # of the device's time, where no end is known and no bar can be drawn


@takes(
    ServeConfig,
    arguments=("bundle",),
    names={"control": "mode"},
    without=("host", "port", "connect_s", "lease_s", "takes_orders", "program"),
)
def serve_command(
    given: Given[ServeConfig],
    scenario: Annotated[
        str | None,
        typer.Option(help="Start SUMO on this scenario (a name or a .sumocfg).", rich_help_panel=SERVER_PANEL),
    ] = None,
    connect: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a TraCI server that runs already.", rich_help_panel=SERVER_PANEL),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of demand and drivers, with --scenario.", rich_help_panel=SERVER_PANEL)
    ] = FIRST_EVALUATION_SEED,
    port: Annotated[
        int | None,
        typer.Option(help="For SUMO, with --scenario. Default: a free one.", rich_help_panel=SERVER_PANEL),
    ] = None,
    num_clients: Annotated[
        int,
        typer.Option(
            help="Controllers that SUMO waits for, with --scenario.", rich_help_panel=SERVER_PANEL, min=1
        ),
    ] = 1,
    metrics_port: Annotated[
        int | None, typer.Option(hidden=True, help="Deprecated: --status-port at localhost.")
    ] = None,
    status_port: Annotated[
        int | None,
        typer.Option(help="Status page, /health and /metrics at this port.", rich_help_panel=PAGE_PANEL),
    ] = None,
    status_host: Annotated[
        str,
        typer.Option(
            help="Address of the status page; anybody who reaches it may read.", rich_help_panel=PAGE_PANEL
        ),
    ] = "127.0.0.1",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name under which readers may come to the status page, beside localhost and its address; "
            "again for more.",
            rich_help_panel=PAGE_PANEL,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Drive the signals with a bundle's policies, behind the safety envelope.

    Takes over each signal when its own program shows one of our stages, and hands it back at the same display on
    Ctrl-C, SIGTERM or SIGHUP.

    Exit codes: 0 end of the simulation, 2 another controller has one of the signals, 3 bundle refused, 4 another
    network, or steps that do not fill a tick, 5 server unreachable or lost, 6 monitor violation, 7 a signal was in
    fallback at the end (one that the monitor's latch holds, too) or led by nobody, 129/130/143 stopped and handed
    back, or stopped before the first connection.

    \b
    Examples:
      leedctl serve models/arterial5 --scenario arterial5 --seed 7
      leedctl serve models/arterial5 --connect localhost:8813 --mode shadow --events logs/
      leedctl serve models/grid4x4 --scenario grid4x4 --port 8813 --num-clients 2 --order 1 --intersections A0,A1
      leedctl serve models/grid4x4 --connect localhost:8813 --order 2 --intersections B0,B1
      leedctl serve models/crossing --scenario crossing --sensing loops --site site.toml
      leedctl serve models/arterial5 --connect gateway:8813 --realtime --status-port 8080
    """
    if (scenario is None) == (connect is None):
        raise UsageError("give exactly one of --scenario NAME and --connect HOST:PORT")
    if port is not None and scenario is None:
        raise UsageError("--port is for --scenario; with --connect the port is in HOST:PORT")
    if num_clients > 1 and (scenario is None or given["order"] is None or port is None):
        raise UsageError(
            "--num-clients is for --scenario, with --port for the other controllers to connect to, and --order"
        )
    for name in given["adopt"] or ():
        if not is_marked(name):
            raise UsageError(
                f"--adopt {name}: expected the program of another controller, as the log names it: leed-MARK, or "
                "leed"
            )
    host, number = _address(connect) if connect is not None else ("localhost", _port(port))
    state = given["state"] or default_state(scenario or f"{host}-{number}")
    config = given.build(host=host, port=number, state=state, takes_orders=True)
    start = None if scenario is None else Start(scenario, seed, num_clients)
    page = Page(_place(status_host, status_port, metrics_port), tuple(allowed_host or ()))
    with (
        said_aside(),
        contextlib.redirect_stdout(shield(sys.stderr)),
    ):  # traci prints what a server says; stdout is for results
        summary = _run(config, start, page)
    with whether_heard_or_not(sys.stdout), whether_heard_or_not(sys.stderr):
        if as_json:
            print_json(summary)
        else:
            _print_summary(summary)
    raise typer.Exit(int(summary.exit_code))


def default_state(place: str) -> Path:
    """Folder of a place's latches in the user's state folder, as the XDG base directories name it."""
    from leed_traffic.artifacts.home import state_home
    from leed_traffic.artifacts.whole_file import former_name, safe_name

    home = state_home() / "leed_traffic"
    former = home / former_name(place)  # latches that an earlier version left are not forgotten
    return former if former.is_dir() else home / safe_name(place)


def reset_fault_command(
    signals: Annotated[
        list[str] | None, typer.Argument(help="Signals to release; all that are latched without any.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder of the latches, as given to `leedctl serve --state`.")
    ] = None,
    place: Annotated[
        str | None, typer.Option(help="Scenario or HOST-PORT whose default folder is meant, instead of --state.")
    ] = None,
    who: Annotated[
        str | None, typer.Option(help="Who has looked at the signal. Default: the user of this shell.")
    ] = None,
) -> None:
    """Release signals that the monitor's latch keeps on their own program; who and when go into resets.jsonl.

    A running controller reads the latches when it starts: restart it afterwards.

    \b
    Examples:
      leedctl reset-fault C --state /var/lib/leed/state
      leedctl reset-fault --place localhost-8813 --who "A. Miller"
    """
    from leed_traffic.artifacts.home import user
    from leed_traffic.serve.safety.latch import reset_latches

    if (state is None) == (place is None):
        raise UsageError("give exactly one of --state DIR and --place NAME: which street's latches are meant")
    folder = state or default_state(place or "")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one that `leedctl serve` uses")
    cleared = reset_latches(folder, signals or [], who=who or user(), now=lambda: datetime.now(UTC))
    for entry in cleared:
        print(
            f"{entry.signal}: released; it had tripped at {entry.noted_at:%Y-%m-%d %H:%M:%S %Z} ({entry.fault}: "
            f"{entry.detail})"
        )
    if not cleared:
        print(f"{folder}: nothing is latched")


class Start(NamedTuple):
    """A SUMO of our own."""

    scenario: str
    seed: int
    num_clients: int


class Page(NamedTuple):
    """Addresses of the status page, and names under which it may be read beside its own."""

    place: "Listen | None"
    allowed_hosts: tuple[str, ...]


def _place(status_host: str, status_port: int | None, metrics_port: int | None) -> "Listen | None":
    """Return where the one port listens; --metrics-port is another name for --status-port, for one more version."""
    port = metrics_port if status_port is None else status_port
    if port is None:
        return None
    from leed_traffic.serve.operations.page_server import Listen

    if metrics_port is not None:
        said = f"--metrics-port goes with the next version: /metrics is at --status-port {port}"
        messages.print(said, markup=False, soft_wrap=True)
    if status_port is None:
        return Listen(option="--metrics-port", host="127.0.0.1", port=port)
    return Listen(option="--status-port", host=status_host, port=port)


def _run(config: ServeConfig, start: Start | None, page: Page) -> "ServeSummary":
    from leed_traffic.serve.control.loop import stop_on_signals
    from leed_traffic.serve.operations.status import StatusBoard
    from leed_traffic.serve.operations.systemd import ServiceManager
    from leed_traffic.serve.run import connect_traci, serve

    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())  # before SUMO starts: whatever stops us, it is cleaned up
        opener: Connect = connect_traci
        if start is not None:
            opener = _opener_of(stack, start)
        manager = ServiceManager()
        watchers: list[Watcher] = [manager]
        board = StatusBoard()
        if page.place is not None:
            from leed_traffic.serve.operations.metrics import Metrics
            from leed_traffic.serve.operations.status_page import published

            watchers.append(metrics := Metrics())
            address = stack.enter_context(published(board, metrics, page.place, page.allowed_hosts))
            messages.print(f"status page: {address}", markup=False)
        bar = stack.enter_context(_bar())
        return serve(
            config, clock=time.perf_counter, stop=stop, on_tick=bar, connect=opener, watchers=watchers, board=board,
            on_wait=manager.wait, is_shared=start is None or start.num_clients > 1,
        )  # fmt: skip


@contextmanager
def _server(start: Start, port: int, detectors: Sequence["Detector"]) -> Iterator["subprocess.Popen[bytes]"]:
    """A SUMO of our own with these detectors, gone when the context ends."""
    from leed_traffic.simulation.demand.demand import write_demand
    from leed_traffic.simulation.sumo.detector_file import render_additional
    from leed_traffic.simulation.sumo.server import first_error, start_server, stop_server

    scenario = load_scenario(start.scenario)
    with tempfile.TemporaryDirectory(prefix="leed-serve-") as folder:
        route_files = write_demand(scenario, start.seed, Path(folder))
        additional = Path(folder) / "detectors.add.xml"
        additional.write_text(render_additional(detectors), encoding="utf-8")
        server = start_server(
            scenario,
            port=port,
            seed=start.seed,
            route_files=route_files,
            additional_files=[additional] if detectors else [],
            num_clients=start.num_clients,
        )
        try:
            yield server
        except DeviceError as err:
            reason = first_error(server) if server.poll() is not None else ""
            if not reason:
                raise
            raise DeviceError(f"{err}; SUMO said: {reason}") from err
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(2.0)  # it ends by itself when its client has left
            stop_server(server)


def _opener_of(stack: contextlib.ExitStack, start: Start) -> "Connect":
    """Make a function that starts a server of our own (none for a refused bundle) and connects to it.

    It gives up as soon as the server has ended. Called again after a loss it ends the server that was lost and
    starts a new one, from the scenario's beginning.
    """
    from leed_traffic.serve.run import connect_traci
    from leed_traffic.simulation.sumo.server import first_error

    current = stack.enter_context(contextlib.ExitStack())

    def opener(
        config: ServeConfig,
        assignment: "Assignment",
        make_program: Callable[[int, float], "StageProgram"],
        look: "Look",
    ) -> "SignalDevice":
        current.close()
        server = current.enter_context(_server(start, config.port, assignment.detectors))
        give_up_s = time.monotonic() + START_S
        while True:
            try:
                return connect_traci(
                    config.model_copy(update={"connect_s": TRY_S}), assignment, make_program, look
                )
            except DeviceError as err:
                if server.poll() is not None:
                    raise DeviceError(f"SUMO ended before serving began: {first_error(server)}") from err
                if time.monotonic() >= give_up_s:
                    raise

    return opener


@contextmanager
def _bar() -> Iterator[Callable[[float, float, str], None]]:
    """Progress over the device's time; a line now and then where no end is known."""
    with contextlib.ExitStack() as stack:
        bars: list[ProgressBar] = []
        shown_s = -math.inf

        def on_tick(time_s: float, end_s: float, note: str) -> None:
            nonlocal shown_s
            is_first = math.isinf(shown_s)
            if is_first or (math.isinf(end_s) and time_s - shown_s >= NOTE_EVERY_S):
                messages.print(f"serving at {time_s:.0f} s: {note}")
                shown_s = time_s
            if math.isinf(end_s):
                return
            if is_first:
                bars.append(stack.enter_context(progress("serve (simulated s)", round(end_s - time_s))))
            if time_s - shown_s >= 10.0 or time_s >= end_s - 1.0:
                bars[0](round(time_s - shown_s), note)
                shown_s = time_s

        yield on_tick


def _address(text: str) -> tuple[str, int]:
    host, _, number = text.rpartition(":")
    if not host or not number.isdecimal() or not 1 <= int(number) <= 65535:
        raise UsageError(f"--connect {text}: expected HOST:PORT with a port from 1 to 65535, as in localhost:8813")
    return host, int(number)


def _port(port: int | None) -> int:
    from leed_traffic.simulation.sumo.server import free_port

    return free_port() if port is None else port


def _print_summary(summary: "ServeSummary") -> None:
    rows = [
        ["ended by", summary.ended_by],
        ["simulated s", f"{summary.end_s - summary.begin_s:.0f}"],
        ["ticks", str(summary.ticks)],
        ["decisions", str(summary.decisions)],
        [
            "tick p50 / p99 / max ms",
            f"{summary.tick.p50_ms:.2f} / {summary.tick.p99_ms:.2f} / {summary.tick.max_ms:.2f}",
        ],
        [
            "decision p50 / p99 / max ms",
            f"{summary.decision.p50_ms:.2f} / {summary.decision.p99_ms:.2f} / {summary.decision.max_ms:.2f}",
        ],
        [
            "signals handed back",
            "yes" if summary.handed_back else "no: the simulation ended under the stage program",
        ],
        ["monitor violations", str(len(summary.violations))],
    ]
    if summary.reconnections:
        rows += [
            [
                "connections regained",
                f"{summary.reconnections} (after {summary.resume.max_ms / 1000.0:.1f} s at most)",
            ]
        ]
    if summary.lateness is not None:
        late = summary.lateness
        rows += [["lateness p50 / p99 / max ms", f"{late.p50_ms:.1f} / {late.p99_ms:.1f} / {late.max_ms:.1f}"]]
        rows += [["ticks dropped", str(summary.missed_ticks)]]
    names = fold_ids([*summary.agreement, *summary.latched])
    rows += [
        [f"{names[id_]}: did as asked", f"{a.share:.0%} of {a.compared}"] for id_, a in summary.agreement.items()
    ]
    rows += [[f"changes: {step}", str(count)] for step, count in summary.steps.items()]
    rows += [[f"latched: {names[signal]}", fault] for signal, fault in summary.latched.items()]
    rows += [[f"detectors: {kind}", str(count)] for kind, count in summary.detector_faults.items()]
    rows += [[f"rulings: {reason}", str(count)] for reason, count in summary.rulings.items()]
    rows += [[f"to {change}", str(count)] for change, count in summary.transitions.items()]
    print_table("serve", ["", ""], rows)
    for violation in summary.violations[:10]:
        messages.print(f"violation: {violation}", markup=False)
