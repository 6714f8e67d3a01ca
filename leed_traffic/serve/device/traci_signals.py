"""N signals as a TraCI server reports them: what each shows, whose program it runs, which of its own is in force.

Our program has its owner's mark in its name at the server. Inside, where everybody means ours, it is called
`PROGRAM_ID`, and its phases are numbered as in the stage program.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from leed_traffic.domain.network import Intersection
from leed_traffic.domain.safety.program import PROGRAM_ID, StageProgram
from leed_traffic.errors import MismatchError
from leed_traffic.serve.device.contract import ADOPTED, EARLIER, SignalDisplay
from leed_traffic.serve.device.installed import Installed
from leed_traffic.serve.device.own_plans import OwnPlan, is_own, own_plans
from leed_traffic.serve.device.owner import UNMARKED, is_marked
from leed_traffic.serve.device.plausible import is_sound, read_display
from leed_traffic.serve.device.traci_batch import TraciBatch
from leed_traffic.serve.device.traci_network import some

log = logging.getLogger(__name__)

OWN_KEY = "own_program"  # of our program at the server: which own program it took over from
TAKEN_KEY = "taken_over"  # of our program at the server: the stage that was shown when it took over, and when
SPENT_DURATION = 0x38  # traci.constants.VAR_SPENT_DURATION


class Signals:
    """State of N signals as the server reports it; commands are `traci_commands`'s."""

    def __init__(
        self,
        connection: Any,  # noqa: ANN401  # traci ships no types
        constants: Any,  # noqa: ANN401
        where: str,
        intersections: Sequence[Intersection],
        programs: Sequence[StageProgram],
        *,
        name: str,
        adopted: frozenset[str],
    ) -> None:
        """Read the programs of every signal, in one message.

        Args:
            connection: to the server.
            constants: of traci.
            where: the server is, for messages.
            intersections: N of them.
            programs: (N,) stage programs.
            name: of ours at the server.
            adopted: names of other owners' programs that we may take over.

        Raises:
            MismatchError: a signal has no program to go back to, or one that never shows a stage of ours.
        """
        self._connection = connection
        self._tc = constants
        self._where = where
        self._intersections = tuple(intersections)
        self.programs = tuple(programs)
        self.ids = tuple(i.id for i in intersections)
        self.name = name
        self._adopted = adopted
        self.displays: tuple[SignalDisplay, ...] = ()
        self._read: list[
            tuple[str, str, int]
        ] = []  # (N,) letters, program and number of its phase, as they were reported
        self._plans: list[dict[str, OwnPlan]] = [{} for _ in self.ids]
        self.in_force: list[OwnPlan] = []
        self.installed: list[Installed | None] = [None] * len(self.ids)  # ours, as it lies there
        self.exists = [False] * len(self.ids)  # a program of our name is there, of whatever phases
        self.taken: dict[int, tuple[int, float]] = {}  # the stage that was shown at take-over, and when
        self._strangers: dict[int, str] = {}
        batch = TraciBatch(connection)
        for id_ in self.ids:
            batch.ask(connection.trafficlight, constants.TL_CURRENT_PROGRAM, id_)
        active = batch.granted()
        for n, logics in self._logics(range(len(self.ids))).items():
            self._open(n, active[n], logics)
        self._warn_of_plans()

    def subscribe(self) -> None:
        """Subscribe to the displays: every step reports them from now on."""
        tc = self._tc
        batch = TraciBatch(self._connection)
        shown = [tc.TL_RED_YELLOW_GREEN_STATE, tc.TL_CURRENT_PROGRAM, tc.TL_CURRENT_PHASE, SPENT_DURATION]
        for id_ in self.ids:
            batch.subscribe(self._connection.trafficlight, id_, shown)
        batch.granted()

    def read_step(self, time_s: float, elapsed_s: float) -> None:
        """Read what the latest step reported of every signal.

        Args:
            time_s: of the server.
            elapsed_s: since the step before.
        """
        tc = self._tc
        results = self._connection.trafficlight.getAllSubscriptionResults()
        names = (tc.TL_RED_YELLOW_GREEN_STATE, tc.TL_CURRENT_PROGRAM, tc.TL_CURRENT_PHASE, SPENT_DURATION)
        reported = [read_display(id_, *(results[id_][name] for name in names)) for id_ in self.ids]
        self._read = [(s.state, s.program, s.phase) for s in reported]
        self._follow_plans([s.program for s in reported])
        seen = []
        for n, raw in enumerate(reported):
            now = self._since_taken(n, self._translated(n, raw), time_s)
            before = self.displays[n] if self.displays else None
            is_wrong = now.is_ours and not is_sound(self.programs[n], before, now, elapsed_s=elapsed_s)
            seen.append(replace(now, is_sound=False) if is_wrong else now)
        self.displays = tuple(seen)

    def moved(self) -> set[int]:
        """Read all signals again, in one message: those that somebody else has moved since then."""
        tc = self._tc
        lights = self._connection.trafficlight
        batch = TraciBatch(self._connection)
        for id_ in self.ids:
            for variable in (tc.TL_RED_YELLOW_GREEN_STATE, tc.TL_CURRENT_PROGRAM, tc.TL_CURRENT_PHASE):
                batch.ask(lights, variable, id_)
        values = batch.granted()
        found = set()
        for n, then in enumerate(self._read):
            now = tuple(values[3 * n : 3 * n + 3])
            if now != then:
                found.add(n)
                log.warning(
                    "%s: somebody else moved it since this tick's reading: it is not commanded", self.ids[n]
                )
        return found

    def may_take(self, n: int) -> bool:
        """Return whether we may take over from the program that runs: the own one, ours, or an adopted one."""
        program = self._read[n][1]
        is_free = is_own(program) or program == self.name or program in self._adopted
        return is_free and self.in_force[n].missing is None

    def refresh(self) -> None:
        """Read the own programs of our signals again, in one message: a person may have changed them."""
        ours = [n for n, display in enumerate(self.displays) if display.is_ours]
        for n, logics in self._logics(ours).items():
            self._plans[n] = own_plans(self._intersections[n], logics)
            self.in_force[n] = self._plans[n].get(self.in_force[n].name, self.in_force[n])

    def note(self, n: int, phase: int, program: str = PROGRAM_ID) -> None:
        """Note the display since our command, until the next reading confirms it."""
        state = self.programs[n].phases[phase].state if program == PROGRAM_ID else self.displays[n].state
        now = SignalDisplay(state=state, program=program, phase=phase, spent_s=0.0)
        self.displays = (*self.displays[:n], now, *self.displays[n + 1 :])

    def _logics(self, which: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The programs of some signals by name, in one message."""
        lights = self._connection.trafficlight
        batch = TraciBatch(self._connection)
        for n in which:
            batch.ask(lights, self._tc.TL_COMPLETE_DEFINITION_RYG, self.ids[n])
        return {
            n: {logic.programID: logic for logic in logics}
            for n, logics in zip(which, batch.granted(), strict=True)
        }

    def _open(self, n: int, active: str, logics: dict[str, Any]) -> None:
        """The own program in force, and ours where it lies there from before."""
        intersection = self._intersections[n]
        where = f"{self._where}: signal {intersection.id}"
        plans = self._plans[n] = own_plans(intersection, logics)
        noted = logics[active].subParameter.get(OWN_KEY) if active in logics else None
        name = next((name for name in (active, noted) if name in plans), intersection.own_program_id)
        if name not in plans:
            raise MismatchError(
                f"{where} runs program {active!r} and has no {name!r} to go back to; it has {some(logics)}"
            )
        plan = plans[name]
        if plan.missing is not None:
            raise MismatchError(
                f"{where}: its program {name!r} never shows stage {plan.missing} "
                f"({intersection.stages[plan.missing].state}) of the bundle; export it again"
            )
        self.in_force.append(plan)
        if self.name in logics:
            layout = Installed(program=self.programs[n], own=plan)
            self.exists[n], self.installed[n] = True, layout if layout.is_at(logics[self.name].phases) else None
            if (
                active == self.name
                and (taken := _read_taken(logics[active].subParameter.get(TAKEN_KEY))) is not None
            ):
                self.taken[n] = taken

    def _warn_of_plans(self) -> None:
        """Warn where a plan may change the program under ours: TraCI reports programs, not plans."""
        if several := [f"{self.ids[n]} ({some(plans)})" for n, plans in enumerate(self._plans) if len(plans) > 1]:
            log.warning(
                "%s: %d of %d signals have several programs of their own: %s: a plan that changes between them "
                "takes its signal from us when it does (program_lost); each is handed back to "
                "the one in force then",
                self._where, len(several), len(self.ids), some(several),
            )  # fmt: skip

    def _follow_plans(self, running: Sequence[str]) -> None:
        """Remember the own program that runs; one that is new is read. Say what is another owner's."""
        new = [n for n, name in enumerate(running) if is_own(name) and name not in self._plans[n]]
        for n, logics in self._logics(new).items():
            self._plans[n] = own_plans(self._intersections[n], logics)
        for n, name in enumerate(running):
            if name != self.in_force[n].name and name in self._plans[n]:
                plan = self.in_force[n] = self._plans[n][name]
                missing = (
                    ""
                    if plan.missing is None
                    else f"; it never shows stage {plan.missing}: not taken over while it runs"
                )
                log.warning("%s: its own program is %s now%s", self.ids[n], name, missing)
            is_strange = is_marked(name) and name != self.name
            if is_strange and self._strangers.get(n) != name:
                adopts = "it is taken over, as a person wants it" if name in self._adopted else (
                    f"it is not commanded; if that controller is gone for good: --adopt {name}"
                )  # fmt: skip
                log.warning(
                    "%s: %s: runs %s, the program of another controller: %s",
                    self._where,
                    self.ids[n],
                    name,
                    adopts,
                )
            self._strangers[n] = name if is_strange else ""

    def _translated(self, n: int, raw: SignalDisplay) -> SignalDisplay:
        """Translate a display into the words that everybody inside uses."""
        if raw.program == self.name:
            layout = self.installed[n]
            if layout is None:
                return replace(
                    raw, program=f"{EARLIER}{PROGRAM_ID}"
                )  # by its mark, with the phases of another bundle
            return replace(raw, program=PROGRAM_ID, phase=layout.phase(raw.phase))
        if raw.program in self._adopted:
            return replace(raw, program=f"{ADOPTED}{raw.program}")
        if raw.program in self._plans[n]:
            return raw
        return replace(raw, program=UNMARKED if raw.program == PROGRAM_ID else raw.program, is_foreign=True)

    def _since_taken(self, n: int, now: SignalDisplay, time_s: float) -> SignalDisplay:
        """Count a stage from its take-over: SUMO goes on from when that phase last began, programs ago."""
        begun = self.taken.get(n)
        if begun is None:
            return now
        stage, begun_s = begun
        if not now.is_ours or now.phase != stage or time_s < begun_s:
            del self.taken[n]
            return now
        return replace(now, spent_s=min(now.spent_s, time_s - begun_s))


def taken_note(stage: int, time_s: float) -> str:
    """Note that a take-over leaves at the server, for whoever connects while that stage still stands."""
    return f"{stage} {time_s:.3f}"


def _read_taken(note: str | None) -> tuple[int, float] | None:
    try:
        stage, time_s = (note or "").split()
        taken = int(stage), float(time_s)
    except ValueError:
        return None
    return taken if math.isfinite(taken[1]) else None
