"""Commands of a tick to N signals over TraCI: each indivisible, in one message, none to a signal that moved.

What a command was answered is known before it is sent, from what was read; what the server refuses all the same is
logged, and the next reading shows what is there. `installed.py` says why a half that is obeyed changes no display.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leed_traffic.serve.device.installed import Installed
from leed_traffic.serve.device.traci_batch import TraciBatch
from leed_traffic.serve.device.traci_signals import OWN_KEY, TAKEN_KEY, Signals, taken_note

log = logging.getLogger(__name__)

STATIC = 0  # traci.constants.TRAFFICLIGHT_TYPE_STATIC


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """Command: its parts, in their order."""

    n: int
    what: str
    parts: tuple[tuple[int, str, tuple[object, ...]], ...]  # variable, layout, values
    hands_back: bool = False


class Commands:
    """Collects the commands of a tick."""

    def __init__(self, connection: Any, constants: Any, signals: Signals) -> None:  # noqa: ANN401  # traci ships no types
        self._connection = connection
        self._tc = constants
        self._signals = signals
        self._waiting: list[_Command] = []
        self._to_meet: set[int] = (
            set()
        )  # signals that this tick wants to hand back to programs that can only be met
        self.begin()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits to be sent."""
        return not self._waiting

    def begin(self) -> None:
        """Begin a tick: nothing of before counts."""
        self._moved: set[int] | None = None  # None: not read again yet
        self._is_refreshed = False
        self._displays: dict[int, str] = {}  # of programs that run on unseen
        self._met_before = self._to_meet
        self._to_meet = set()

    def engage(self, n: int, stage: int, time_s: float) -> bool:
        """See `SignalDevice`."""
        signals = self._signals
        program = self._signals.programs[n]
        shown = self._signals.displays[n]
        if not 0 <= stage < program.n_stages or shown.state != program.phases[stage].state:
            return False
        if shown.is_ours:  # from before: nothing is begun anew, its green counts on
            return shown.is_sound and shown.phase == stage
        if not signals.may_take(n) or not self._is_still_there(n):
            return False
        layout = Installed(program=program, own=signals.in_force[n])
        logic = self._logic(layout, stage)
        if signals.exists[n]:  # its phases first, unseen: what is refused then has moved nothing
            batch = TraciBatch(self._connection)
            batch.set(self._connection.trafficlight, *self._addressed(n, logic))
            if (refusal := batch.send()[0].refusal) is not None:
                log.error("%s: the stage program was refused: %s", signals.ids[n], refusal)
                return False
        tc = self._tc
        parts = [
            (tc.TL_PROGRAM, "s", (signals.name,)),
            (tc.TL_PHASE_INDEX, "i", (layout.number(stage),)),
            (tc.VAR_PARAMETER, "tss", (2, OWN_KEY, layout.own.name)),
            (tc.VAR_PARAMETER, "tss", (2, TAKEN_KEY, taken_note(stage, time_s))),
        ]
        self._add(n, "taking over", *([] if signals.exists[n] else [logic]), *parts)
        signals.exists[n], signals.installed[n], signals.taken[n] = True, layout, (stage, time_s)
        signals.note(n, stage)
        return True

    def request(self, n: int, stage: int, hold_s: float) -> bool:
        """See `SignalDevice`."""
        program = self._signals.programs[n]
        shown = self._signals.displays[n]
        known = isinstance(stage, int) and 0 <= stage < program.n_stages
        if not known or not shown.is_ours or not shown.is_sound or not 0.0 < hold_s < float("inf"):
            return False
        now, is_clearing = program.stage_of(shown.phase)
        if is_clearing:
            return stage == now  # on its way there; never another jump out of a clearance
        if not self._is_still_there(n):
            return False
        if stage == now:
            self._add(n, f"holding stage {stage}", (self._tc.TL_PHASE_DURATION, "d", (hold_s,)))
        else:
            self._go(n, f"going to stage {stage}", program.entries[now][stage])
        return True

    def extend(self, n: int, hold_s: float) -> bool:
        """See `SignalDevice`."""
        shown = self._signals.displays[n]
        if not shown.is_ours or not shown.is_sound:
            return False
        extension = self._signals.programs[n].extension_at(shown.phase, shown.spent_s, hold_s)
        if extension is None or not self._is_still_there(n):
            return False
        duration = (self._tc.TL_PHASE_DURATION, "d", (hold_s,))
        if extension == shown.phase:
            self._add(n, "extending a clearance", duration)
        else:
            self._go(n, "extending a clearance", extension, duration)
        return True

    def release(self, n: int) -> bool:
        """See `SignalDevice`.

        SUMO's NEMA controller takes no phase from outside (1.28 stands still after one), but runs on unseen: it
        gets its signal back at a moment when it would show what is shown, and until then our program is led to
        what it would show.
        """
        signals = self._signals
        shown = self._signals.displays[n]
        if not shown.is_ours or not shown.is_sound:
            return not shown.is_ours
        stage, is_clearing = signals.programs[n].stage_of(shown.phase)
        if is_clearing or not self._is_still_there(n):
            return False
        if not self._is_refreshed:
            signals.refresh()
            self._is_refreshed = True
        plan = signals.in_force[n]
        if plan.phases is None:
            self._to_meet.add(n)
            if (
                n not in self._displays
            ):  # those that were asked for in the tick before will be again: one message for all
                self._displays |= self._would_show(
                    [m for m in {n} | self._met_before if self._stands_under_a_follower(m)]
                )
            if self._displays[n] != shown.state:
                self._lead_to(n, stage, self._displays[n])
                return False
        elif plan.phases[stage] is None:  # a person has changed it since: on to a stage that it does show
            self._lead_to_one_of(n, stage, plan.phases)
            return False
        number = None if plan.phases is None else plan.phases[stage]
        parts = [] if number is None else [(self._tc.TL_PHASE_INDEX, "i", (number,))]
        self._add(n, "handing back", (self._tc.TL_PROGRAM, "s", (plan.name,)), *parts, hands_back=True)
        signals.note(n, shown.phase if number is None else number, plan.name)
        return True

    def send(self) -> None:
        """Send all that waits as one message; log what was refused, and undo a hand-back that was half refused."""
        commands = self._waiting
        self._waiting = []
        batch = TraciBatch(self._connection)
        for command in commands:
            for part in command.parts:
                batch.set(self._connection.trafficlight, *self._addressed(command.n, part))
        answers = iter(batch.send())
        for command in commands:
            refusals = [next(answers).refusal for _ in command.parts]
            if refused := [words for words in refusals if words is not None]:
                log.error("%s: %s was refused: %s", self._signals.ids[command.n], command.what, refused[0])
            if (
                command.hands_back and refusals[0] is None and refused
            ):  # its program runs, at a phase of its own choice
                self._back_to_ours(command.n)

    def _is_still_there(self, n: int) -> bool:
        """Return whether a signal is where it was at this tick's reading; asked once a tick, of all."""
        if self._moved is None:
            self._moved = self._signals.moved()
        return n not in self._moved

    def _stands_under_a_follower(self, n: int) -> bool:
        """Return whether a signal shows a stage of ours, and its own program can only be met."""
        shown = self._signals.displays[n]
        is_standing = shown.is_ours and shown.is_sound and not self._signals.programs[n].stage_of(shown.phase)[1]
        return is_standing and self._signals.in_force[n].phases is None

    def _would_show(self, which: Sequence[int]) -> dict[int, str]:
        """Read what programs that run on unseen would show: there and back in one message, seen by nobody."""
        lights = self._connection.trafficlight
        tc = self._tc
        batch = TraciBatch(self._connection)
        for n in which:
            id_ = self._signals.ids[n]
            batch.set(lights, tc.TL_PROGRAM, id_, "s", self._signals.in_force[n].name)
            batch.ask(lights, tc.TL_RED_YELLOW_GREEN_STATE, id_)
            batch.set(lights, tc.TL_PROGRAM, id_, "s", self._signals.name)
        answers = batch.send()
        displays = {}
        for k, n in enumerate(which):
            there, told, back = answers[3 * k : 3 * k + 3]
            if back.refusal is not None:
                self._back_to_ours(n)
            displays[n] = str(told.value) if there.refusal is None and told.refusal is None else ""
        return displays

    def _back_to_ours(self, n: int) -> None:
        """Go back to our program in the phase that it shows: no time has passed since."""
        batch = TraciBatch(self._connection)
        batch.set(
            self._connection.trafficlight, self._tc.TL_PROGRAM, self._signals.ids[n], "s", self._signals.name
        )
        if (refusal := batch.send()[0].refusal) is not None:
            log.error("%s: our program was refused: %s", self._signals.ids[n], refusal)

    def _lead_to(self, n: int, stage: int, display: str) -> None:
        """Jump from a stage that stands into the clearance towards a display, if that is one of our stages.

        Of two stages the own program comes back to the one that stands by itself: two that follow each other may
        never meet.
        """
        program = self._signals.programs[n]
        target = next((k for k in range(program.n_stages) if program.phases[k].state == display), stage)
        if target != stage and program.n_stages > 2:
            self._go(n, f"going to stage {target}", program.entries[stage][target])

    def _lead_to_one_of(self, n: int, stage: int, phases: tuple[int | None, ...]) -> None:
        """Into the clearance towards the next stage that an own program shows, if it shows any."""
        program = self._signals.programs[n]
        order = ((stage + k) % program.n_stages for k in range(1, program.n_stages))
        if (target := next((k for k in order if phases[k] is not None), None)) is not None:
            self._go(n, f"going to stage {target}", program.entries[stage][target])

    def _go(self, n: int, what: str, phase: int, *more: tuple[int, str, tuple[object, ...]]) -> None:
        layout = self._signals.installed[n]
        if layout is None:  # ours are translated by it: there is none without
            raise ValueError(f"{self._signals.ids[n]}: our program is not there")
        self._add(n, what, (self._tc.TL_PHASE_INDEX, "i", (layout.number(phase),)), *more)
        self._signals.note(n, phase)

    def _add(
        self, n: int, what: str, *parts: tuple[int, str, tuple[object, ...]], hands_back: bool = False
    ) -> None:
        self._waiting.append(_Command(n=n, what=what, parts=parts, hands_back=hands_back))

    def _addressed(self, n: int, part: tuple[int, str, tuple[object, ...]]) -> tuple[Any, ...]:
        variable, layout, values = part
        return variable, self._signals.ids[n], layout, *values

    def _logic(self, layout: Installed, stage: int) -> tuple[int, str, tuple[object, ...]]:
        """The whole program, as traci packs it: five things, of each phase six, and what it took over from."""
        rows = layout.rows()
        values: list[object] = [5, self._signals.name, STATIC, layout.number(stage), len(rows)]
        for k, (state, seconds, following) in enumerate(rows):
            values += [6, seconds, state, seconds, seconds, 1, following, f"phase {k}"]
        values += [1, (OWN_KEY, layout.own.name)]
        return self._tc.TL_COMPLETE_PROGRAM_RYG, "tsiit" + "tdsddtis" * len(rows) + "tl", tuple(values)
