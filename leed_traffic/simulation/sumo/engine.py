"""SUMO as this package uses it: starts a simulation, asks it and ends it.

`Engine` runs one simulation at a time: over libsumo in a process that was copied for it, which is another one or,
where a whole task was given a process, this one; or in a SUMO that is asked over TCP (traci). Engines do not
disturb each other.
"""

import contextlib
import io
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NoReturn

from leed_traffic.artifacts.sumo.inputs import SumoInputs
from leed_traffic.domain.detectors.detection import Array, Vehicles
from leed_traffic.domain.priority import PriorityVehicle
from leed_traffic.domain.road_users import CARS, Weights
from leed_traffic.domain.safety.program import StageProgram
from leed_traffic.errors import ScenarioError
from leed_traffic.simulation.sumo.additional_files import silenced
from leed_traffic.simulation.sumo.in_place import InPlace, may_begin
from leed_traffic.simulation.sumo.options import PROGRAMS_NAME, sumo_options
from leed_traffic.simulation.sumo.own_process import OwnProcess
from leed_traffic.simulation.sumo.running import Crossings, Here, Look, Simulation, SumoError, first_line
from leed_traffic.simulation.sumo.server import (
    END_WAIT_S,
    HOST,
    first_error,
    free_port,
    start_process,
    stop_server,
)

_CONNECT_TRIES = 600
_BETWEEN_TRIES_S = 0.1  # a large net takes its time to load


