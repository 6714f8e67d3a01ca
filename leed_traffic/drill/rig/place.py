"""Place of a drill: a shipped scenario with a bundle to serve, a real SUMO, and what SUMO itself recorded."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from leed_traffic.artifacts.bundle import Bundle
from leed_traffic.artifacts.scenario import Scenario, load_scenario
from leed_traffic.artifacts.site import Site, load_site
from leed_traffic.domain.network import Network
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.errors import DeviceError
from leed_traffic.serve.control.loop import ServeSummary
from leed_traffic.simulation.demand.demand import write_demand
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.score.audit import StateRun, count_unsafe_changes, read_runs
from leed_traffic.simulation.sumo.options import STATES_NAME
from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server

HANG_S = 30.0  # a run that takes longer hangs: its deadlines are a second at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A scenario, read once."""

    scenario: Scenario
    network: Network
    site: Site
    bundle: Bundle
    folder: Path
    route_files: tuple[Path, ...]

    def unsafe_changes(self, record: Path) -> int:
        """Unsafe changes by SUMO's own record of every step."""
        return count_unsafe_changes(self.runs(record), self.network, self.site.timings)

    def runs(self, record: Path) -> dict[str, list[StateRun]]:
        """Displays of each signal; empty where SUMO wrote nothing."""
        path = record / STATES_NAME
        return read_runs(path) if path.is_file() else {}


def make_place(name: str, folder: Path, *, seed: int = 7, seconds: float = 3600.0) -> Place:
    """Read a scenario by name or path, draw its demand and write a bundle for it."""
    scenario = load_scenario(name)
    scenario = replace(scenario, end_s=min(scenario.end_s, scenario.begin_s + seconds))
    network = import_network(scenario.net_file, scenario.additional_files, begin_s=scenario.begin_s)
    site = load_site(None, scenario, network)
    folder.mkdir(parents=True, exist_ok=True)
    return Place(
        scenario=scenario,
        network=network,
        site=site,
        bundle=write_linear_bundle(folder / "bundle", name, network, site),
        folder=folder,
        route_files=write_demand(scenario, seed, folder),
    )


@contextmanager
def sumo(place: Place, record: Path, *, seed: int = 7) -> Iterator["tuple[int, subprocess.Popen[bytes]]"]:
    """A real SUMO that records every step; its port and process. Gone when the context ends."""
    port = free_port()
    server = start_server(
        place.scenario, port=port, seed=seed, route_files=place.route_files, record=record, audit=True
    )
    try:
        yield port, server
    finally:
        stop_server(server)


def wait_for_end(server: "subprocess.Popen[bytes]", seconds: float = 5.0) -> bool:
    """Return whether SUMO ended by itself in time, its record complete."""
    give_up_s = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < give_up_s:
        time.sleep(0.01)
    return server.poll() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOutcome:
    """Outcome of one `serve`."""

    summary: ServeSummary | None
    error: BaseException | None
    is_hung: bool
    seconds: float

    @property
    def is_classified(self) -> bool:
        """True if it ended in time with a summary, or with one of the documented errors of a device."""
        from leed_traffic.errors import MismatchError

        return not self.is_hung and (
            self.summary is not None or isinstance(self.error, (DeviceError, MismatchError))
        )


def watch(run: Callable[[], ServeSummary], let_go: Callable[[], None], *, hang_s: float = HANG_S) -> ServeOutcome:
    """Run to the end or to the point where it counts as hung; then `let_go` frees it."""
    begin_s = time.monotonic()
    executor = ThreadPoolExecutor(max_workers=1)
    future: Future[ServeSummary] = executor.submit(run)
    while not future.done() and time.monotonic() - begin_s < hang_s:
        time.sleep(0.005)
    is_hung = not future.done()
    seconds = time.monotonic() - begin_s
    if is_hung:
        let_go()
    executor.shutdown(wait=True)
    error = future.exception()
    return ServeOutcome(summary=None if error else future.result(), error=error, is_hung=is_hung, seconds=seconds)
