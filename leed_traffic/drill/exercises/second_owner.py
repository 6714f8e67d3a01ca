"""A second controller for the same signal: refused on the same machine, never commanding from another one."""

import shutil
import threading
import time
from pathlib import Path

from leed_traffic.drill.exercises.cuts import EveryTenSeconds
from leed_traffic.drill.rig.place import Place, ServeOutcome, watch
from leed_traffic.drill.rig.proxy import NetworkFault, Plan, Proxy
from leed_traffic.drill.row import DrillSetting, Finding
from leed_traffic.errors import OwnerError
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.device.signal_locks import SignalLocks
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server

UNTIL_S = (100.0, 400.0)  # whoever comes first leaves, the other one is there to take over
_NEVER = Plan(fault=NetworkFault.DELAY, at_answer=10**9, seed=1)


def second_owner(setting: DrillSetting) -> Finding:
    """Start a second owner: on one machine under every name of it; as if on two machines, whoever's turn comes first."""
    place = setting.crossing
    folder = setting.crossing.folder / "owners"
    faults = _same_machine(place)
    count = 4
    for k in range(setting.many(2, 20)):
        count += 1
        faults += [f"two machines, run {k}: {fault}" for fault in _two_machines(place, folder, first=k % 2)]
    detail = (
        "refused by name of the other's process; from another machine the second waits until the first has left"
    )
    return Finding(count=count, faults=faults, detail=detail)


def _same_machine(place: Place) -> list[str]:
    """Faults where a spelling of this machine is not the same street, or another port is."""
    port = free_port()
    other = free_port()
    faults = []
    with SignalLocks("127.0.0.1", port, place.bundle.ids, None) as owner:
        owner.take()
        for host in ("127.0.0.1", "localhost", "::1"):
            outcome = _serve(place, port, None, 10.0, host=host, connect_s=0.5)
            if not isinstance(outcome.error, OwnerError):
                faults.append(f"{host}: a second controller ended with {outcome.error or outcome.summary}")
        with SignalLocks("127.0.0.1", other, place.bundle.ids, None) as elsewhere:
            try:
                elsewhere.take()
            except OwnerError as err:
                faults.append(f"another street: {err}")
    return faults


def _two_machines(place: Place, folder: Path, *, first: int) -> list[str]:
    """Two controllers with a state folder each, the second one by way of a relay: another address for the same signals."""
    shutil.rmtree(folder, ignore_errors=True)
    record = folder / "record"
    port = free_port()
    server = start_server(
        place.scenario, port=port, seed=7, route_files=place.route_files, record=record, audit=True, num_clients=2
    )
    outcomes: dict[int, ServeOutcome] = {}
    try:
        with Proxy(port, _NEVER) as relay:

            def run(k: int) -> None:
                turn = (k + first) % 2
                until_s = place.scenario.begin_s + UNTIL_S[turn]
                outcomes[k] = _serve(place, (port, relay.port)[k], folder / f"state-{k}", until_s, order=1 + turn)

            threads = [threading.Thread(target=run, args=(k,)) for k in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        stop_server(server)
    return _judged(place, record, outcomes)


def _judged(place: Place, record: Path, outcomes: dict[int, ServeOutcome]) -> list[str]:
    unsafe = place.unsafe_changes(record)
    faults = [f"{unsafe} unsafe changes in SUMO's record"] if unsafe else []
    for k, outcome in sorted(outcomes.items()):
        if outcome.summary is None or outcome.summary.violations:
            faults.append(f"controller {k}: {outcome.error or outcome.summary}")
    for id_, runs in place.runs(record).items():
        programs = dict.fromkeys(run.program for run in runs if is_marked(run.program))
        if len(programs) != 2:
            faults.append(f"{id_}: {len(programs)} owners in turn, expected both")
    return faults


def _serve(
    place: Place,
    port: int,
    state: Path | None,
    until_s: float,
    *,
    host: str = "127.0.0.1",
    order: int = 1,
    connect_s: float = 5.0,
) -> ServeOutcome:
    config = ServeConfig(
        bundle=place.bundle.path,
        port=port,
        host=host,
        order=order,
        until_s=until_s,
        state=state,
        deadline_s=20.0,
        connect_s=connect_s,
    )
    policy = EveryTenSeconds([i.n_stages for i in place.network.intersections])
    return watch(
        lambda: serve(config, clock=time.perf_counter, stop=StopRequest(), decider=lambda bundle, ids: policy),
        lambda: None,
        hang_s=60.0,
    )
