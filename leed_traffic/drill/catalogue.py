"""The catalogue of promises: every exercise in turn, one row each."""

import logging
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from leed_traffic.drill.exercises.beside import neighbours
from leed_traffic.drill.exercises.budget import latch_survives, stalls, tick_budget
from leed_traffic.drill.exercises.bundle_fuzz import fuzz_bundles
from leed_traffic.drill.exercises.costly_bundles import costly_bundles
from leed_traffic.drill.exercises.cuts import gateway_cuts
from leed_traffic.drill.exercises.descriptors import few_descriptors
from leed_traffic.drill.exercises.displays import cut_displays, enumerate_states, hand_back_at_every_tick
from leed_traffic.drill.exercises.event_log import events_agree
from leed_traffic.drill.exercises.network_faults import try_faults
from leed_traffic.drill.exercises.oracle_runs import outside_oracle
from leed_traffic.drill.exercises.reconnections import lose_again_and_again
from leed_traffic.drill.exercises.replays import decide_again
from leed_traffic.drill.exercises.restarts import lost_simulators
from leed_traffic.drill.exercises.second_owner import second_owner
from leed_traffic.drill.exercises.sensors import bad_sensing
from leed_traffic.drill.exercises.silence import try_silences
from leed_traffic.drill.exercises.starvation import always_hold
from leed_traffic.drill.exercises.swaps import demote_bad_bundles, swap_again_and_again
from leed_traffic.drill.exercises.unheard import speak_to_nobody
from leed_traffic.drill.rig.place import make_place
from leed_traffic.drill.row import SHIPPED, DrillReport, DrillSetting, Exercise, Finding, Row

