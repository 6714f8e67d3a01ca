"""Several controllers beside one SUMO, each with a part of the signals; one of them leaves."""

import signal
import threading
import time

import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.device.owner import is_marked
from leed_traffic.serve.run import ServeConfig, serve
from leed_traffic.simulation.score.audit import count_unsafe_changes, read_runs
from leed_traffic.simulation.sumo.options import STATES_NAME
from leed_traffic.simulation.sumo.server import free_port, start_server, stop_server

pytestmark = pytest.mark.sumo


def test_two_controllers_share_a_street_and_one_leaves_cleanly(tmp_path):
    pytest.importorskip("sumo", reason="needs SUMO")
    from leed_traffic.drill.rig.place import make_place

    place = make_place("arterial5", tmp_path, seconds=200.0)
    ids, port, summaries = place.bundle.ids, free_port(), {}
    server = start_server(
        place.scenario,
        port=port,
        seed=7,
        route_files=place.route_files,
        record=tmp_path / "r",
        audit=True,
        num_clients=2,
    )
    stops = [StopRequest(), StopRequest()]

    def on_tick(time_s, end_s, note):
        if time_s == 80.0:
            stops[0](signal.SIGTERM)

    def run(k, part):
        config = ServeConfig(bundle=place.bundle.path, port=port, intersections=part, order=k + 1, deadline_s=20.0)
        watched = {"on_tick": on_tick} if k == 0 else {}
        summaries[k] = serve(config, clock=time.perf_counter, stop=stops[k], **watched)

    threads = [threading.Thread(target=run, args=(k, part)) for k, part in enumerate((ids[:2], ids[2:]))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
    finally:
        stop_server(server)
    assert summaries[0].exit_code is ExitCode.TERMINATED
    assert summaries[0].handed_back
    assert summaries[1].exit_code is ExitCode.OK
    assert summaries[1].end_s >= 198.0
    assert not summaries[0].violations
    assert not summaries[1].violations
    runs = read_runs(tmp_path / "r" / STATES_NAME)
    assert count_unsafe_changes(runs, place.network, place.site.timings) == 0
    for id_ in ids[:2]:
        assert not is_marked(runs[id_][-1].program)
    for id_ in ids[2:]:
        assert is_marked(runs[id_][-1].program)
