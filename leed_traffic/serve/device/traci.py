"""Signals behind a TraCI server (SUMO, or a gateway that speaks its protocol).

This and its neighbours `traci_*` are the files of serving that know traci. SUMO enforces no signal safety and
traci has no timeout of its own: the stage program makes every command a lease, and every call here has a deadline.

Every command that moves a signal is one message (`traci_batch`), those of a tick together: whatever is cut, a
signal shows what it showed before or what was wanted, with its whole time. Before the first command of a tick all
signals are read again: one that somebody else has moved since the tick's reading is not commanded.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from leed_traffic.domain.detectors.layout import Detector
from leed_traffic.domain.network import Intersection
from leed_traffic.domain.road_users import Crossing
from leed_traffic.domain.safety.program import PROGRAM_ID, StageProgram
from leed_traffic.errors import DeviceError
from leed_traffic.serve.device.connection import Endpoint, fatal_errors, let_go, open_connection
from leed_traffic.serve.device.contract import TICK_S, SignalDisplay, Snapshot
from leed_traffic.serve.device.plausible import read_step_length
from leed_traffic.serve.device.roadside import Roadside
from leed_traffic.serve.device.traci_commands import Commands
from leed_traffic.serve.device.traci_network import check_network, some
from leed_traffic.serve.device.traci_signals import Signals
from leed_traffic.serve.device.traffic import Traffic

log = logging.getLogger(__name__)


class TraciDevice:
    """N signals over one TraCI connection. Makes its stage programs after it knows the server's step length."""

    def __init__(
        self,
        endpoint: Endpoint,
        intersections: Sequence[Intersection],
        lanes: Sequence[str],
        make_program: Callable[[int, float], StageProgram],
        *,
        detectors: Sequence[Detector] = (),
        priority_classes: frozenset[str] = frozenset(),
        program_name: str = PROGRAM_ID,
        adopted: frozenset[str] = frozenset(),
        between_tries: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect, compare the network there with ours, subscribe to all that is read.

        Args:
            endpoint: the server.
            intersections: N of them, the signals to control.
            lanes: to read vehicles from.
            make_program: the stage program of the n-th intersection for a step length in seconds.
            detectors: of the site, read instead of vehicles on lanes; `lanes` is empty then.
            priority_classes: classes of vehicles that may call for priority.
            program_name: of our stage programs at the server, with its owner's mark.
            adopted: names of other owners' programs that a person lets us take over.
            between_tries: called between two tries to connect; what it raises ends them.

        Raises:
            DeviceError: nobody answers in time, or the answer makes no sense.
            MismatchError: the network there is another one.
        """
        self._endpoint = endpoint
        self._ids = tuple(i.id for i in intersections)
        self._traffic = Traffic(self._ids, lanes)
        self._roadside = Roadside(detectors, priority_classes)
        self._is_first = True
        self._elapsed_s = 0.0
        self._loss: DeviceError | None = None  # that `commit` met: raised by the next call
        self._connection, self._tc, self._refusal = open_connection(endpoint, between_tries)
        with ExitStack() as undo:
            undo.callback(self._leave)
            with self._guard("reading the network"):
                if endpoint.order is not None:
                    self._connection.setOrder(endpoint.order)
                self._step_s = read_step_length(self._connection.simulation.getDeltaT())
                end_s = float(self._connection.simulation.getEndTime())
                check_network(self._connection, self._tc, str(endpoint), intersections, self._traffic.lane_index)
                programs = tuple(make_program(n, self._step_s) for n in range(len(self._ids)))
                self._signals = Signals(
                    self._connection,
                    self._tc,
                    str(endpoint),
                    intersections,
                    programs,
                    name=program_name,
                    adopted=adopted,
                )
                self._subscribe()
            self._commands = Commands(self._connection, self._tc, self._signals)
            self._end_s = end_s if end_s >= 0.0 else float("inf")
            self._tick_s = max(TICK_S, self._step_s)
            self._traffic.lay_out(programs)
            self._warn_of_blind(self._traffic.blind)
            with self._guard("reading the signals"):
                self._signals.read_step(self._time_s(), self._elapsed_s)
            undo.pop_all()

    @property
    def step_s(self) -> float:
        """Simulation step, in seconds."""
        return self._step_s

    @property
    def lane_index(self) -> dict[str, int]:
        """Position of every lane in `Vehicles.lane`."""
        return self._traffic.lane_index

    @property
    def end_s(self) -> float:
        """The server's own end time; infinite without one."""
        return self._end_s

    def watch_crossings(self, crossings: Sequence[Crossing]) -> None:
        """Subscribe to the areas in which persons wait for them."""
        with self._guard("looking for crossings"):
            self._roadside.watch_crossings(crossings, self._refusal, str(self._endpoint))

    def read(self) -> Snapshot | None:
        """Advance by a tick and read all; the first call only reads."""
        self.commit()
        with self._guard("waiting for the next tick"):
            simulation = self._connection.simulation
            if not self._is_first:
                before_s = self._time_s()
                target_s = min(before_s + self._tick_s, self._end_s)
                self._connection.simulationStep(target_s if self._tick_s > self._step_s else 0.0)
                self._check_clock(target_s)
                self._elapsed_s = self._time_s() - before_s
            values = simulation.getSubscriptionResults()
            is_over = values[self._tc.VAR_MIN_EXPECTED_VEHICLES] <= 0 or self._time_s() >= self._end_s
            if is_over and not self._is_first:
                return None
            self._is_first = False
            self._signals.read_step(self._time_s(), self._elapsed_s)
            self._signals.displays = self._with_who_is_inside(self._signals.displays)
            self._commands.begin()
            vehicles, missing = self._traffic.vehicles()
            return Snapshot(
                time_s=self._time_s(),
                displays=self._signals.displays,
                vehicles=vehicles,
                missing=missing,
                detected=self._roadside.detected(self._time_s()),
                priority_vehicles=self._roadside.priority_vehicles(),
                persons=self._roadside.persons(),
            )

    def engage(self, n: int, stage: int) -> bool:
        """Install the stage program at the display that is shown now; one that runs already is left alone."""
        with self._guard(f"{self._ids[n]}: taking over"):
            return self._commands.engage(n, stage, self._time_s())

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """Jump to the first clearance phase, or lengthen the green; a lock of its own behind the envelope's."""
        with self._guard(f"{self._ids[n]}: requesting stage {stage}"):
            return self._commands.request(n, stage, hold_s)

    def extend(self, n: int, hold_s: float) -> bool:
        """Lengthen an all-red, or jump from a yellow that is over to the red beside it."""
        with self._guard(f"{self._ids[n]}: extending a clearance"):
            return self._commands.extend(n, hold_s)

    def release(self, n: int) -> bool:
        """Hand back to the own program in force, in the phase with today's display, before the next step."""
        with self._guard(f"{self._ids[n]}: handing back"):
            return self._commands.release(n)

    def commit(self) -> None:
        """Send what was commanded since the tick's reading, as one message; a loss is raised by the next call."""
        if self._connection is None or self._commands.is_empty:
            return
        try:
            with self._guard("commanding"):
                self._commands.send()
        except DeviceError as err:
            self._loss = err

    def close(self) -> None:
        """Leave cleanly if the connection is sound, else just let go; what was commanded is sent first."""
        self.commit()
        self._leave()

    def _leave(self) -> None:
        connection = self._connection
        self._connection = None
        if connection is not None:
            try:
                connection.close(False)
            except (self._refusal, *fatal_errors()):
                let_go(connection)

    @contextmanager
    def _guard(self, doing: str) -> Iterator[None]:
        """Close the connection after anything but a plain refusal; it is never used again."""
        if self._connection is None:
            raise self._loss or DeviceError(f"{self._endpoint}: {doing}: the connection is closed; start again")
        begin_s = time.monotonic()
        try:
            yield
        except self._refusal as err:
            raise DeviceError(f"{self._endpoint}: {doing}: refused: {err}") from err
        except fatal_errors() as err:
            connection = self._connection
            self._connection = None
            let_go(connection)
            waited_s = time.monotonic() - begin_s
            is_late = waited_s >= self._endpoint.deadline_s
            why = (
                f"no answer within {self._endpoint.deadline_s:g} s"
                if is_late
                else f"connection lost ({err or type(err).__name__})"
            )
            raise DeviceError(f"{self._endpoint}: {doing}: {why}; see whether the server still runs") from err

    def _subscribe(self) -> None:
        tc = self._tc
        connection = self._connection
        connection.simulation.subscribe([tc.VAR_TIME, tc.VAR_MIN_EXPECTED_VEHICLES])
        self._signals.subscribe()
        self._traffic.open(connection, tc, self._refusal)
        self._roadside.open(connection, tc, str(self._endpoint))

    def _warn_of_blind(self, blind: frozenset[int]) -> None:
        """Warn of signals where nothing sees whether the junction is clear."""
        if not blind:
            return
        why = "the server knows no lanes" if self._traffic.lane_index else "none of the site's own detectors looks"
        names = some(self._ids[n] for n in blind) + (", ..." if len(blind) > 5 else "")
        log.warning(
            "%s: no clearance is extended at %d of %d signals (%s): %s inside the junction",
            self._endpoint, len(blind), len(self._ids), names, why,
        )  # fmt: skip

    def _check_clock(self, target_s: float) -> None:
        """Refuse an answer of another step: a doubled one would leave us a tick behind for good."""
        now_s = self._time_s()
        if not target_s - 1e-6 <= now_s <= target_s + self._step_s:
            raise ValueError(f"the clock there shows {now_s:g} s, expected {target_s:g} s")

    def _time_s(self) -> float:
        return float(self._connection.simulation.getSubscriptionResults()[self._tc.VAR_TIME])

    def _with_who_is_inside(self, seen: tuple[SignalDisplay, ...]) -> tuple[SignalDisplay, ...]:
        inside = self._traffic.slowest_inside_mps(
            {n: s.phase for n, s in enumerate(seen) if s.is_ours and s.is_sound}
        )
        return tuple(replace(s, slowest_inside_mps=inside[n]) if n in inside else s for n, s in enumerate(seen))
