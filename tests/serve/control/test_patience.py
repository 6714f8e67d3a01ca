import itertools

import pytest

from leed_traffic.errors import DeviceError, ExitCode, StopError
from leed_traffic.serve.control.loop import StopRequest
from leed_traffic.serve.control.patience import ReconnectBackoff
from leed_traffic.serve.safety.supervisor import SignalMode
from tests.serve.bundles import crossing
from tests.serve.fake_device import FakeDevice
from tests.serve.test_run import asks_for

LOST = DeviceError("x:1: lost")


class Wall:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now_s, self.pauses = 0.0, []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def patient(wall, retry_s, on_wait=lambda why: None):
    return ReconnectBackoff(retry_s, wall, wall.sleep, StopRequest(), on_wait)


def pauses_of(wall, patience, n, **options):
    lengths = []
    for _ in range(n):
        before_s = wall.now_s
        patience.lost(LOST, **({"had_ticks": False} | options))
        lengths.append(round(wall.now_s - before_s, 3))
    return lengths


def test_pauses_double_up_to_ten_seconds():
    wall = Wall()
    assert pauses_of(wall, patient(wall, 60.0), 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_connection_that_ticked_makes_it_patient_anew():
    wall = Wall()
    patience = patient(wall, 5.0)
    pauses_of(wall, patience, 3)
    assert pauses_of(wall, patience, 2, had_ticks=True) == [0.5, 0.5]


def test_patience_ends():
    wall = Wall()
    patience = patient(wall, 3.0)
    with pytest.raises(DeviceError, match="x:1"):
        pauses_of(wall, patience, 9)
    assert 3.0 <= wall.now_s <= 6.0


def test_without_retry_the_first_loss_is_the_last():
    wall = Wall()
    with pytest.raises(DeviceError):
        pauses_of(wall, patient(wall, 0.0), 1)
    assert wall.now_s == 0.0


@pytest.mark.parametrize(("had_ticks", "code"), [(True, ExitCode.BACKEND_LOST), (False, ExitCode.TERMINATED)])
def test_a_stop_ends_the_waiting_and_its_code_says_whether_signals_were_held(had_ticks, code):
    wall, stop = Wall(), StopRequest()

    def sleep(seconds):
        wall.sleep(seconds)
        stop(15)

    with pytest.raises(StopError, match="stopped while trying again: x:1: lost") as stopped:
        ReconnectBackoff(100.0, wall, sleep, stop).lost(LOST, had_ticks=had_ticks)
    assert wall.now_s == pytest.approx(0.1)
    assert stopped.value.exit_code is code


def test_every_look_while_a_device_is_away_is_told_and_no_more_than_patience_lasts():
    wall, told = Wall(), []
    with pytest.raises(DeviceError):
        pauses_of(wall, patient(wall, 120.0, lambda why: told.append((wall.now_s, why))), 100)
    times = [time_s for time_s, _ in told]
    assert {why for _, why in told} == {"trying again: x:1: lost"}
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0
    assert 120.0 <= times[-1] <= 130.0


def test_a_lost_device_is_driven_again_and_the_figures_go_on(crossing_bundle):
    from leed_traffic.serve.run import ServeConfig, serve

    wall, opened = Wall(), []

    def connect(config, assignment, make_program, look):
        lost_at_s = 20.0 if len(opened) < 2 else float("inf")
        opened.append(FakeDevice(*crossing(), assignment.lanes, end_s=60.0, lost_at_s=lost_at_s))
        return opened[-1]

    summary = serve(
        ServeConfig(bundle=crossing_bundle, port=1, retry_s=5.0), clock=wall, stop=StopRequest(), connect=connect,
        decider=lambda bundle, ids: asks_for(0), sleep=wall.sleep,
    )  # fmt: skip
    assert len(opened) == 3
    assert all(device.is_closed for device in opened)
    assert summary.reconnections == 2
    assert summary.ticks == 20 + 20 + 60
    assert summary.resume.max_ms == pytest.approx(500.0)
    assert summary.modes == {"C": SignalMode.ENGAGED}


def test_a_gateway_that_is_away_for_two_minutes_is_no_reason_to_be_killed(crossing_bundle):
    """The watchdog of the unit waits for 30 s: while the device is tried again somebody speaks all the time."""
    from leed_traffic.serve.run import ServeConfig, serve

    wall, opened, told = Wall(), [], []

    def connect(config, assignment, make_program, look):
        if opened and wall.now_s < 120.0:
            for _ in range(10):
                wall.sleep(0.1)
                look()
            raise LOST
        opened.append(
            FakeDevice(*crossing(), assignment.lanes, end_s=30.0, lost_at_s=float("inf") if opened else 20.0)
        )
        return opened[-1]

    serve(
        ServeConfig(bundle=crossing_bundle, port=1, retry_s=600.0), clock=wall, stop=StopRequest(), connect=connect,
        decider=lambda bundle, ids: asks_for(0), sleep=wall.sleep, on_wait=lambda why: told.append(wall.now_s),
    )  # fmt: skip
    assert told[-1] >= 110.0
    assert max(b - a for a, b in itertools.pairwise([0.0, *told])) < 1.0


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_stop_while_nobody_listens_ends_connecting_at_once(crossing_bundle, free_port, number, code):
    from leed_traffic.serve.run import ServeConfig, serve

    stop, looks = StopRequest(), []

    def on_wait(why):
        looks.append(why)
        stop(number)

    with pytest.raises(StopError, match="stopped while connecting") as stopped:
        serve(
            ServeConfig(bundle=crossing_bundle, port=free_port, connect_s=3600.0, retry_s=3600.0),
            clock=lambda: 0.0, stop=stop, on_wait=on_wait,
        )  # fmt: skip
    assert stopped.value.exit_code == code
    assert looks == ["connecting"]
