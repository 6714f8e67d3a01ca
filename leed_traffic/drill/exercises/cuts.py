"""The line to a controller is cut before and after every kind of message that moves a signal; the street goes on without it.

First a whole run is listened to: take-over, holds, jumps, extended clearances, a swap of bundles, hand-back, and
all that again by a second controller that finds the first one's program there. Then, in simulations of their own,
the line is cut around a message of each kind. SUMO's own record is judged.
"""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.drill.rig.field_device import PassingOn, through
from leed_traffic.drill.rig.frames import GET_SIGNAL, SET_SIGNAL, commands
from leed_traffic.drill.rig.gateway import Cut, Gateway
from leed_traffic.drill.rig.own_controllers import KINDS, under
from leed_traffic.drill.rig.place import Place, ServeOutcome, sumo, wait_for_end, watch
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.commands import CommandQueue, Reload
from leed_traffic.serve.control.hot_swap import Decider, Generation
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.run import ServeConfig, serve

STEPS_ALONE = 100
UNTIL_S = (90.0, 320.0)  # of the two controllers, on the simulation's clock
SWAP_S = 40.0  # after the first one's begin
# traci.constants: what a command to a signal sets
_WORDS = {0x2C: "logic", 0x22: "phase", 0x24: "hold", 0x7E: "note"}
_PROGRAM = 0x23


def gateway_cuts(setting: DrillSetting, kinds: Sequence[str] = KINDS) -> Finding:
    """Each kind of message of each kind of street: its last one, or as many as `--full` wants."""
    faults: list[str] = []
    tried: Counter[str] = Counter()
    for kind in kinds:
        folder = setting.crossing.folder / "cuts" / kind
        place = under(setting.crossing, kind, folder)
        heard = Messages()
        outcomes = _tour(place, folder, heard)
        faults += [f"{kind}, uncut: {outcome.error}" for outcome in outcomes if outcome.error is not None]
        faults += _judged(place, folder, f"{kind}, uncut")
        for what, number in _chosen(heard.counts, setting.many(1, 8)):
            for cut in Cut:
                tried[what] += 1
                messages = Messages(what=what, number=number, cut=cut)
                outcomes = _tour(place, folder, messages)
                where = f"{kind}: cut {cut} {what!r} number {number}"
                faults += _judged(place, folder, where)
                faults += [] if messages.has_cut else [f"{where}: it was never sent"]
                if not isinstance(outcomes[-1].error, DeviceError):
                    faults.append(f"{where}: ended with {outcomes[-1].error or outcomes[-1].summary}")
    said = ", ".join(f"{what}: {count}" for what, count in sorted(tried.items()))
    return Finding(count=tried.total(), faults=faults, detail=f"{len(kinds)} controllers, cuts by message: {said}")


@dataclass(kw_only=True)
class Messages:
    """Counts the messages that move a signal, by what they hold; may have one of them cut."""

    what: str = ""
    number: int = -1
    cut: Cut = Cut.BEFORE
    counts: Counter[str] = field(default_factory=Counter)
    has_cut: bool = False

    def __call__(self, question: bytes) -> Cut | None:
        """Cut around this message, or None."""
        if (what := contents(question)) is None:
            return None
        self.counts[what] += 1
        self.has_cut = self.has_cut or (what == self.what and self.counts[what] == self.number)
        return self.cut if self.has_cut else None


def contents(question: bytes) -> str | None:
    """Effects of a message on a signal, word by word; None where it moves none."""
    found = list(commands(question))
    if not any(code == SET_SIGNAL for code, _ in found):
        return None
    words = []
    for code, body in found:
        if code == SET_SIGNAL and body[0] == _PROGRAM:
            words.append("ours" if b"leed" in body else "own")
        elif code == SET_SIGNAL:
            words.append(_WORDS.get(body[0], f"{body[0]:#x}"))
        else:
            words.append("look" if code == GET_SIGNAL else f"{code:#x}")
    return " ".join(words)


def _chosen(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """Messages to cut: the last of every kind, and others evenly before it."""
    return [
        (what, int(number))
        for what, count in sorted(counts.items())
        for number in np.unique(np.linspace(count, 1, min(most, count)).round())
    ]


def _tour(place: Place, folder: Path, messages: Messages) -> list[ServeOutcome]:
    """Two controllers one after the other; the second one only if the first one's line was not cut."""
    for old in ("record", "state"):
        shutil.rmtree(folder / old, ignore_errors=True)
    outcomes: list[ServeOutcome] = []
    with sumo(place, folder / "record") as (port, server):
        with Gateway(port, steps_alone=STEPS_ALONE, on_question=messages) as gateway:
            for until_s in UNTIL_S:
                outcomes.append(_serve(place, gateway.port, folder / "state", place.scenario.begin_s + until_s))
                if not gateway.was_alone(20.0) or messages.has_cut:
                    break
        wait_for_end(server)
    return outcomes


def _serve(place: Place, port: int, state: Path, until_s: float) -> ServeOutcome:
    queue = CommandQueue()
    begin_s = place.scenario.begin_s

    def on_tick(time_s: float, end_s: float, note: str) -> None:
        if time_s == begin_s + SWAP_S:
            queue.put(
                Reload(generation=Generation(bundle=place.bundle, decider=restless(place.bundle, ()))), "drill"
            )

    def restless(bundle: Bundle, ids: Sequence[str]) -> Decider:
        return EveryTenSeconds([i.n_stages for i in place.network.intersections])

    config = ServeConfig(
        bundle=place.bundle.path, port=port, host="127.0.0.1", until_s=until_s, deadline_s=5.0, state=state
    )
    return watch(
        lambda: serve(
            config, clock=time.perf_counter, stop=StopRequest(), on_tick=on_tick, connect=through(_Occupied), decider=restless,
            commands=queue,
        ),
        lambda: None,
    )  # fmt: skip


def _judged(place: Place, folder: Path, where: str) -> list[str]:
    record = folder / "record"
    unsafe = place.unsafe_changes(record)
    found = [f"{where}: {unsafe} unsafe changes in SUMO's record"] if unsafe else []
    for intersection in place.network.intersections:
        stages = {stage.state for stage in intersection.stages}
        last = [run.state for run in place.runs(record).get(intersection.id, [])][-STEPS_ALONE // 5 :]
        if len(stages.intersection(last)) < 2:
            found.append(f"{where}: {intersection.id} stands still")
    return found


class EveryTenSeconds:
    """Wants another stage of every signal every ten seconds."""

    def __init__(self, n_stages: Sequence[int]) -> None:
        self._n_stages = tuple(n_stages)
        self._asked = 0

    def decide(self, observation: NDArray[np.float32], legal: NDArray[np.bool_]) -> list[float | None]:
        """One stage each."""
        self._asked += 1
        return [float(self._asked // 2 % n) for n in self._n_stages]


class _Occupied(PassingOn):
    """A device that sees somebody stand in the junction in every other half minute: clearances are extended then."""

    def read(self) -> Snapshot | None:
        """The device's tick, with somebody inside."""
        snapshot = self._device.read()
        if snapshot is None or snapshot.time_s % 60.0 < 30.0:
            return snapshot
        displays = tuple(replace(s, slowest_inside_mps=0.0) if s.is_ours else s for s in snapshot.displays)
        return replace(snapshot, displays=displays)
