import pytest

from leed_traffic.errors import DeviceError
from leed_traffic.serve.loop import StopRequest
from leed_traffic.serve.patience import Patience
from leed_traffic.serve.supervisor import Mode
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


def pauses_of(wall, patience, n, **options):
    lengths = []
    for _ in range(n):
        before_s = wall.now_s
        patience.lost(LOST, StopRequest(), **({"had_ticks": False} | options))
        lengths.append(round(wall.now_s - before_s, 3))
    return lengths


def test_pauses_double_up_to_ten_seconds():
    wall = Wall()
    assert pauses_of(wall, Patience(60.0, wall, wall.sleep), 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_connection_that_ticked_makes_it_patient_anew():
    wall = Wall()
    patience = Patience(5.0, wall, wall.sleep)
    pauses_of(wall, patience, 3)
    assert pauses_of(wall, patience, 2, had_ticks=True) == [0.5, 0.5]


def test_patience_ends():
    wall = Wall()
    patience = Patience(3.0, wall, wall.sleep)
    with pytest.raises(DeviceError, match="x:1"):
        pauses_of(wall, patience, 9)
    assert 3.0 <= wall.now_s <= 6.0


def test_without_retry_the_first_loss_is_the_last():
    wall = Wall()
    with pytest.raises(DeviceError):
        pauses_of(wall, Patience(0.0, wall, wall.sleep), 1)
    assert wall.now_s == 0.0


def test_a_stop_ends_the_waiting():
    wall, stop = Wall(), StopRequest()

    def sleep(seconds):
        wall.sleep(seconds)
        stop(15)

    with pytest.raises(DeviceError):
        Patience(100.0, wall, sleep).lost(LOST, stop, had_ticks=True)
    assert wall.now_s == pytest.approx(0.1)


def test_a_lost_device_is_driven_again_and_the_figures_go_on(crossing_bundle):
    from leed_traffic.serve.run import ServeConfig, serve

    wall, opened = Wall(), []

    def connect(config, intersections, lanes, make_program):
        lost_at_s = 20.0 if len(opened) < 2 else float("inf")
        opened.append(FakeDevice(*crossing(), lanes, end_s=60.0, lost_at_s=lost_at_s))
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
    assert summary.modes == {"C": Mode.ENGAGED}