OnRow = Callable[[Row], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One promise of the catalogue."""

    name: str
    promise: str
    tried: str
    exercise: Exercise


def network_faults(setting: DrillSetting) -> Finding:
    """Through the failing proxy."""
    found = try_faults(setting.crossing, setting.crossing.folder / "faults", setting.many(104, 1001), setting.seed)
    faults = [*found.unclassified, *([f"{found.hangs} runs hung"] if found.hangs else [])]
    faults += [f"{found.unsafe_changes} unsafe changes in SUMO's record"] if found.unsafe_changes else []
    detail = f"{found.struck} struck, slowest run {found.slowest_s:.1f} s, {found.trips} trips on altered readings"
    return Finding(count=found.runs, faults=faults, detail=detail)


def silent_controller(setting: DrillSetting) -> Finding:
    """Frozen and killed."""
    found = try_silences(
        setting.crossing, setting.crossing.folder / "silence", setting.many(20, 200), setting.seed
    )
    unsafe = [f"{found.unsafe_changes} unsafe changes in SUMO's record"] if found.unsafe_changes else []
    detail = f"a stage stood at most {found.longest_s:g} s beyond its minimum green"
    return Finding(count=found.runs, faults=[*found.faults, *unsafe], detail=detail)


def damaged_bundles(setting: DrillSetting) -> Finding:
    """Try every kind of damage in turn."""
    found = fuzz_bundles(
        setting.crossing.bundle, setting.crossing.folder / "fuzz", setting.many(1000, 10_000), setting.seed
    )
    detail = f"{len(found.by_damage)} kinds, {found.refused} refused, {found.same_decisions} decide as before"
    return Finding(
        count=found.refused + found.same_decisions + len(found.faults), faults=found.faults, detail=detail
    )


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        name="states",
        promise="no conflicting, short-cleared or overlong display, whatever is asked",
        tried="all reachable states of the shipped scenarios' junctions, an independent judge",
        exercise=enumerate_states,
    ),
    CatalogueEntry(
        name="monitor",
        promise="the monitor trips within one tick",
        tried="every clearance of the crossing cut short or left out, foes green together, unknown letters",
        exercise=cut_displays,
    ),
    CatalogueEntry(
        name="latch",
        promise="a trip latches across restarts until reset-fault",
        tried="a broken display, a restart, a reset",
        exercise=latch_survives,
    ),
    CatalogueEntry(
        name="descriptors",
        promise="a trip is latched though no descriptor is left; readers of the page get few of them",
        tried="hundreds of connections that are held open, then every descriptor in use while the display breaks",
        exercise=few_descriptors,
    ),
    CatalogueEntry(
        name="silence",
        promise="a silent controller: the signal walks on by itself within 4 s",
        tried="SIGSTOP and SIGKILL at random moments, SUMO's own record",
        exercise=silent_controller,
    ),
    CatalogueEntry(
        name="network",
        promise="never hangs, never leaks an exception, moves nothing unsafely",
        tried="a proxy that fails once in 13 ways, SUMO's own record",
        exercise=network_faults,
    ),
    CatalogueEntry(
        name="restart",
        promise="a lost simulator is regained within 10 s",
        tried="SIGKILL of SUMO at random moments, --retry",
        exercise=lost_simulators,
    ),
    CatalogueEntry(
        name="waits",
        promise="nobody waits beyond the maximum red, however often the connection or the controller is lost",
        tried="the line cut every few seconds, restarts as often; a gateway, a policy that holds a stage; waits counted anew",
        exercise=lose_again_and_again,
    ),
    CatalogueEntry(
        name="unheard",
        promise="what the controller cannot say ends and delays nothing; the exit code stays right",
        tried="stderr and stdout closed, full, without a reader, blocked; SIGHUP; SUMO's own record",
        exercise=speak_to_nobody,
    ),
    CatalogueEntry(
        name="hand-back",
        promise="clean hand-back on SIGTERM at any tick of a cycle",
        tried="a stop at each of the ticks, a simulation each",
        exercise=hand_back_at_every_tick,
    ),
    CatalogueEntry(
        name="gateway cuts",
        promise="every command is one step: whatever is cut, nothing unsafe is shown",
        tried="a gateway that lives on; cuts around every kind of message; fixed, actuated and NEMA; SUMO's own record",
        exercise=gateway_cuts,
    ),
    CatalogueEntry(
        name="second owner",
        promise="a signal has one owner",
        tried="a second controller on this machine, under all its names; one on another, in both orders; SUMO's own record",
        exercise=second_owner,
    ),
    CatalogueEntry(
        name="bundles",
        promise="a wrong or altered bundle is refused before anything is touched",
        tried="damage to bytes, folder and sealed content",
        exercise=damaged_bundles,
    ),
    CatalogueEntry(
        name="costly-bundle",
        promise="a bundle that asks for much is refused before it gets it; one that is slow on probation goes",
        tried="operators that make much of little, weights used again, a million rows, sparse files, slow decisions",
        exercise=costly_bundles,
    ),
    CatalogueEntry(
        name="sensing",
        promise="bad detectors degrade their junction alone, and it returns",
        tried="missing, out of range, stale, stuck on, chattering on arterial5",
        exercise=bad_sensing,
    ),
    CatalogueEntry(
        name="starvation",
        promise="nobody waits beyond the maximum red",
        tried="a policy that holds one stage of every signal for ever, on every shipped scenario; waits counted anew",
        exercise=always_hold,
    ),
    CatalogueEntry(
        name="budget",
        promise="a tick of 100 junctions costs under 20 ms at p99",
        tried="signals in memory, processor time",
        exercise=tick_budget,
    ),
    CatalogueEntry(
        name="events",
        promise="the event log tells every green, yellow and red clearance that was shown",
        tried="CSV and Parquet of a run against SUMO's own record",
        exercise=events_agree,
    ),
    CatalogueEntry(
        name="reload",
        promise="a bundle is swapped at stage boundaries; nothing breaks, nothing grows, a bad one is refused",
        tried="swap after swap as fast as stages begin, every tenth order an altered bundle",
        exercise=swap_again_and_again,
    ),
    CatalogueEntry(
        name="demotion",
        promise="a new bundle that fails leads back to the one before",
        tried="None, NaN, an unknown stage, an exception, a broken display, at moments within the probation",
        exercise=demote_bad_bundles,
    ),
    CatalogueEntry(
        name="replay",
        promise="a recorded run is decided again byte for byte",
        tried="a real SUMO, and runs with broken displays, reloads and changes of mode at random, whole and cut off",
        exercise=decide_again,
    ),
    CatalogueEntry(
        name="beside",
        promise="what becomes of one controller is no danger to the other's signals",
        tried="two beside one SUMO on arterial5: SIGTERM, SIGKILL, SIGSTOP of one, SUMO's own record",
        exercise=neighbours,
    ),
    CatalogueEntry(
        name="pace",
        promise="after a stall no burst of ticks follows",
        tried="stalls at random of up to a hundred ticks, --realtime",
        exercise=stalls,
    ),
    CatalogueEntry(
        name="oracle",
        promise="the outside oracle catches an unsafe controller and finds none in ours",
        tried="SUMO's collisions and emergency stops on every shipped scenario, with the site's clearances and with none",
        exercise=outside_oracle,
    ),
)


def drill(
    *, full: bool, seed: int, only: tuple[str, ...], on_row: OnRow, scenarios: tuple[str, ...] = SHIPPED
) -> DrillReport:
    """Try every promise.

    Args:
        full: ten times as often.
        seed: of all choices.
        only: names of rows; all without any.
        on_row: after each row.
        scenarios: of the exercises that go through several; names or paths.
    """
    begin_s = time.monotonic()
    rows: list[Row] = []
    chosen = [entry for entry in CATALOGUE if not only or entry.name in only]
    logging.getLogger("leed_traffic").setLevel(logging.CRITICAL + 1)  # what is provoked is not news
    with tempfile.TemporaryDirectory(prefix="leed-drill-") as folder:
        crossing = make_place("crossing", Path(folder), seed=seed)
        setting = DrillSetting(crossing=crossing, full=full, seed=seed, scenarios=scenarios)
        for entry in chosen:
            rows.append(_try(entry, setting))
            on_row(rows[-1])
    logging.getLogger("leed_traffic").setLevel(logging.NOTSET)
    holds = all(row.holds for row in rows)
    return DrillReport(
        full=full, seed=seed, holds=holds, seconds=round(time.monotonic() - begin_s, 1), rows=tuple(rows)
    )


def _try(entry: CatalogueEntry, setting: DrillSetting) -> Row:
    """One row; an exercise that breaks is a promise that does not hold."""
    begin_s = time.monotonic()
    with ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(entry.exercise, setting)
        error = future.exception()
    found = Finding(count=0, faults=[f"{type(error).__name__}: {error}"], detail="") if error else future.result()
    detail = found.detail if not found.faults else f"{len(found.faults)} faults, the first: {found.faults[0]}"
    return Row(
        name=entry.name,
        promise=entry.promise,
        tried=entry.tried,
        count=found.count,
        holds=not found.faults and found.count > 0,
        detail=" ".join(detail.split()),
        seconds=round(time.monotonic() - begin_s, 1),
    )