class _NotRunning:
    """Stands where a simulation would."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ValueError("no simulation is running; start the engine first")


_NOT_RUNNING: Any = _NotRunning()


def sumo_version() -> str:
    """The version of the SUMO that simulates, such as 1.28.0."""
    return version("libsumo")


class Engine:
    """One simulation at a time, driven signal by signal."""

    def __init__(self, over: Literal["libsumo", "traci"] = "libsumo") -> None:
        """Nothing starts before `start`.

        Args:
            over: libsumo (in a process of its own, fast) or traci (a SUMO of its own over TCP).
        """
        self._over = over
        self._running: OwnProcess | Here = _NOT_RUNNING
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def start(
        self,
        scenario: SumoInputs,
        *,
        seed: int,
        route_files: Sequence[Path],
        record: Path | None = None,
        additional_files: Sequence[Path] = (),
        audit: bool = False,
        plans_switch: bool = False,
    ) -> None:
        """Begin a scenario; one that this engine runs ends first.

        Args:
            scenario: net, hour and options.
            seed: of SUMO's drivers.
            route_files: the demand.
            record: folder for the outputs that `metrics.read_score` reads; complete after `close`.
            additional_files: beside those of the scenario.
            audit: record the state of every signal at every step, too.
            plans_switch: weekly plans do what they do in the street: nobody else leads the signals.

        Raises:
            ScenarioError: SUMO refuses a file; its first line is passed on.
            WorkerError: the process that simulates died.
        """
        self.close()
        self._files = tempfile.TemporaryDirectory(prefix="leed-additional-")
        has_programs = any(path.name == PROGRAMS_NAME for path in additional_files)
        scenario, route_files = silenced(
            scenario, route_files, Path(self._files.name), has_programs=has_programs, plans_switch=plans_switch
        )
        options = sumo_options(
            scenario,
            seed=seed,
            route_files=route_files,
            record=record,
            additional_files=additional_files,
            audit=audit,
        )
        try:
            self._running = self._how()(options, begin_s=scenario.begin_s)
        except SumoError as err:
            self.close()
            raise ScenarioError(f"{scenario.name}: SUMO does not start: {err}") from err

    def _how(self) -> "type[OwnProcess | InPlace | _OverTcp]":
        if self._over == "traci":
            return _OverTcp
        return InPlace if may_begin() else OwnProcess

    def install(self, program: StageProgram, initial_phase: int) -> None:
        """Give a signal a stage program and let it begin at a phase."""
        self._running.tell(Simulation.install, program, initial_phase)

    def jump(self, signal_id: str, phase: int) -> None:
        """Go to a phase now; its own duration runs from here."""
        self._running.tell(Simulation.jump, signal_id, phase)

    def hold(self, signal_id: str, seconds: float) -> None:
        """Let the phase that stands end so many seconds from now."""
        self._running.tell(Simulation.hold, signal_id, seconds)

    def watch_lanes(self, lanes: Sequence[str], weights: Weights = CARS) -> None:
        """Let `vehicles` report these lanes from now on, numbered in this order, and what each vehicle counts."""
        self._running.tell(Simulation.watch_lanes, lanes, weights)

    def look(self, signal_ids: Sequence[str], crossings: Crossings) -> Look:
        """Ask for what `vehicles`, `phases`, `waiting` and `pending` report, in one question."""
        return self._running.ask(Simulation.look, signal_ids, crossings)

    def phases(self, signal_ids: Sequence[str]) -> list[tuple[int, float]]:
        """The phase of each signal, and the seconds spent in it."""
        return self._running.ask(Simulation.phases, signal_ids)

    def vehicles(self) -> Vehicles:
        """All vehicles on the watched lanes after the last step."""
        return self._running.ask(Simulation.vehicles)

    def waiting(self, crossings: Crossings) -> Array:
        """Persons who stand before each crossing and mean to go over it."""
        return self._running.ask(Simulation.waiting, crossings)

    def pending(self) -> list[str]:
        """The edge on which each vehicle waits to enter the net: the first of its route."""
        return self._running.ask(Simulation.pending)

    def priority_vehicles(self, classes: Collection[str]) -> list[PriorityVehicle]:
        """Vehicles of these classes on their way to a signal; who stands at a stop does not call."""
        return self._running.ask(Simulation.priority_vehicles, classes)

    def loops(self, ids: Sequence[str | None]) -> tuple[Array, Array]:
        """Vehicles that came onto each loop since the simulation began, and the seconds it was covered; NaN without a loop."""
        return self._running.ask(Simulation.loops, ids)

    def inner_lanes(self, signal_id: str) -> tuple[tuple[str, ...], ...]:
        """Per link of a signal the lanes inside the junction that its vehicles pass."""
        return self._running.ask(Simulation.inner_lanes, signal_id)

    def any_slower(self, lanes: Sequence[str], speed_mps: float) -> bool:
        """Return whether a vehicle under this speed is on one of the lanes."""
        return self._running.ask(Simulation.any_slower, lanes, speed_mps)

    def standing(self, at_least_s: float) -> int:
        """Number of vehicles in the net that have not moved for so long."""
        return self._running.ask(Simulation.standing, at_least_s)

    @property
    def time_s(self) -> float:
        """Simulated time, counted as the scenario counts it."""
        return self._running.time_s

    def advance(self, until_s: float) -> None:
        """Simulate up to a time.

        Raises:
            ScenarioError: SUMO meets a fault in the demand, or ends by itself.
            WorkerError: the process that simulates died.
        """
        if until_s <= self.time_s:
            return
        try:
            self._running.ask(Simulation.advance, until_s)
        except SumoError as err:
            line = self._running.first_error() or str(err)
            self.close()
            raise ScenarioError(f"SUMO stopped before {until_s:g} s: {line}") from err

    def close(self) -> None:
        """End the simulation; its outputs are complete after this."""
        running = self._running
        self._running = _NOT_RUNNING
        if running is not _NOT_RUNNING:
            with contextlib.suppress(SumoError):
                running.close()
        files = self._files
        self._files = None
        if files is not None:
            files.cleanup()


class _OverTcp(Here):
    """A SUMO that is asked over TCP."""

    def __init__(self, options: Sequence[str], *, begin_s: float) -> None:
        import traci

        faults = traci.TraCIException, traci.FatalTraCIError, OSError
        port = free_port()
        self._server = start_process([*options, "--remote-port", str(port)])
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints each try
                sumo = traci.connect(
                    port=port,
                    numRetries=_CONNECT_TRIES,
                    host=HOST,
                    proc=self._server,
                    waitBetweenRetries=_BETWEEN_TRIES_S,
                )
            sumo.getVersion()  # a server reads its demand when the client is there: wait until it has
        except faults as err:
            line = self.first_error() or first_line(str(err))
            stop_server(self._server)
            raise SumoError(line) from err
        super().__init__(Simulation(sumo, begin_s=begin_s, over="traci"), faults)

    def first_error(self) -> str:
        return first_error(self._server)

    def close(self) -> None:
        super().close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(END_WAIT_S)
        stop_server(self._server)
