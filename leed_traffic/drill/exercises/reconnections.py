"""A connection that is lost again and again, a controller that dies again and again: how long does anybody wait at red?

The policy wants one stage for ever. The gateway keeps the simulation going, and waits are counted here anew, as in
`drill/exercises/starvation.py`, over all connections and all processes.
"""

import time
from collections.abc import Sequence

from leed_traffic.drill.exercises.starvation import TICK_S, WaitWatch, holding, through_watchers
from leed_traffic.drill.rig.frames import STEP, commands
from leed_traffic.drill.rig.gateway import Cut, Gateway
from leed_traffic.drill.rig.place import Place, sumo, wait_for_end
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, serve

RETRY_S = 30.0
STEPS_ALONE = 1  # of the simulation, after every connection
CASES = (
    (9, 0, True),
    (4, 1, True),
    (23, 2, False),
)  # ticks of a connection, the stage that is held, whether the process lives
MORE = ((7, 3, True), (9, 2, False), (20, 1, True), (60, 1, True), (60, 3, False), (150, 0, True))


def lose_again_and_again(setting: DrillSetting) -> Finding:
    """Try every case in a simulation of its own."""
    seconds = float(setting.many(500, 1500))
    faults: list[str] = []
    words: list[str] = []
    count = 0
    for every, stage, lives in (*CASES, *(MORE if setting.full else ())):
        connections, watchers = _lose(setting.crossing, every, stage, seconds, lives=lives)
        count += connections
        where = f"{'lost' if lives else 'dead'} every {every} s, holding stage {stage}"
        if connections < seconds / every / 2.0:
            faults.append(f"{where}: only {connections} connections")
        for watcher, limits in zip(watchers, setting.crossing.site.timings, strict=True):
            words.append(f"{where}: {watcher.longest_s:g} of {limits.max_red_s:g} s")
            if watcher.longest_s > limits.max_red_s + TICK_S:
                faults.append(
                    f"{where}: {watcher.where} waited {watcher.longest_s:g} s, max_red_s is {limits.max_red_s:g}"
                )
    return Finding(count=count, faults=faults, detail="; ".join(words))


def _lose(place: Place, every: int, stage: int, until_s: float, *, lives: bool) -> tuple[int, Sequence[WaitWatch]]:
    """Serve to `until_s`; how many connections that took, and what was counted meanwhile."""
    asked = 0
    folder = place.folder / f"lose-{every}-{stage}"
    watchers: list[WaitWatch] = []

    def cut(question: bytes) -> Cut | None:
        nonlocal asked
        code, _ = next(commands(question))
        asked += code == STEP
        return Cut.BEFORE if code == STEP and asked % every == 0 else None

    with (
        sumo(place, folder / "record") as (port, server),
        Gateway(port, steps_alone=STEPS_ALONE, on_question=cut) as gateway,
    ):
        config = ServeConfig(
            bundle=place.bundle.path,
            host="127.0.0.1",
            port=gateway.port,
            until_s=until_s,
            retry_s=RETRY_S if lives else 0.0,
            state=folder / "state",
        )
        give_up_s = time.monotonic() + 600.0
        while time.monotonic() < give_up_s:
            try:
                serve(
                    config,
                    clock=time.perf_counter,
                    stop=StopRequest(),
                    connect=through_watchers(place, watchers),
                    decider=lambda bundle, ids: holding([stage] * len(ids)),
                    sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
                )
            except DeviceError:
                continue
            break
    wait_for_end(server)
    return gateway.clients, watchers
