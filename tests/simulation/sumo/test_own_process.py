import contextlib
import signal
import time

import pytest

from leed_traffic.artifacts.scenario import load_scenario
from leed_traffic.errors import WorkerError
from leed_traffic.simulation.sumo.engine import Engine
from leed_traffic.simulation.sumo.options import sumo_options
from leed_traffic.simulation.sumo.own_process import OwnProcess
from leed_traffic.simulation.sumo.running import Simulation, SumoError

pytestmark = pytest.mark.sumo

CROSSING = load_scenario("crossing")


@pytest.fixture
def running():
    process = OwnProcess(sumo_options(CROSSING, seed=1, route_files=[]), begin_s=CROSSING.begin_s)
    yield process
    process.close()


def divide(simulation: Simulation, number: int) -> float:
    return number / 0


def wait(simulation: Simulation, seconds: float) -> None:
    time.sleep(seconds)


class Interrupted(BaseException):
    pass


def interrupt(*_):
    raise Interrupted


def test_an_order_is_carried_out_before_the_next_question(running):
    signal_id = "C"
    running.tell(Simulation.jump, signal_id, 2)
    assert running.ask(Simulation.phases, [signal_id]) == [(2, 0.0)]
    assert running.time_s == CROSSING.begin_s


def test_what_sumo_refuses_ends_nothing(running):
    with pytest.raises(SumoError, match="not known"):
        running.ask(Simulation.phases, ["nowhere"])
    running.ask(Simulation.advance, CROSSING.begin_s + 2.0)
    assert running.time_s == CROSSING.begin_s + 2.0


def test_what_goes_wrong_with_an_order_comes_with_the_next_answer(running):
    running.tell(Simulation.jump, "nowhere", 0)
    with pytest.raises(SumoError, match="not known"):
        running.ask(Simulation.phases, [])


def test_an_error_of_ours_tells_where_it_happened_and_ends_the_simulation(running):
    with pytest.raises(RuntimeError, match=r"ZeroDivisionError.* in a process of its own(.|\n)*in divide\n"):
        running.ask(divide, 1)
    with pytest.raises(WorkerError, match="the process of a simulation died"):
        running.ask(Simulation.phases, [])


def test_an_error_of_ours_is_not_hidden_by_the_end_of_the_engine_that_met_it(tmp_path):
    engine = Engine()
    engine.start(CROSSING, seed=1, route_files=[], record=tmp_path)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"), contextlib.closing(engine):
        engine._running.ask(divide, 1)


def test_who_is_interrupted_before_the_answer_gets_no_late_one(running):
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interrupted):
            running.ask(wait, 5.0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(WorkerError, match="the process of a simulation died"):
        running.ask(Simulation.phases, [])
