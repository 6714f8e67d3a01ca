import socket

import pytest

from leed_traffic.drill.rig.frames import GOODBYE, ONE_STEP, read_frame
from leed_traffic.drill.rig.gateway import Cut, Gateway
from tests.drill.rig.answering import answering_server


def connect(gateway):
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=5.0)


def test_the_street_lives_on_when_a_controller_leaves_and_the_next_one_is_served():
    with answering_server() as (port, asked), Gateway(port, steps_alone=2) as gateway:
        for _ in range(2):
            with connect(gateway) as controller:
                controller.sendall(ONE_STEP)
                assert read_frame(controller) == ONE_STEP
                controller.sendall(GOODBYE)
                read_frame(controller)
            assert gateway.was_alone(5.0)
        assert (gateway.clients, gateway.steps) == (2, 2)
    assert asked == [ONE_STEP] * 6 + [GOODBYE], "one step of each controller and two alone, then the end"


@pytest.mark.parametrize(("cut", "seen"), [(Cut.BEFORE, 0), (Cut.AFTER, 1)])
def test_a_line_is_cut_before_the_simulation_hears_a_message_or_after_it_has_obeyed(cut, seen):
    with (
        answering_server() as (port, asked),
        Gateway(port, steps_alone=0, on_question=lambda question: cut) as gateway,
        connect(gateway) as controller,
    ):
        controller.sendall(ONE_STEP)
        assert controller.recv(100) == b"", "nothing comes back"
        assert gateway.was_alone(5.0)
    assert asked == [ONE_STEP] * seen + [GOODBYE]
