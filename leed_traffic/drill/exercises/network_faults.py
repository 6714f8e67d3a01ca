"""Faults of the network between controller and signals, one per run, against a real SUMO."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leed_traffic.drill.rig.place import Place, ServeOutcome, sumo, wait_for_end, watch
from leed_traffic.drill.rig.proxy import NetworkFault, Plan, Proxy
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.run import ServeConfig, serve

DEADLINE_S = 0.6  # for every answer; a delayed one takes 0.2 s
LAST_ANSWER = 250  # of the setting up about 60, then one to five a tick
UNTIL_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsResult:
    """Outcome of the runs."""

    runs: int
    struck: int  # the chosen answer came
    hangs: int
    unclassified: tuple[str, ...]
    unsafe_changes: int  # by SUMO's own record
    trips: int  # of the controller's monitor, on readings that the fault had altered
    slowest_s: float
    by_fault: dict[str, int]


def try_faults(place: Place, folder: Path, count: int, seed: int) -> FaultsResult:
    """Serve a place through a proxy that fails once, again and again.

    Args:
        place: with its bundle.
        folder: for records.
        count: how many faults; the kinds take turns.
        seed: of kinds' details and moments.
    """
    rng = np.random.default_rng(seed)
    kinds = list(NetworkFault)
    by_fault = Counter[str]()
    unclassified = []
    struck = hangs = unsafe = trips = 0
    slowest_s = 0.0
    for k in range(count):
        plan = Plan(
            fault=kinds[k % len(kinds)], at_answer=int(rng.integers(1, LAST_ANSWER)), seed=int(rng.integers(2**31))
        )
        outcome, has_struck, unsafe_here = _try(place, folder / "record", plan)
        by_fault[plan.fault] += 1
        struck += has_struck
        hangs += outcome.is_hung
        unsafe += unsafe_here
        trips += bool(outcome.summary and outcome.summary.violations)
        slowest_s = max(slowest_s, outcome.seconds)
        if not outcome.is_classified:
            unclassified.append(
                f"{plan.fault} at answer {plan.at_answer}: {type(outcome.error).__name__}: {outcome.error}"
            )
    return FaultsResult(
        runs=count,
        struck=struck,
        hangs=hangs,
        unclassified=tuple(unclassified),
        unsafe_changes=unsafe,
        trips=trips,
        slowest_s=slowest_s,
        by_fault=dict(by_fault),
    )


def _try(place: Place, record: Path, plan: Plan) -> tuple[ServeOutcome, bool, int]:
    for old in record.glob("*.xml"):
        old.unlink()
    with sumo(place, record) as (port, server):
        with Proxy(port, plan) as proxy:
            config = ServeConfig(
                bundle=place.bundle.path, port=proxy.port, deadline_s=DEADLINE_S, connect_s=5.0, until_s=UNTIL_S
            )
            outcome = watch(lambda: serve(config, clock=time.perf_counter, stop=StopRequest()), server.kill)
            has_struck = proxy.has_struck
        wait_for_end(server)
    return outcome, has_struck, place.unsafe_changes(record)
