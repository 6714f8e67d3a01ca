import socket

from leed_traffic.drill.rig.frames import GOODBYE, ONE_STEP, read_frame
from leed_traffic.drill.rig.holder import Holder
from tests.drill.rig.answering import answering_server


def test_a_controller_is_relayed_and_then_the_simulation_goes_on_without_it():
    with (
        answering_server() as (port, asked),
        Holder(port) as holder,
        socket.create_connection(("127.0.0.1", holder.port), timeout=5.0) as controller,
    ):
        for _ in range(2):
            controller.sendall(ONE_STEP)
            assert read_frame(controller) == ONE_STEP
        assert holder.steps == 2
        holder.take_over(3)
        assert holder.wait_until_done(5.0)
        assert holder.steps == 2, "those of the controller alone count"
    assert asked == [ONE_STEP] * 5 + [GOODBYE]


def test_a_controller_that_is_killed_is_followed_by_steps_alone():
    with answering_server() as (port, asked), Holder(port) as holder:
        with socket.create_connection(("127.0.0.1", holder.port), timeout=5.0) as controller:
            controller.sendall(ONE_STEP[:6])
        holder.take_over(1)
        assert holder.wait_until_done(5.0)
    assert asked == [ONE_STEP, GOODBYE], "SUMO has seen nothing of the half question"
