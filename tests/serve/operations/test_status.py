import pytest

from leed_traffic.errors import ExitCode
from leed_traffic.serve.device.contract import Snapshot
from leed_traffic.serve.operations.status import STALLED_S, StatusBoard
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.operations.clients import blind, get
from tests.serve.operations.test_metrics import drive_watched
from tests.serve.test_run import asks_for, fake

STARLETTE = pytest.importorskip("starlette", reason="the status page is in the extra 'serve'")


class FakeClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_the_board_shows_what_the_signals_do(crossing_bundle):
    board = StatusBoard()
    seen = {}

    def on_tick(time_s, end_s, note):
        seen[time_s] = board.latest

    drive_watched(crossing_bundle, board, until_s=40.0, on_tick=on_tick)
    (signal,) = seen[10.0].signals
    assert (signal.id, signal.mode, signal.stage, signal.n_stages, signal.is_clearing) == (
        "C",
        SignalMode.ENGAGED,
        0,
        4,
        False,
    )
    assert (signal.green_s, signal.reason, signal.latched) == (10.0, "granted", "")
    assert seen[10.0].bundle == signal.bundle
    assert seen[10.0].lateness_p99_ms is None
    assert set(signal.state) <= set("GgryS")


def test_the_board_says_where_nothing_sees_inside_the_junction(crossing_bundle):
    board = StatusBoard()
    drive_watched(crossing_bundle, board, device=fake(), until_s=10.0)
    assert [signal.sees_inside for signal in board.latest.signals] == [True]
    drive_watched(crossing_bundle, board, device=blind(), until_s=10.0)
    assert [signal.sees_inside for signal in board.latest.signals] == [False]


def test_health_counts_a_fallback_as_ready_and_a_stalled_loop_as_not(crossing_bundle):
    clock = FakeClock()
    board = StatusBoard(clock)
    assert (board.health().status, board.health().is_ready) == ("starting", False)
    notes = []

    def on_tick(time_s, end_s, note):
        notes.append((board.health().status, board.health().is_ready))

    drive_watched(crossing_bundle, board, policy=asks_for(0), on_tick=on_tick, until_s=20.0)
    assert notes[10] == ("ok", True)
    device = fake()

    def break_it(time_s, end_s, note):
        device.shown_by_others = "G" * 18 if time_s == 20.0 else None

    drive_watched(crossing_bundle, board, device=device, on_tick=break_it, until_s=60.0)
    assert (board.health().status, board.health().is_ready) == ("degraded", True)
    assert board.health().reasons == ("C: latched (conflict)",)
    clock.now_s += STALLED_S + 1.0
    assert (board.health().status, board.health().is_ready) == ("stalled", False)


def test_the_figures_are_read_over_http(crossing_bundle):
    from leed_traffic.serve.operations.metrics import Metrics
    from leed_traffic.serve.operations.page_server import Listen
    from leed_traffic.serve.operations.status_page import published

    metrics = Metrics()
    drive_watched(crossing_bundle, metrics)
    with published(StatusBoard(), metrics, Listen(option="--status-port", host="127.0.0.1", port=0)) as address:
        assert 'leed_mode{mode="engaged",signal="C"}' in get(address + "metrics")[2]


def test_a_watcher_that_breaks_is_told_no_more_and_costs_the_signals_nothing(crossing_bundle, caplog):
    class Broken(StatusBoard):
        def tick(self, controller, snapshot: Snapshot, tick_s):
            raise ZeroDivisionError("a fault of the page")

    summary = drive_watched(crossing_bundle, Broken(), until_s=100.0)
    assert summary.exit_code is ExitCode.OK
    assert "degraded: no_decision" not in summary.transitions
    assert caplog.text.count("Broken is told no more") == 1
