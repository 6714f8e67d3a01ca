"""Hand-back to SUMO's NEMA controller, which takes no phase from outside: at the same display, or not at all."""

import time
from dataclasses import dataclass

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.artifacts.site import derive_site
from leed_traffic.domain.safety.program import build_program
from leed_traffic.drill.rig.linear_policy import write_linear_bundle
from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.controller import NEMA_PATIENCE_S
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.connection import Endpoint
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.device.traci import TraciDevice
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.network.network_import import import_network
from leed_traffic.simulation.score.audit import count_unsafe_changes, read_runs
from leed_traffic.simulation.sumo.options import STATES_NAME
from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server
from tests.networks.oddities import ODDITIES

pytestmark = pytest.mark.sumo

RING_AND_BARRIER = ["nema", "nema_with_lefts"]  # two phases, and eight of two rings


@dataclass
class Street:
    """A NEMA junction behind a TraCI server, and what it showed in the end."""

    folder: object
    name: str

    def __post_init__(self):
        self.scenario = load_scenario(str(ODDITIES[self.name](self.folder)))
        self.network = import_network(self.scenario.net_file, self.scenario.additional_files)
        self.site = derive_site(self.network)
        self.port, self.record = free_port(), self.folder / "record"
        self.server = start_server(
            self.scenario,
            port=self.port,
            seed=1,
            route_files=self.scenario.route_files,
            record=self.record,
            audit=True,
        )

    def shown(self):
        """What the junction showed; the server is gone after this."""
        self.server.wait(10.0)
        return read_runs(self.record / STATES_NAME)["C"]

    def unsafe_changes(self):
        return count_unsafe_changes({"C": self.shown()}, self.network, self.site.timings)


@pytest.fixture
def open_street(tmp_path):
    opened = []

    def make(name):
        folder = tmp_path / f"{name}-{len(opened)}"
        folder.mkdir()
        opened.append(Street(folder, name))
        return opened[-1]

    yield make
    for street in opened:
        stop_server(street.server)


def leave(street, folder, until_s, **changes):
    """Serves the junction up to a moment, then hands it back."""
    bundle = write_linear_bundle(folder, street.name, street.network, street.site).path
    return serve(
        ServeConfig(bundle=bundle, port=street.port, until_s=until_s, **changes),
        clock=time.perf_counter,
        stop=StopRequest(),
    )


@pytest.mark.parametrize("until_s", [100.0, 131.0, 150.0, 211.0])
@pytest.mark.parametrize("name", RING_AND_BARRIER)
def test_a_nema_junction_gets_its_signal_back_at_any_moment_of_the_cycle(open_street, tmp_path, name, until_s):
    street = open_street(name)
    summary = leave(street, tmp_path / "bundle", until_s)
    assert (summary.handed_back, summary.exit_code, summary.violations) == (True, ExitCode.OK, [])
    assert summary.end_s - until_s <= NEMA_PATIENCE_S + 5.0
    assert street.unsafe_changes() == 0
    assert street.shown()[-1].program == "0"


def test_a_nema_junction_that_is_not_met_in_time_keeps_our_program_and_the_exit_code_says_so(
    open_street, tmp_path, monkeypatch
):
    monkeypatch.setattr("leed_traffic.serve.control.controller.NEMA_PATIENCE_S", 0.0)
    street = open_street("nema")
    summary = leave(street, tmp_path / "bundle", 100.0)
    assert (summary.handed_back, summary.exit_code, summary.violations) == (False, ExitCode.FALLBACK_AT_END, [])
    assert street.unsafe_changes() == 0
    assert is_marked(street.shown()[-1].program)


@pytest.mark.parametrize("name", RING_AND_BARRIER)
def test_a_nema_controller_goes_on_by_itself_after_the_hand_back(open_street, name):
    street = open_street(name)
    (intersection,), (timing,) = street.network.intersections, street.site.timings
    program = build_program(intersection, timing, step_s=1.0)
    stage_of = {stage.state: k for k, stage in enumerate(intersection.stages)}
    endpoint = Endpoint(host="localhost", port=street.port, deadline_s=5.0, connect_s=20.0)
    device = TraciDevice(endpoint, [intersection], (), lambda n, step_s: program)
    engaged_s = back_s = None
    try:
        while (snapshot := device.read()) is not None:
            seen = snapshot.displays[0]
            if engaged_s is None and seen.state in stage_of:
                engaged_s = snapshot.time_s if device.engage(0, stage_of[seen.state]) else None
            elif engaged_s is not None and back_s is None and not program.stage_of(seen.phase)[1]:
                stage = seen.phase
                if (
                    seen.spent_s >= timing.min_green_s[stage]
                    and snapshot.time_s > engaged_s + 60.0
                    and device.release(0)
                ):
                    back_s = snapshot.time_s
                elif back_s is None:
                    device.request(0, stage, timing.min_green_s[stage] + 1.0)
    finally:
        device.close()
    after = [run for run in street.shown() if run.program == "0" and run.begin_s >= back_s]
    assert len(after) > 50  # it has gone through its phases for ten minutes
    assert max(run.duration_s for run in after) < 60.0  # and stood still nowhere
    assert street.unsafe_changes() == 0
